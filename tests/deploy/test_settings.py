"""What a container is told is what its service understands: no variable misspelt, none missing, all of one mind."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

import pytest

from chassis import db
from chassis.settings import from_environment
from tests.deploy.reading import ROOT, SETTINGS, Container, compose, in_compose, in_kubernetes, of_kind

TELEMETRY = "OTEL_"
SHARED = ("BUS", "BUS_URL", "BUS_REPLICAS", "ISSUER", "JWKS_URL", "ZONE", "CURRENCY")
PORT = 8000


def test_every_variable_is_a_setting(containers):
    known_to_telemetry = (ROOT / "chassis" / "telemetry_export.py").read_text(encoding="utf-8")
    for one in containers:
        prefix = f"{one.service.upper()}_"
        for name in one.environment:
            if name.startswith(TELEMETRY):
                assert f'"{name}"' in known_to_telemetry, f"{one.name}: nobody reads {name}"
            else:
                assert name.startswith(prefix), f"{one.name} is told {name}, which is not of {one.service}"
                field = name.removeprefix(prefix).lower()
                assert field in SETTINGS[one.service].model_fields, f"{one.name}: {one.service} has no setting {name}"


def test_the_settings_are_complete_and_valid(containers, monkeypatch):
    for one in containers:
        with monkeypatch.context() as patch:
            for name in [name for name in os.environ if name.startswith(f"{one.service.upper()}_")]:
                patch.delenv(name)
            for name, value in one.environment.items():
                patch.setenv(name, str(value))
            from_environment(SETTINGS[one.service])


def test_only_migrations_know_the_owner_of_the_database(containers):
    for one in containers:
        knows = f"{one.service.upper()}_ADMIN_DATABASE_URL" in one.environment
        assert knows == (one.command == "migrate"), one.name


def test_each_service_signs_in_as_its_own_role(containers):
    for one in containers:
        if one.service != "gateway":
            address = urlsplit(one.environment[f"{one.service.upper()}_DATABASE_URL"])
            assert address.username == db.role_of(one.service)
            assert address.password, one.name


@pytest.mark.parametrize("setting", SHARED)
def test_what_belongs_to_the_installation_is_the_same_everywhere(containers, setting):
    told = {
        one.environment.get(f"{one.service.upper()}_{setting}")
        for one in containers
        if one.service != "gateway" or setting == "ISSUER"
    }
    assert len(told) == 1, f"{setting}: {told}"
    assert told != {None}


def test_compose_and_kubernetes_tell_a_process_the_same_things():
    """But for the gateway's port: what is told there and not here is a setting that somebody forgot."""
    here = {one.arguments: set(one.environment) for one in in_compose()}
    assert here == {one.arguments: set(one.environment) for one in in_kubernetes("production")}


def test_addresses_lead_to_something_that_listens(place, containers):
    reachable = _reachable(place)
    for one in containers:
        for name, value in one.environment.items():
            if (name.startswith("GATEWAY_") and name.endswith("_URL")) or name.endswith("_JWKS_URL"):
                url = urlsplit(value)
                wanted = name.removeprefix("GATEWAY_").removesuffix("_URL").lower()
                assert url.port == PORT
                assert reachable[url.hostname] == ("auth" if name.endswith("_JWKS_URL") else wanted)


def _reachable(place: str) -> dict[str | None, str]:
    """Which API answers on port 8000 under which name."""
    if place == "compose":
        return {one.name: one.service for one in in_compose() if one.command in ("api", "serve")}
    pods = [one["spec"]["template"]["metadata"]["labels"] for one in of_kind(place, "Deployment")]
    found: dict[str | None, str] = {}
    for service in of_kind(place, "Service"):
        selector = service["spec"]["selector"].items()
        [*behind] = [labels for labels in pods if selector <= labels.items()]
        if behind and service["spec"]["ports"][0]["port"] == PORT:
            assert len(behind) == 1, f"{service['metadata']['name']} leads to several kinds of pods"
            assert behind[0]["app.kubernetes.io/component"] in ("api", "edge")
            found[service["metadata"]["name"]] = behind[0]["app.kubernetes.io/name"]
    return found


def test_the_gateway_listens_where_its_port_is_published():
    gateway = next(one for one in in_compose() if one.service == "gateway")
    assert gateway.environment["GATEWAY_PORT"] == str(PORT)
    assert [port.rpartition(":")[2] for port in compose()["services"]["gateway"]["ports"]] == [str(PORT)]


def test_the_collector_listens_where_everybody_sends():
    endpoints = {one.environment["OTEL_EXPORTER_OTLP_ENDPOINT"] for one in in_compose()}
    [url] = [urlsplit(endpoint) for endpoint in endpoints]
    assert url.hostname in compose()["services"]
    assert f'"0.0.0.0:{url.port}"' in (ROOT / "deploy" / "collector.yaml").read_text(encoding="utf-8")


def test_a_container_is_named_after_what_it_runs(containers: list[Container]):
    for one in containers:
        assert one.image == f"merit-{one.service}"
        assert one.name == ("gateway" if one.service == "gateway" else f"{one.service}-{one.command}")
