"""The settings choose the log."""

from __future__ import annotations

import pytest

from chassis.bus import LogUnavailable
from chassis.kafka_bus import KafkaBus
from chassis.open_bus import open_bus
from chassis.settings import ServiceSettings


async def test_kafka_is_opened_without_being_there():
    settings = ServiceSettings(database_url="unused", bus="kafka", bus_url="127.0.0.1:1", bus_member="pod-0")
    bus = await open_bus(settings)
    assert isinstance(bus, KafkaBus)
    with pytest.raises(LogUnavailable):
        await bus.ends("any")
    await bus.close()


async def test_an_embedded_log_that_is_down_is_told():
    with pytest.raises(LogUnavailable):
        await open_bus(ServiceSettings(database_url="unused", bus_url="postgresql://nobody:x@127.0.0.1:1/none"))
