"""Reads what is deployed, and judges it the same way wherever it comes from: files or the chart."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from proxy.config import load_settings
from proxy.settings import rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from proxy.settings import Settings

DEPLOY = Path(__file__).resolve().parent.parent.parent / "deploy"
CHART = DEPLOY / "helm" / "thanoxy"

Manifest = dict[str, Any]

API_VERSIONS = {
    "ConfigMap": "v1",
    "Service": "v1",
    "ServiceAccount": "v1",
    "Deployment": "apps/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "NetworkPolicy": "networking.k8s.io/v1",
    "PodDisruptionBudget": "policy/v1",
    "ServiceMonitor": "monitoring.coreos.com/v1",
    "PrometheusRule": "monitoring.coreos.com/v1",
    "PeerAuthentication": "security.istio.io/v1",
    "AuthorizationPolicy": "security.istio.io/v1",
    "DestinationRule": "networking.istio.io/v1",
    "VirtualService": "networking.istio.io/v1",
    "Kustomization": "kustomize.config.k8s.io/v1beta1",
}


class _OnceLoader(yaml.SafeLoader):
    """Refuses a key that is given twice, as Kubernetes does; PyYAML would take the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if len(set(keys)) != len(keys):
            raise yaml.constructor.ConstructorError(None, None, f"a key is there twice: {keys}")
        return super().construct_mapping(node, deep)


def parse(text: str) -> list[Manifest]:
    documents = yaml.load_all(text, _OnceLoader)
    return [one for one in documents if one is not None]


def read(*paths: Path) -> list[Manifest]:
    return [one for path in paths for one in parse(path.read_text("utf-8"))]


def of_kind(manifests: Iterable[Manifest], kind: str) -> list[Manifest]:
    return [one for one in manifests if one["kind"] == kind]


def named(manifests: Iterable[Manifest], kind: str, name: str) -> Manifest:
    (found,) = (one for one in of_kind(manifests, kind) if one["metadata"]["name"] == name)
    return found


def pod_of(deployment: Manifest) -> Manifest:
    spec: Manifest = deployment["spec"]["template"]["spec"]
    return spec


def the_container(deployment: Manifest) -> Manifest:
    (container,) = pod_of(deployment)["containers"]
    assert isinstance(container, dict)
    return container


def settings_of(deployment: Manifest) -> Settings:
    """What thanoxy itself reads from the arguments; it raises where it would not start.

    Flags that are known and do nothing have no place here.
    """
    settings, idle = load_settings(the_container(deployment)["args"], {})
    assert not idle
    return settings


def unknown_flags(deployment: Manifest) -> list[str]:
    known = {row["flag"] for row in rows()}
    flags = [argument.split("=", 1)[0] for argument in the_container(deployment)["args"]]
    return [flag for flag in flags if not flag.startswith("--") or flag[2:] not in known]


def seconds(duration: str) -> int:
    """Of a duration as Istio writes it."""
    match = re.fullmatch(r"(\d+)s", duration)
    assert match is not None
    return int(match[1])


def judge(manifests: list[Manifest]) -> None:
    """All that must hold of any set of manifests that is to be applied together."""
    names = [(one["kind"], one["metadata"]["name"]) for one in manifests]
    assert len(set(names)) == len(names)
    for one in manifests:
        assert one["apiVersion"] == API_VERSIONS[one["kind"]]
    for deployment in of_kind(manifests, "Deployment"):
        _judge_deployment(deployment)
    _judge_references(manifests)


def _judge_deployment(deployment: Manifest) -> None:
    template, pod = deployment["spec"]["template"], pod_of(deployment)
    assert fits(deployment["spec"]["selector"], template["metadata"]["labels"])
    for constraint in pod["topologySpreadConstraints"]:
        assert fits(constraint["labelSelector"], template["metadata"]["labels"])
    assert pod["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    container = the_container(deployment)
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["requests"].keys() >= {"cpu", "memory"}
    assert "memory" in container["resources"]["limits"]
    assert {"livenessProbe", "readinessProbe"} <= container.keys()
    ports = {port["name"] for port in container["ports"]}
    assert {one["port"] for one in _probed(container)} <= ports
    volumes = {volume["name"] for volume in pod.get("volumes", ())}
    assert {mount["name"] for mount in container.get("volumeMounts", ())} == volumes


def _probed(container: Manifest) -> Iterator[Manifest]:
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if name in container:
            yield container[name].get("httpGet") or container[name]["tcpSocket"]


def _judge_references(manifests: list[Manifest]) -> None:
    """Selectors find pods, and what a pod names is there."""
    deployments = of_kind(manifests, "Deployment")
    pods = [one["spec"]["template"]["metadata"]["labels"] for one in deployments]
    for budget in of_kind(manifests, "PodDisruptionBudget"):
        assert any(fits(budget["spec"]["selector"], labels) for labels in pods)
    for policy in of_kind(manifests, "NetworkPolicy"):
        assert any(fits(policy["spec"]["podSelector"], labels) for labels in pods)
    for monitor in of_kind(manifests, "ServiceMonitor"):
        services = [s for s in of_kind(manifests, "Service") if "labels" in s["metadata"]]
        found = [s for s in services if fits(monitor["spec"]["selector"], s["metadata"]["labels"])]
        (service,) = found
        ports = {port["name"] for port in service["spec"]["ports"]}
        assert {endpoint["port"] for endpoint in monitor["spec"]["endpoints"]} <= ports
    for scaler in of_kind(manifests, "HorizontalPodAutoscaler"):
        target = scaler["spec"]["scaleTargetRef"]
        deployment = named(manifests, target["kind"], target["name"])
        assert "replicas" not in deployment["spec"], "two would say how many"
    for deployment in deployments:
        for volume in pod_of(deployment).get("volumes", ()):
            if "configMap" in volume:
                named(manifests, "ConfigMap", volume["configMap"]["name"])


def fits(selector: Manifest, labels: Manifest) -> bool:
    wanted = selector["matchLabels"]
    return bool(wanted) and wanted.items() <= labels.items()


def judge_thanoxy(deployment: Manifest, service: Manifest) -> None:
    """What must hold of thanoxy's own Deployment and Service beyond that."""
    assert unknown_flags(deployment) == []
    settings, pod, container = settings_of(deployment), pod_of(deployment), the_container(deployment)
    port = int(settings.http_address.rpartition(":")[2])
    assert [one["containerPort"] for one in container["ports"]] == [port]
    assert service["spec"]["selector"].items() <= (
        deployment["spec"]["template"]["metadata"]["labels"].items()
    )
    assert [one["targetPort"] for one in service["spec"]["ports"]] == ["http"]
    (_, pause_s) = container["lifecycle"]["preStop"]["exec"]["command"]
    grace_s = settings.http_grace_period_ms / 1000
    assert pod["terminationGracePeriodSeconds"] > int(pause_s) + grace_s
    assert pod["enableServiceLinks"] is False
    assert "startupProbe" in container
    written = {
        mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly", False)
    }
    assert written == {"/tmp", settings.cache_dir} - {""}
    assert settings.workers, "0 counts the cores of the node"


def probe_paths(deployment: Manifest) -> dict[str, str]:
    container = the_container(deployment)
    return {
        name: container[name]["httpGet"]["path"]
        for name in ("startupProbe", "livenessProbe", "readinessProbe")
    }


def volume_bytes(quantity: str) -> int:
    match = re.fullmatch(r"(\d+)([KMGT])i", quantity)
    assert match is not None
    power: int = 1024 ** (1 + "KMGT".index(match[2]))
    return int(match[1]) * power


def size_of(deployment: Manifest, volume: str) -> int:
    (found,) = (one for one in pod_of(deployment)["volumes"] if one["name"] == volume)
    return volume_bytes(found["emptyDir"]["sizeLimit"])
