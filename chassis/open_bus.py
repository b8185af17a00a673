"""The log that the settings name."""

from __future__ import annotations

from typing import Protocol

from chassis import telemetry
from chassis.bus import Bus
from chassis.kafka_bus import KafkaBus
from chassis.postgres_bus import PostgresBus
from chassis.settings import ServiceSettings


class OpenBus(Bus, Protocol):
    """A log that is to be closed at the end."""

    async def close(self) -> None:
        """Finish what is being appended and disconnect."""
        ...


async def open_bus(settings: ServiceSettings) -> OpenBus:
    """The log in PostgreSQL (raises LogUnavailable when it is down), or Kafka (connects when it is first needed)."""
    telemetry.name_log("kafka" if settings.bus == "kafka" else "postgresql_log")
    if settings.bus == "kafka":
        return KafkaBus(settings.bus_url, replicas=settings.bus_replicas, member=settings.bus_member)
    return await PostgresBus.open(settings.bus_url)
