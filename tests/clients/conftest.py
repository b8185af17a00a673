"""Merit as others meet it: over HTTP on a real socket, and on the topics of a real Kafka."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from chassis.bus import At, Record
from chassis.serving import listening
from contracts.topics import CRM_TOPICS
from merit import embedded
from tests.conftest import NewDatabase
from tools.cluster.opened import free_ports


@dataclass(frozen=True)
class Running:
    """Merit, and the address of its gateway."""

    merit: embedded.Running
    url: str

    async def records(self) -> list[Record]:
        """Everything on the topics of CRMs."""
        found: list[Record] = []
        for topic in CRM_TOPICS:
            for partition in await self.merit.bus.ends(topic.name):
                found += await self.merit.bus.read(At(partition, 0), 10_000)
        return found


@pytest.fixture(scope="package")
async def running(new_database: NewDatabase) -> AsyncIterator[Running]:
    """All of Merit in this process, behind a port of loopback."""
    port = free_ports(("gateway",))["gateway"]
    async with (
        embedded.running(admin_dsn=await new_database(), issuer=f"http://127.0.0.1:{port}") as merit,
        listening(merit.gateway, port),
    ):
        yield Running(merit, f"http://127.0.0.1:{port}")
