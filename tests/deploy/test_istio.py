"""The example for a mesh: it encrypts, and leaves the choosing and asking again to thanoxy."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.deploy.manifests import (
    API_VERSIONS,
    DEPLOY,
    Manifest,
    named,
    of_kind,
    read,
    seconds,
    settings_of,
)

FOLDER = DEPLOY / "istio"
PLAIN = DEPLOY / "kubernetes"


@pytest.fixture(scope="module")
def kustomization() -> Manifest:
    (found,) = read(FOLDER / "kustomization.yaml")
    return found


@pytest.fixture(scope="module")
def added(kustomization: Manifest) -> list[Manifest]:
    return read(*(FOLDER / name for name in kustomization["resources"] if name.endswith(".yaml")))


@pytest.fixture(scope="module")
def deployment() -> Manifest:
    (found,) = read(PLAIN / "deployment.yaml")
    return found


def upstream_host(deployment: Manifest) -> str:
    (url,) = settings_of(deployment).downstream_urls
    return url.partition("://")[2].partition(":")[0] + ".cluster.local"


def test_every_file_has_its_use(kustomization: Manifest) -> None:
    used = {*kustomization["resources"], *(patch["path"] for patch in kustomization["patches"])}
    assert used - {"../kubernetes"} == {p.name for p in FOLDER.glob("*.yaml")} - {"kustomization.yaml"}
    assert (FOLDER / "../kubernetes").resolve() == PLAIN


def test_kinds_have_their_versions(added: list[Manifest]) -> None:
    assert [one["apiVersion"] for one in added] == [API_VERSIONS[one["kind"]] for one in added]


def test_nobody_comes_in_without_a_certificate(added: list[Manifest], deployment: Manifest) -> None:
    (authentication,) = of_kind(added, "PeerAuthentication")
    assert authentication["spec"]["mtls"] == {"mode": "STRICT"}
    pods = deployment["spec"]["template"]["metadata"]["labels"]
    for policy in (authentication, *of_kind(added, "AuthorizationPolicy")):
        assert policy["spec"]["selector"]["matchLabels"].items() <= pods.items()


def test_the_rules_are_for_the_name_that_thanoxy_sends(
    added: list[Manifest], deployment: Manifest
) -> None:
    host = upstream_host(deployment)
    (rule,), (service,) = of_kind(added, "DestinationRule"), of_kind(added, "VirtualService")
    assert rule["spec"]["host"] == host
    assert service["spec"]["hosts"] == [host]
    ways = [way["destination"]["host"] for http in service["spec"]["http"] for way in http["route"]]
    assert set(ways) == {host}


def test_the_mesh_neither_chooses_nor_ejects(added: list[Manifest], deployment: Manifest) -> None:
    (rule,) = of_kind(added, "DestinationRule")
    policy = rule["spec"]["trafficPolicy"]
    assert policy["tls"] == {"mode": "ISTIO_MUTUAL"}
    assert policy["loadBalancer"] == {"simple": "PASSTHROUGH"}
    assert "outlierDetection" not in policy
    connecting_ms = 1000 * seconds(policy["connectionPool"]["tcp"]["connectTimeout"])
    assert connecting_ms >= settings_of(deployment).connect_timeout_ms


def test_every_port_of_the_upstream_has_its_own_way_without_retries_or_timeouts(
    added: list[Manifest],
) -> None:
    (headless,) = read(PLAIN / "thanos-query-headless.yaml")
    (service,) = of_kind(added, "VirtualService")
    ports = []
    for http in service["spec"]["http"]:
        assert http["retries"] == {"attempts": 0}
        assert http["timeout"] == "0s"
        (match,), (way,) = http["match"], http["route"]
        assert match["port"] == way["destination"]["port"]["number"]
        ports.append(match["port"])
    assert sorted(ports) == sorted(port["port"] for port in headless["spec"]["ports"])


def test_the_sidecar_outlives_the_requests_that_finish(deployment: Manifest) -> None:
    (patch,) = read(FOLDER / "sidecar.yaml")
    annotations = patch["spec"]["template"]["metadata"]["annotations"]
    config: dict[str, Any] = yaml.safe_load(annotations["proxy.istio.io/config"])
    assert config["holdApplicationUntilProxyStarts"] is True
    grace_s = settings_of(deployment).http_grace_period_ms / 1000
    drain_s = seconds(config["terminationDrainDuration"])
    assert grace_s < drain_s < deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert annotations["prometheus.io/port"] == settings_of(deployment).http_address.rpartition(":")[2]


def test_the_sidecar_s_own_ways_are_open() -> None:
    patch = yaml.safe_load((FOLDER / "network-policy.yaml").read_text("utf-8"))
    opened = {(one["path"], one["value"]["ports"][0]["port"]) for one in patch}
    assert opened == {("/spec/egress/-", 15012), ("/spec/ingress/-", 15020)}
    (policy,) = read(PLAIN / "networkpolicy.yaml")
    assert policy["spec"]["ingress"], "a patch that appends needs a list to append to"
    assert policy["spec"]["egress"]


def test_the_sidecar_is_put_into_the_deployment_that_there_is(deployment: Manifest) -> None:
    (patch,) = read(FOLDER / "sidecar.yaml")
    assert named([patch], "Deployment", deployment["metadata"]["name"])
