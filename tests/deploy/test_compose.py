"""What docker-compose.yml refers to is there: what a schema cannot see."""

from __future__ import annotations

from tests.deploy.reading import ROOT, compose

SERVICES = compose()["services"]
FOREVER = ("always", "unless-stopped")


def test_what_is_waited_for_is_there_and_comes_to_what_is_waited_for():
    for name, one in SERVICES.items():
        for other, how in one.get("depends_on", {}).items():
            assert other in SERVICES, f"{name} waits for {other}, which is not there"
            waited = SERVICES[other]
            if how["condition"] == "service_healthy":
                checked = "healthcheck" in waited or "build" in waited  # our image has a check of its own
                assert checked, f"{name} waits until {other} is healthy, and nobody asks"
                assert not waited.get("healthcheck", {}).get("disable")
            else:
                assert how["condition"] == "service_completed_successfully"
                assert waited["restart"] not in FOREVER, f"{name} waits for the end of {other}, which has none"


def test_nobody_waits_in_a_circle():
    waits = {name: set(one.get("depends_on", {})) for name, one in SERVICES.items()}
    while ready := {name for name, others in waits.items() if not others}:
        waits = {name: others - ready for name, others in waits.items() if name not in ready}
    assert not waits


def test_what_is_mounted_and_joined_is_declared():
    networks, volumes = compose()["networks"], compose()["volumes"]
    for name, one in SERVICES.items():
        assert set(one["networks"]) <= set(networks), name
        for mount in one.get("volumes", ()):
            source = mount.partition(":")[0]
            assert (ROOT / source).exists() if source.startswith(".") else source in volumes, f"{name}: {mount}"


def test_every_process_of_ours_keeps_the_same_house():
    for name, one in SERVICES.items():
        if "build" in one:
            assert (one["read_only"], one["cap_drop"], one["init"]) == (True, ["ALL"], False), name
            assert one["security_opt"] == ["no-new-privileges:true"]
            assert one["deploy"]["resources"]["limits"].keys() >= {"memory", "cpus"}
