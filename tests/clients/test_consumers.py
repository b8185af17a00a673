"""Others read Merit's topics from a real Kafka: kcat, kafkajs and Kafka's Java client, the last two with the official
SDKs on top.

What they find is by the CloudEvents Kafka binding: structured mode, the media type in a header, the object's id as the
key; and the value is, byte for byte, what the CRM sent.
"""

from __future__ import annotations

import asyncio
import copy
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from chassis import db
from chassis.clock import SystemClock
from chassis.kafka_bus import KafkaBus
from chassis.outbox import Relay
from chassis.tokens import Verifier
from contracts import golden
from contracts.envelope import BATCH
from contracts.topics import ACCEPTED_FROM_CRM, CRM_TOPICS, CUSTOM_FIELDS, TOPICS, object_key
from services.auth import __main__ as auth
from services.ingest.__main__ import MIGRATIONS, SCHEMA
from services.ingest.app import Deps, create_app
from tests.clients import toolchains
from tests.clients.conftest import Running
from tests.clients.toolchains import Program
from tests.conftest import NewDatabase

NAMES = [topic.name for topic in (*CRM_TOPICS, CUSTOM_FIELDS)]
FIELD = {"type": "date", "event_types": ["crm.opportunity.won.v1"]}
TRACE = "0af7651916cd43dd8448eb211c80319c"


@dataclass(frozen=True)
class OnKafka:
    """A Kafka on which ingest has put an event of every type and a declaration."""

    servers: str
    records: Counter[tuple[str, str, str]]
    """(topic, key, value) of each event of a CRM."""


@pytest.fixture(scope="module")
async def on_kafka(kafka: str, running: Running, new_database: NewDatabase) -> AsyncIterator[OnKafka]:
    """ingest alone, on Kafka; its callers have their tokens from the Merit that runs beside it."""
    dsn = await new_database()
    await db.prepare(dsn, SCHEMA, "secret")
    await asyncio.to_thread(db.migrate, dsn, SCHEMA, MIGRATIONS)
    database, bus, clock = await db.connect(dsn, SCHEMA), KafkaBus(kafka), SystemClock()
    own = running.merit.auth_settings
    verifier = Verifier(own.issuer, lambda: auth.fetch_keys(own, clock), clock)
    app = create_app(Deps(database, bus, clock, verifier, ZoneInfo("UTC")))
    try:
        await bus.create(TOPICS)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ingest") as client:
            client.headers["traceparent"] = f"00-{TRACE}-b7ad6b7169203331-01"
            client.headers["authorization"] = f"Bearer {await running.merit.token(role='admin')}"
            declared = await client.put("/v1/custom-fields/续约日", json=FIELD)
            assert declared.status_code == 200, declared.text
            await Relay(bus, database).carry()
            client.headers["authorization"] = f"Bearer {await running.merit.token(role='integration')}"
            events = [json.dumps(event, indent=1, ensure_ascii=False) for event in all_types()]
            body = f"[{','.join(events)}]".encode()
            answer = await client.post("/v1/events", content=body, headers={"content-type": BATCH})
        assert answer.json()["accepted"] == len(events), answer.text
        yield OnKafka(kafka, Counter(told(event) for event in events))
    finally:
        await bus.close()
        await database.close()


def all_types() -> list[dict[str, Any]]:
    """An event of every type, and one with a key that is no ASCII."""
    events = [copy.deepcopy(golden.example(event_type)) for event_type in ACCEPTED_FROM_CRM]
    events[0]["data"]["order_id"] = "订单 1"
    return events


def told(event: str) -> tuple[str, str, str]:
    """Where an event must lie, by which key, and as what."""
    read = json.loads(event)
    return ACCEPTED_FROM_CRM[read["type"]].name, read["data"][object_key(read["type"])], event


async def kcat(servers: str) -> list[dict[str, Any]]:
    """The records as kcat shows them."""
    program = Program([toolchains.require("kcat"), "-C", "-q", "-e", "-J", "-o", "beginning", "-b", servers])
    shown = [record for name in NAMES for record in await program.run(None, "-t", name)]
    for record in shown:
        names, values = record["headers"][::2], record["headers"][1::2]
        record |= {"headers": dict(zip(names, values, strict=True)), "value": record["payload"]}
    return shown


CONSUMERS: dict[str, Callable[[], Program]] = {
    "kafkajs": lambda: toolchains.javascript("consume"),
    "java": lambda: toolchains.java("Consume"),
}


@pytest.mark.parametrize("consumer", ["kcat", *CONSUMERS])
async def test_what_others_read_is_what_was_sent(on_kafka: OnKafka, consumer: str) -> None:
    wanted = sum(on_kafka.records.values()) + 1
    if consumer == "kcat":
        shown = await kcat(on_kafka.servers)
    else:
        shown = await CONSUMERS[consumer]().run({"servers": on_kafka.servers, "topics": NAMES, "records": wanted})
    assert len(shown) == wanted
    for record in shown:
        assert record["headers"]["content-type"] == "application/cloudevents+json"
        assert record["headers"]["traceparent"].startswith(f"00-{TRACE}-")
        sent = json.loads(record["value"])
        for name in ("id", "source", "type", "data"):  # what the SDK makes of it
            assert record.get("event", sent)[name] == sent[name]
    declared = [record for record in shown if record["topic"] == CUSTOM_FIELDS.name]
    assert [(record["key"], json.loads(record["value"])["data"]["type"]) for record in declared] == [("续约日", "date")]
    of_crms = [record for record in shown if record not in declared]
    assert Counter((r["topic"], r["key"], r["value"]) for r in of_crms) == on_kafka.records
