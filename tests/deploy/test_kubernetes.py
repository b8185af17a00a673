"""What the manifests promise: the restricted profile, probes, an end in good order, scaling, and a closed network."""

from __future__ import annotations

import re

import pytest

from chassis.process import CLOSE_SECONDS_MAX
from chassis.serving import DRAIN_SECONDS, FINISH_SECONDS_MAX
from chassis.telemetry_export import SHUTDOWN_SECONDS_MAX
from contracts.topics import CRM_TOPICS, TOPICS
from tests.deploy.reading import ROOT, compose, in_compose, of_kind

PARTITIONS = {topic.name: topic.partitions for topic in TOPICS}
ENDING_SECONDS_MAX = DRAIN_SECONDS + FINISH_SECONDS_MAX + CLOSE_SECONDS_MAX + SHUTDOWN_SECONDS_MAX
PROBES = {"startupProbe": "/startupz", "livenessProbe": "/livez", "readinessProbe": "/readyz"}


def pods(overlay):
    kinds = ("Deployment", "Job", "StatefulSet")
    return {one["metadata"]["name"]: one["spec"]["template"]["spec"] for one in of_kind(overlay, *kinds)}


def deployments(overlay):
    return {one["metadata"]["name"]: one for one in of_kind(overlay, "Deployment")}


def test_every_pod_keeps_the_restricted_profile(overlay):
    for name, pod in pods(overlay).items():
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
        assert all({"emptyDir"} == volume.keys() - {"name"} for volume in pod.get("volumes", ()))
        for container in pod["containers"]:
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    [namespace] = of_kind(overlay, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_our_pods_have_a_read_only_root_and_no_token(overlay):
    accounts = {one["metadata"]["name"]: one for one in of_kind(overlay, "ServiceAccount")}
    for name, pod in pods(overlay).items():
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["enableServiceLinks"] is False, f"{name}: a Service's name would become a setting"
        if pod["containers"][0]["image"].rpartition("/")[2].startswith("merit-"):
            assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True
            assert accounts[pod["serviceAccountName"]]["automountServiceAccountToken"] is False
    assert set(accounts) == {"auth", "ingest", "kpi", "incentive", "gateway"}


def test_every_container_has_requests_and_limits(overlay):
    for pod in pods(overlay).values():
        for container in pod["containers"]:
            assert container["resources"]["requests"].keys() >= {"cpu", "memory"}
            assert container["resources"]["limits"].keys() >= {"cpu", "memory"}


def test_every_process_is_asked_for_its_health(overlay):
    for name, deployment in deployments(overlay).items():
        [container] = deployment["spec"]["template"]["spec"]["containers"]
        assert container["ports"] == [{"name": "http", "containerPort": 8000, "protocol": "TCP"}], name
        for probe, path in PROBES.items():
            assert container[probe]["httpGet"] == {"path": path, "port": "http"}


def test_a_process_has_the_time_that_it_may_take_to_end(overlay):
    for name, deployment in deployments(overlay).items():
        pod = deployment["spec"]["template"]["spec"]
        before = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert pod["terminationGracePeriodSeconds"] > before + ENDING_SECONDS_MAX, name
    for one in in_compose():
        grace = compose()["services"][one.name]["stop_grace_period"]
        assert int(grace.removesuffix("s")) > ENDING_SECONDS_MAX


def test_two_of_each_kind_run_in_production_and_are_spread():
    scaled = {one["spec"]["scaleTargetRef"]["name"]: one["spec"] for one in of_kind("production", "ScaledObject")}
    grown = {
        one["spec"]["scaleTargetRef"]["name"]: one["spec"] for one in of_kind("production", "HorizontalPodAutoscaler")
    }
    for name, deployment in deployments("production").items():
        least = scaled.get(name, {}).get("minReplicaCount") or grown.get(name, {}).get("minReplicas")
        assert (least or deployment["spec"].get("replicas", 1)) >= 2, name
        assert least is None or "replicas" not in deployment["spec"], f"{name}: a release would undo its scaling"
        keys = [one["topologyKey"] for one in deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]]
        assert keys == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
    assert scaled.keys() | grown.keys() <= deployments("production").keys()
    assert not scaled.keys() & grown.keys(), "two masters over one number of replicas"


def test_every_kind_of_pod_has_a_disruption_budget():
    budgets = [one["spec"]["selector"]["matchLabels"] for one in of_kind("production", "PodDisruptionBudget")]
    for name, deployment in deployments("production").items():
        labels = deployment["spec"]["template"]["metadata"]["labels"].items()
        assert len([one for one in budgets if one.items() <= labels]) == 1, name


def test_workers_grow_with_the_lag_of_the_group_that_they_join():
    scaled = of_kind("production", "ScaledObject")
    assert {one["spec"]["scaleTargetRef"]["name"] for one in scaled} == {"kpi-worker", "incentive-worker"}
    for one in scaled:
        service = one["metadata"]["name"].removesuffix("-worker")
        triggers = [trigger["metadata"] for trigger in one["spec"]["triggers"]]
        read = [topic.name for topic in CRM_TOPICS if service in topic.consumers]
        assert [told["topic"] for told in triggers] == read
        consumers = (ROOT / "services" / service / "consumers.py").read_text(encoding="utf-8")
        joined = re.findall(r'Inbox\(\s*bus,\s*database,\s*clock,\s*"([\w-]+)",\s*\[CRM_SALES\.name[^\]]*\]', consumers)
        container = deployments("production")[f"{service}-worker"]["spec"]["template"]["spec"]["containers"][0]
        for told in triggers:
            assert joined == [told["consumerGroup"]]
            assert one["spec"]["maxReplicaCount"] <= PARTITIONS[told["topic"]]
            assert told["excludePersistentLag"] == "true"
            assert told["bootstrapServersFromEnv"] in {entry["name"] for entry in container["env"]}


def test_nothing_may_talk_unless_it_is_said(overlay):
    policies = {one["metadata"]["name"]: one["spec"] for one in of_kind(overlay, "NetworkPolicy")}
    closed = policies.pop("nothing")
    assert closed == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for name, policy in policies.items():
        for rule in [*policy.get("ingress", ()), *policy.get("egress", ())]:
            assert rule["ports"], f"{name} opens every port"
    data = policies["data"]["podSelector"]["matchExpressions"]
    assert [one["values"] for one in data] == [["api", "worker", "relay", "migrate"]], "the gateway reaches no data"


@pytest.mark.parametrize(
    ("caller", "called"), [("edge", "api"), ("api", "api"), ("world", "edge")], ids=["to-apis", "to-keys", "to-gateway"]
)
def test_what_must_talk_may(caller, called):
    """A connection needs both: its sender's egress and its receiver's ingress."""
    policies = [one["spec"] for one in of_kind("production", "NetworkPolicy")]
    receives = [p for p in policies for r in p.get("ingress", ()) if _component(p["podSelector"]) == called]
    assert any(_names(peer, caller) for p in receives for r in p["ingress"] for peer in r["from"])
    if caller != "world":
        sends = [p for p in policies if _component(p["podSelector"]) == caller and p.get("egress")]
        assert any(_names(peer, called) for p in sends for r in p["egress"] for peer in r["to"])


def _component(selector):
    return selector.get("matchLabels", {}).get("app.kubernetes.io/component")


def _names(peer, component):
    if component == "world":
        return peer.get("namespaceSelector") == {"matchLabels": {"merit.edge": "true"}}
    return _component(peer.get("podSelector", {})) == component
