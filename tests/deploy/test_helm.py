"""The chart, linted and rendered by Helm itself."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from proxy import __version__
from proxy.cache_config import read_cache_config, tier_config
from proxy.config import load_settings
from proxy.http_config import read_http_config
from proxy.limits_config import default_limits, read_limits
from proxy.store.tier_config import MemcachedConfig
from proxy.tripper_config import read_tripper_config
from scripts.real_servers import binary
from tests.deploy.expressions import RULES
from tests.deploy.manifests import (
    CHART,
    Manifest,
    fits,
    judge,
    judge_thanoxy,
    named,
    of_kind,
    parse,
    pod_of,
    probe_paths,
    settings_of,
    size_of,
    the_container,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

FULL = Path(__file__).with_name("full_values.yaml")

MEMCACHED = ("cache.tier=memcached", "cache.memcached.addresses[0]=memcached:11211")


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [binary("helm"), *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def render(values: Sequence[str] = (), *, files: Sequence[Path] = (), release: str = "thanoxy") -> str:
    given = [word for value in values for word in ("--set", value)]
    given += [word for file in files for word in ("--values", str(file))]
    done = helm("template", release, str(CHART), "--namespace", "watching", *given)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rendered(*values: str, files: Sequence[Path] = ()) -> list[Manifest]:
    manifests = parse(render(values, files=files))
    judge(manifests)
    judge_thanoxy(named(manifests, "Deployment", "thanoxy"), named(manifests, "Service", "thanoxy"))
    return manifests


def refused(*values: str) -> str:
    given = [word for value in values for word in ("--set", value)]
    done = helm("template", "thanoxy", str(CHART), *given)
    assert done.returncode != 0
    return done.stderr


def files_of(manifests: list[Manifest], folder: Path) -> Path:
    """The ConfigMap as a folder of files."""
    for name, text in named(manifests, "ConfigMap", "thanoxy")["data"].items():
        (folder / name).write_text(text, "utf-8")
    return folder


@pytest.fixture(scope="module")
def usual() -> list[Manifest]:
    return rendered()


@pytest.fixture(scope="module")
def full() -> list[Manifest]:
    return rendered(files=[FULL])


@pytest.mark.parametrize("values", [[], ["--values", str(FULL)]], ids=["usual", "full"])
def test_helm_finds_nothing_wrong_with_it(values: list[str]) -> None:
    done = helm("lint", "--strict", str(CHART), *values)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_schema_knows_every_value_and_no_other() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    values = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    assert schema["properties"].keys() - {"global"} == values.keys()
    for name, value in values.items():
        if schema["properties"][name].get("additionalProperties") is False:
            assert schema["properties"][name]["properties"].keys() == value.keys()


def test_the_chart_is_of_this_version_of_thanoxy() -> None:
    (chart,) = parse((CHART / "Chart.yaml").read_text("utf-8"))
    assert chart["appVersion"] == __version__


def test_with_its_usual_values_it_is_what_the_plain_manifests_are(usual: list[Manifest]) -> None:
    kinds = sorted(one["kind"] for one in usual)
    assert kinds == [
        "ConfigMap", "Deployment", "HorizontalPodAutoscaler", "NetworkPolicy",
        "PodDisruptionBudget", "Service", "Service", "ServiceAccount",
    ]  # fmt: skip
    deployment = named(usual, "Deployment", "thanoxy")
    assert probe_paths(deployment) == {
        "startupProbe": "/-/healthy",
        "livenessProbe": "/-/healthy",
        "readinessProbe": "/-/ready",
    }
    assert settings_of(deployment).cache_dir_bytes < size_of(deployment, "disk")


def test_it_asks_the_pods_behind_its_own_headless_service(usual: list[Manifest]) -> None:
    settings = settings_of(named(usual, "Deployment", "thanoxy"))
    assert settings.downstream_urls == ("dns+http://thanoxy-upstream.watching.svc:10902",)
    spec = named(usual, "Service", "thanoxy-upstream")["spec"]
    assert spec["clusterIP"] == "None"
    assert spec["selector"] == {"app.kubernetes.io/name": "thanos-query"}


def test_the_headless_service_is_none_that_prometheus_scrapes() -> None:
    manifests = rendered("serviceMonitor.enabled=true")
    (monitor,) = of_kind(manifests, "ServiceMonitor")
    upstream = named(manifests, "Service", "thanoxy-upstream")
    assert not fits(monitor["spec"]["selector"], upstream["metadata"]["labels"])


def test_alerts_and_dashboard_come_when_they_are_asked_for(
    usual: list[Manifest], full: list[Manifest]
) -> None:
    assert not of_kind(usual, "PrometheusRule")
    (rule,) = of_kind(rendered("prometheusRule.enabled=true"), "PrometheusRule")
    assert rule["spec"] == yaml.safe_load(RULES.read_text("utf-8"))
    (clickable,) = of_kind(full, "PrometheusRule")
    assert clickable["metadata"]["labels"]["release"] == "prometheus"
    texts = [
        one["annotations"]
        for group in clickable["spec"]["groups"]
        for one in group["rules"]
        if "alert" in one
    ]
    assert {text["runbook_url"].partition("#")[0] for text in texts} == {
        "https://git.example/thanoxy/docs/runbook.md"
    }
    board = named(full, "ConfigMap", "thanoxy-dashboard")
    assert board["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert json.loads(board["data"]["thanoxy.json"])["uid"] == "thanoxy"


def test_other_upstreams_take_its_place() -> None:
    manifests = rendered("upstream.urls={http://a:1,dnssrv+http://_http._tcp.b}")
    settings = settings_of(named(manifests, "Deployment", "thanoxy"))
    assert settings.downstream_urls == ("http://a:1", "dnssrv+http://_http._tcp.b")
    assert len(of_kind(manifests, "Service")) == 1


def test_thanoxy_reads_every_file_that_it_is_given(full: list[Manifest], tmp_path: Path) -> None:
    folder = files_of(full, tmp_path)
    settings = settings_of(named(full, "Deployment", "thanoxy"))
    table = read_limits(str(folder / "limits.yaml"), default_limits(settings))
    assert table.blocked[0].reason == 'name the metric: "up", not {}'
    assert set(table.tenants) == {"reports"}
    web = read_http_config(str(folder / "web.yaml"))
    assert web.tls is not None
    assert web.tls.client_ca_file == "/etc/thanoxy/tls/ca.crt"
    upstream = read_tripper_config("", str(folder / "upstream.yaml"))
    assert upstream.tls is not None
    assert upstream.tls.cert_file == "/etc/thanoxy/upstream-tls/tls.crt"


def test_every_file_that_a_flag_names_is_mounted(full: list[Manifest]) -> None:
    deployment = named(full, "Deployment", "thanoxy")
    settings = settings_of(deployment)
    mounts = {m["mountPath"]: m["name"] for m in the_container(deployment)["volumeMounts"]}
    kept = named(full, "ConfigMap", "thanoxy")["data"]
    for path in (
        settings.limits_config_file,
        settings.http_config,
        settings.tripper_config_file,
        settings.cache_config_file,
    ):
        folder, _, name = path.rpartition("/")
        assert mounts[folder] == "config"
        assert name in kept
    assert {mounts["/etc/thanoxy/tls"], mounts["/etc/thanoxy/upstream-tls"]} == {"tls", "upstream-tls"}


@pytest.mark.parametrize("values", [(), MEMCACHED], ids=["disk", "memcached"])
def test_the_cache_is_one_that_thanoxy_opens(values: tuple[str, ...], tmp_path: Path) -> None:
    manifests = rendered("cache.memory=256MB", *values)
    deployment = named(manifests, "Deployment", "thanoxy")
    file = files_of(manifests, tmp_path) / "cache.yaml"
    arguments = [
        f"--query-range.response-cache-config-file={file}" if "response-cache" in one else one
        for one in the_container(deployment)["args"]
    ]
    settings, _ = load_settings(arguments, {})
    assert read_cache_config(settings).max_bytes == 256 << 20
    assert tier_config(settings) is not None
    assert isinstance(tier_config(settings), MemcachedConfig) is (values == MEMCACHED)


def test_memcached_is_found_by_pod_and_reached_by_thanoxy_alone(full: list[Manifest]) -> None:
    cache = yaml.safe_load(named(full, "ConfigMap", "thanoxy")["data"]["cache.yaml"])
    assert cache["config"]["addresses"] == ["dns+thanoxy-memcached.watching.svc:11211"]
    assert named(full, "Service", "thanoxy-memcached")["spec"]["clusterIP"] == "None"
    policy = named(full, "NetworkPolicy", "thanoxy-memcached")["spec"]
    ((peer,),) = (rule["from"] for rule in policy["ingress"])
    pods = named(full, "Deployment", "thanoxy")["spec"]["template"]["metadata"]["labels"]
    assert fits(peer["podSelector"], pods)
    own = named(full, "Deployment", "thanoxy-memcached")["spec"]["template"]["metadata"]["labels"]
    selector = named(full, "Service", "thanoxy")["spec"]["selector"]
    assert not selector.items() <= own.items(), "clients would be sent to memcached"
    egress = named(full, "NetworkPolicy", "thanoxy")["spec"]["egress"]
    (rule,) = (rule for rule in egress if rule["ports"][0]["port"] == 11211)
    (reached,) = rule["to"]
    assert fits(reached["podSelector"], own)


def test_without_autoscaling_the_number_is_given(full: list[Manifest]) -> None:
    assert named(full, "Deployment", "thanoxy")["spec"]["replicas"] == 5
    assert not of_kind(full, "HorizontalPodAutoscaler")


def test_a_cache_of_a_secret_is_read_from_there() -> None:
    manifests = rendered("cache.tier=secret", "cache.existingSecret=redis")
    deployment = named(manifests, "Deployment", "thanoxy")
    assert settings_of(deployment).cache_config_file == "/etc/thanoxy/cache/cache.yaml"
    secrets = [v["secret"]["secretName"] for v in pod_of(deployment)["volumes"] if "secret" in v]
    assert secrets == ["redis"]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ((), "HTTP"),
        (("server.tls.secretName=a",), "HTTPS"),
        (("server.tls.secretName=a", "server.tls.clientAuth=true"), "tcp"),
        (("server.webConfigSecret=a",), "tcp"),
        (("server.webConfigSecret=a", "server.probes=https"), "HTTPS"),
    ],
)
def test_probes_ask_what_they_are_allowed_to(values: tuple[str, ...], kind: str) -> None:
    container = the_container(named(rendered(*values), "Deployment", "thanoxy"))
    for name in ("startupProbe", "livenessProbe", "readinessProbe"):
        probe = container[name]
        assert probe.get("httpGet", {"scheme": "tcp"})["scheme"] == kind
        assert ("tcpSocket" in probe) is (kind == "tcp")


def test_a_change_of_what_is_read_at_the_start_replaces_the_pods() -> None:
    def mark(*values: str) -> str:
        template = named(rendered(*values), "Deployment", "thanoxy")["spec"]["template"]
        text = template["metadata"]["annotations"]["thanoxy/start-settings"]
        assert isinstance(text, str)
        return text

    assert mark() != mark("cache.memory=1GB")
    assert mark() == mark("limits.default.max_query_steps=100"), "that file is read again"


def test_two_releases_share_nothing() -> None:
    names = [
        {(one["kind"], one["metadata"]["name"]) for one in parse(render(release=release))}
        for release in ("thanoxy", "other")
    ]
    assert not set.intersection(*names)
    one, other = (
        of_kind(parse(render(release=release)), "Service")[0]["spec"]["selector"]
        for release in ("thanoxy", "other")
    )
    assert one != other


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (("nonsense=1",), "nonsense"),
        (("workers=many",), "workers"),
        (("cache.tier=floppy",), "tier"),
        (("cache.memory=lots",), "memory"),
        (("upstream.urls={thanos:1}",), "urls"),
        (("extraArgs={cache.life=1h}",), "extraArgs"),
        (("cache.tier=memcached",), "cache.memcached.addresses"),
        (("cache.tier=secret",), "cache.existingSecret"),
        (("upstream.headless.create=false",), "upstream.urls"),
        (("server.tls.clientAuth=true",), "server.tls.secretName"),
        (("server.tls.secretName=a", "server.webConfigSecret=b"), "not both"),
        (("upstream.tls.clientCertificate=true",), "upstream.tls.secretName"),
        (("autoscaling.minReplicas=9",), "maxReplicas"),
        (("networkPolicy.dns=null",), "networkPolicy.dns"),
    ],
)
def test_what_cannot_work_is_refused_by_name(values: tuple[str, ...], words: str) -> None:
    assert words in refused(*values)


def test_nobody_in_the_list_means_nobody_and_not_everybody() -> None:
    manifests = rendered("networkPolicy.from=null")
    assert named(manifests, "NetworkPolicy", "thanoxy")["spec"]["ingress"] == []


def test_the_notes_say_what_to_give_to_grafana(tmp_path: Path) -> None:
    done = helm(
        "install", "thanoxy", str(CHART), "--namespace", "watching", "--dry-run=client",
        "--kubeconfig", str(tmp_path / "none"), "--values", str(FULL),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "https://thanoxy.watching.svc:9095" in done.stdout.partition("NOTES:")[2]
