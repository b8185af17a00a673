"""Reads what is deployed (docker-compose.yml, the kustomizations) as containers of ours: command and environment."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from chassis.settings import ServiceSettings
from gateway.settings import GatewaySettings
from services.auth.settings import AuthSettings
from services.incentive.settings import IncentiveSettings
from services.ingest.settings import IngestSettings
from services.kpi.settings import KpiSettings

ROOT = Path(__file__).parents[2]
OVERLAYS = ("production", "development")
SETTINGS: dict[str, type[ServiceSettings] | type[GatewaySettings]] = {
    "auth": AuthSettings,
    "ingest": IngestSettings,
    "kpi": KpiSettings,
    "incentive": IncentiveSettings,
    "gateway": GatewaySettings,
}
_VARIABLE = re.compile(r"\$\{([A-Z_]+)(?::([-?])([^}]*))?\}")
Document = dict[str, Any]


@dataclass(frozen=True)
class Container:
    """A container of ours. ``environment``: a value that a Kubernetes Secret holds is read as that of development."""

    place: str
    name: str
    image: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    whole: Document

    @property
    def service(self) -> str:
        """auth, ingest, kpi, incentive or gateway."""
        return self.arguments[0].removeprefix("services.")

    @property
    def command(self) -> str:
        return self.arguments[1]


@cache
def compose() -> Document:
    """docker-compose.yml with every variable that it demands set to its own name, and defaults where it has them."""
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    document: Document = yaml.safe_load(_VARIABLE.sub(_value, text))
    return document


def _value(found: re.Match[str]) -> str:
    assert found[2], f"${{{found[1]}}} has neither a default nor a `:?` that demands it"
    return found[3] if found[2] == "-" else found[1].lower().replace("_", "-")


@cache
def kustomized(overlay: str) -> list[Document]:
    """What ``kubectl kustomize`` makes of an overlay. Without kubectl the test is skipped, loudly; never in CI."""
    if shutil.which("kubectl") is None:
        missing = "KUBERNETES MANIFESTS ARE NOT TESTED: kubectl, which puts them together, is not installed"
        pytest.fail(missing, pytrace=False) if os.environ.get("CI") else pytest.skip(missing)
    command = ["kubectl", "kustomize", str(ROOT / "deploy" / "k8s" / "overlays" / overlay)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return list(yaml.safe_load_all(done.stdout))


def of_kind(overlay: str, *kinds: str) -> list[Document]:
    """The documents of these kinds."""
    return [one for one in kustomized(overlay) if one["kind"] in kinds]


def in_compose() -> list[Container]:
    """Our containers in docker-compose.yml: those that are built here."""
    return [
        Container("compose", name, one["image"].partition(":")[0], tuple(one["command"]), one["environment"], one)
        for name, one in compose()["services"].items()
        if "build" in one
    ]


def in_kubernetes(overlay: str) -> list[Container]:
    """Our containers in an overlay."""
    found = []
    for one in of_kind(overlay, "Deployment", "Job"):
        [container] = one["spec"]["template"]["spec"]["containers"]
        image = container["image"].rpartition("/")[2].partition(":")[0]
        environment = dict(_environment(overlay, container["env"]))
        found.append(
            Container(overlay, one["metadata"]["name"], image, tuple(container["args"]), environment, container)
        )
    return found


def everywhere() -> list[Container]:
    """Every container of ours in every place."""
    return [*in_compose(), *(one for overlay in OVERLAYS for one in in_kubernetes(overlay))]


def _environment(overlay: str, entries: list[Document]) -> Iterator[tuple[str, str]]:
    for entry in entries:
        assert entry.keys() in ({"name", "value"}, {"name", "valueFrom"})
        if "value" in entry:
            yield entry["name"], entry["value"]
            continue
        [(kind, reference)] = entry["valueFrom"].items()
        if kind == "secretKeyRef":
            yield entry["name"], _secret(reference["name"], reference["key"])
        else:
            held = next(c for c in of_kind(overlay, "ConfigMap") if c["metadata"]["name"] == reference["name"])["data"]
            if reference["key"] in held or not reference.get("optional"):
                yield entry["name"], held[reference["key"]]


def _secret(name: str, key: str) -> str:
    """From the secrets of the development overlay, whose names carry a hash of what they hold."""
    kustomization = ROOT / "deploy" / "k8s" / "overlays" / "development" / "kustomization.yaml"
    held = yaml.safe_load(kustomization.read_text(encoding="utf-8"))["secretGenerator"]
    bare = next(one for one in held if re.fullmatch(rf"{one['name']}(-[a-z0-9]{{10}})?", name))
    values = dict(literal.split("=", 1) for literal in bare["literals"])
    return values[key]
