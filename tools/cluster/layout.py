"""Which processes a cluster has, and the environment of each: what a container of it would be given."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from merit.embedded import Schemas
from merit.home import Installation

ROOT = Path(__file__).resolve().parents[2]
WORKERS = 2
SERVICES = ("auth", "ingest", "kpi", "incentive")
CONNECTIONS_MAX = 4
"""Per process: a dozen of them share one small server."""
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONWARNINGS")
"""What a process has of our own environment, beside its settings; OTEL_* goes along too."""


@dataclass(frozen=True)
class Spec:
    """A process: its name, its command, what it is told, and the port where it tells its health."""

    name: str
    module: str
    command: str
    port: int
    environment: Mapping[str, str]

    @property
    def line(self) -> list[str]:
        return [sys.executable, "-m", self.module, self.command]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@dataclass(frozen=True)
class Layout:
    """A whole cluster: ``ports``: the gateway's, and one for each other process."""

    schemas: Schemas
    kafka: str
    chosen: Installation
    ports: Mapping[str, int]
    drain_seconds: float

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.ports['gateway']}"

    def specs(self) -> list[Spec]:
        """In the order of starting; they end in the opposite one."""
        services = [self._service(name) for name in NAMES if name != "gateway"]
        return [*services, Spec("gateway", "gateway", "serve", self.ports["gateway"], self._gateway())]

    def migrations(self) -> list[Spec]:
        """The commands that prepare a service each, to be run before anything else: only they know the owner."""
        owner = {name: {f"{name.upper()}_ADMIN_DATABASE_URL": self.schemas.admin_dsn} for name in SERVICES}
        return [
            Spec(f"{name}-migrate", f"services.{name}", "migrate", 0, self.settings(name, None) | owner[name])
            for name in SERVICES
        ]

    def settings(self, service: str, port: int | None) -> dict[str, str]:
        """What a service is told, by environment variables."""
        told = {
            "DATABASE_URL": self.schemas.dsn(service),
            "BUS": "kafka",
            "BUS_URL": self.kafka,
            "ISSUER": self.issuer,
            "JWKS_URL": f"http://127.0.0.1:{self.ports['auth-api']}/.well-known/jwks.json",
            "ZONE": self.chosen.zone,
            "CURRENCY": self.chosen.currency,
            "CONNECTIONS_MAX": str(CONNECTIONS_MAX),
            "DRAIN_SECONDS": str(self.drain_seconds),
        } | ({"PORT": str(port)} if port else {})
        return inherited() | {f"{service.upper()}_{key}": value for key, value in told.items()}

    def _service(self, name: str) -> Spec:
        service, command = name.split("-")[:2]
        port = self.ports[name]
        return Spec(name, f"services.{service}", command, port, self.settings(service, port))

    def _gateway(self) -> dict[str, str]:
        urls = {f"GATEWAY_{name.upper()}_URL": f"http://127.0.0.1:{self.ports[f'{name}-api']}" for name in SERVICES}
        own = {
            "GATEWAY_PORT": str(self.ports["gateway"]),
            "GATEWAY_ISSUER": self.issuer,
            "GATEWAY_DRAIN_SECONDS": str(self.drain_seconds),
        }
        return inherited() | urls | own


NAMES = (
    "auth-api",
    "auth-relay",
    "ingest-api",
    "ingest-relay",
    "kpi-api",
    *(f"kpi-worker-{n}" for n in range(1, WORKERS + 1)),
    "kpi-relay",
    "incentive-api",
    *(f"incentive-worker-{n}" for n in range(1, WORKERS + 1)),
    "incentive-relay",
    "gateway",
)
"""Every process of a cluster, those that others need first."""


def inherited() -> dict[str, str]:
    """What every process has of our own environment."""
    return {k: v for k, v in os.environ.items() if k in KEPT or k.startswith("OTEL_")}
