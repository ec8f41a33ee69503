"""The plain manifests: what they promise, and that thanoxy understands what they say to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from proxy.limits_config import default_limits, read_limits
from tests.deploy.expressions import RULES
from tests.deploy.manifests import (
    DEPLOY,
    Manifest,
    judge,
    judge_thanoxy,
    named,
    of_kind,
    probe_paths,
    read,
    settings_of,
    size_of,
    the_container,
)

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = DEPLOY / "kubernetes"


@pytest.fixture(scope="module")
def kustomization() -> Manifest:
    (found,) = read(FOLDER / "kustomization.yaml")
    return found


@pytest.fixture(scope="module")
def applied(kustomization: Manifest) -> list[Manifest]:
    return read(*(FOLDER / name for name in kustomization["resources"]))


@pytest.fixture(scope="module")
def deployment(applied: list[Manifest]) -> Manifest:
    return named(applied, "Deployment", "thanoxy")


def test_they_fit_together(applied: list[Manifest]) -> None:
    judge(applied)
    judge([*applied, *read(*sorted((FOLDER / "optional").glob("*.yaml")))])


def test_thanoxy_starts_with_them(applied: list[Manifest], deployment: Manifest) -> None:
    judge_thanoxy(deployment, named(applied, "Service", "thanoxy"))


def test_every_file_is_applied_or_optional(kustomization: Manifest) -> None:
    files = {path.name for path in FOLDER.glob("*.yaml")}
    assert files == {*kustomization["resources"], "kustomization.yaml"}
    text = (FOLDER / "kustomization.yaml").read_text("utf-8")
    for path in (FOLDER / "optional").glob("*.yaml"):
        assert f"# - optional/{path.name} " in text


def test_the_alerts_of_the_operator_are_those_of_the_rules() -> None:
    (rule,) = read(FOLDER / "optional" / "prometheusrule.yaml")
    assert rule["spec"] == yaml.safe_load(RULES.read_text("utf-8"))


def test_the_image_is_the_one_that_the_kustomization_replaces(
    kustomization: Manifest, deployment: Manifest
) -> None:
    assert the_container(deployment)["image"] in {one["name"] for one in kustomization["images"]}


def test_liveness_never_asks_thanos_and_readiness_does(deployment: Manifest) -> None:
    assert probe_paths(deployment) == {
        "startupProbe": "/-/healthy",
        "livenessProbe": "/-/healthy",
        "readinessProbe": "/-/ready",
    }


def test_readiness_waits_longer_than_the_question_behind_it(deployment: Manifest) -> None:
    waits_s = the_container(deployment)["readinessProbe"]["timeoutSeconds"]
    assert waits_s * 1000 > settings_of(deployment).ready_timeout_ms


def test_the_upstream_is_a_headless_service_of_this_namespace(
    kustomization: Manifest, applied: list[Manifest], deployment: Manifest
) -> None:
    (url,) = settings_of(deployment).downstream_urls
    scheme, _, rest = url.partition("://")
    host, _, port = rest.partition(":")
    name, namespace, kind = host.split(".")
    assert (scheme, namespace, kind) == ("dns+http", kustomization["namespace"], "svc")
    spec = named(applied, "Service", name)["spec"]
    assert spec["clusterIP"] == "None"
    assert int(port) in {one["port"] for one in spec["ports"]}


def test_the_folder_on_disk_is_smaller_than_its_volume(deployment: Manifest) -> None:
    room = size_of(deployment, "cache")
    assert settings_of(deployment).cache_dir_bytes < room
    asked = the_container(deployment)["resources"]["requests"]["ephemeral-storage"]
    assert asked == f"{room >> 30}Gi"


def test_the_limits_file_is_one_that_thanoxy_reads(
    applied: list[Manifest], deployment: Manifest, tmp_path: Path
) -> None:
    settings = settings_of(deployment)
    (mount,) = (m for m in the_container(deployment)["volumeMounts"] if m["name"] == "limits")
    folder, _, name = settings.limits_config_file.rpartition("/")
    assert mount["mountPath"] == folder
    assert "subPath" not in mount, "changes would never arrive"
    file = tmp_path / name
    file.write_text(named(applied, "ConfigMap", "thanoxy")["data"][name], "utf-8")
    table = read_limits(str(file), default_limits(settings))
    assert table.blocked


def test_there_are_never_fewer_than_two(applied: list[Manifest]) -> None:
    (scaler,) = of_kind(applied, "HorizontalPodAutoscaler")
    assert scaler["spec"]["minReplicas"] >= 2
    (budget,) = of_kind(applied, "PodDisruptionBudget")
    assert budget["spec"]["maxUnavailable"] == 1


def test_it_scales_by_cpu_of_which_a_request_is_made(
    applied: list[Manifest], deployment: Manifest
) -> None:
    (scaler,) = of_kind(applied, "HorizontalPodAutoscaler")
    (metric,) = scaler["spec"]["metrics"]
    assert metric["resource"]["name"] == "cpu"
    assert metric["resource"]["target"]["type"] == "Utilization"
    assert "cpu" in the_container(deployment)["resources"]["requests"]


def test_every_way_in_and_out_names_who_and_which_port(applied: list[Manifest]) -> None:
    (policy,) = of_kind(applied, "NetworkPolicy")
    spec = policy["spec"]
    assert sorted(spec["policyTypes"]) == ["Egress", "Ingress"]
    for rules, side in ((spec["ingress"], "from"), (spec["egress"], "to")):
        assert rules
        assert all(rule[side] and rule["ports"] for rule in rules)
    ports = {port["port"] for rule in spec["egress"] for port in rule["ports"]}
    assert ports == {10902, 10901, 53, 11211}
