"""The ceilings of HTTP into Kafka, as servers: ``python -m benchmarks.ceiling_app KIND PORT KAFKA TOPIC``.

``batch``: raw ASGI, msgspec, one ``send_batch`` per partition; ``send``: the same with ``send``; ``usual``: what is
written most often, FastAPI with pydantic models and ``send_and_wait``. Each answers 202 when Kafka has acknowledged
every event, and checks no more than that it is one. Served as Merit's own processes are.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable

import msgspec
import uvicorn
import uvloop
from aiokafka import AIOKafkaProducer
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.types import ASGIApp, Receive, Scope, Send

from chassis.bus import partition_of
from contracts.topics import CRM_SALES

PRODUCER_BATCH_BYTES = 1_000_000
PATIENCE_MS = 300_000
"""aiokafka counts the waits for a busy partition several times over: on a slow machine its 40 s are soon gone."""
Put = Callable[[list[tuple[bytes, bytes]]], Awaitable[None]]


class Line(msgspec.Struct):
    product: str
    quantity: str
    amount: str


class Credit(msgspec.Struct):
    rep_id: str
    share: str


class Order(msgspec.Struct):
    order_id: str
    amount: str
    currency: str
    credits: list[Credit]
    lines: list[Line]
    customer_id: str | None = None


class Event(msgspec.Struct):
    specversion: str
    id: str
    source: str
    type: str
    time: str
    data: Order


_decode = msgspec.json.Decoder(Event).decode
_raws = msgspec.json.Decoder(list[msgspec.Raw]).decode


class LineModel(BaseModel):
    product: str
    quantity: str
    amount: str


class CreditModel(BaseModel):
    rep_id: str
    share: str


class OrderModel(BaseModel):
    order_id: str
    amount: str
    currency: str
    credits: list[CreditModel]
    lines: list[LineModel]
    customer_id: str | None = None


class EventModel(BaseModel):
    specversion: str
    id: str
    source: str
    type: str
    time: str
    data: OrderModel


def putting(producer: AIOKafkaProducer, topic: str, kind: str) -> Put:
    """How records get into Kafka; returns when all are acknowledged."""

    async def batch(records: list[tuple[bytes, bytes]]) -> None:
        batches: dict[int, object] = {}
        for key, value in records:
            number = partition_of(key, CRM_SALES.partitions)
            if number not in batches:
                batches[number] = producer.create_batch()
            batches[number].append(key=key, value=value, timestamp=None)  # type: ignore[attr-defined]
        await asyncio.gather(*[await producer.send_batch(b, topic, partition=n) for n, b in batches.items()])

    async def send(records: list[tuple[bytes, bytes]]) -> None:
        await asyncio.gather(*[await producer.send(topic, value, key) for key, value in records])

    return batch if kind == "batch" else send


def raw(put: Put) -> ASGIApp:
    """The route as plain ASGI."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        parts = []
        more = True
        while more:
            message = await receive()
            parts.append(message.get("body", b""))
            more = message.get("more_body", False)
        body = b"".join(parts)
        raws = _raws(body) if body.startswith(b"[") else [body]
        await put([(_decode(one).data.order_id.encode(), bytes(one)) for one in raws])
        said = b'{"accepted":%d}' % len(raws)
        headers = [(b"content-length", str(len(said)).encode()), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 202, "headers": headers})
        await send({"type": "http.response.body", "body": said})

    return app


def usual(producer: AIOKafkaProducer, topic: str) -> ASGIApp:
    """The route as most tutorials have it."""
    app = FastAPI()

    @app.post("/v1/events", status_code=202)
    async def post(events: list[EventModel] | EventModel) -> dict[str, int]:
        some = events if isinstance(events, list) else [events]
        for event in some:
            await producer.send_and_wait(topic, event.model_dump_json().encode(), event.data.order_id.encode())
        return {"accepted": len(some)}

    return app


async def main(kind: str, port: int, servers: str, topic: str) -> None:
    """Serve until SIGTERM."""
    producer = AIOKafkaProducer(
        bootstrap_servers=servers,
        acks="all",
        enable_idempotence=True,
        max_batch_size=PRODUCER_BATCH_BYTES,
        request_timeout_ms=PATIENCE_MS,
    )
    await producer.start()
    try:
        app = usual(producer, topic) if kind == "usual" else raw(putting(producer, topic, kind))
        gc.collect()
        gc.freeze()
        config = uvicorn.Config(app, host="127.0.0.1", port=port, http="httptools", ws="none", lifespan="off",
                                access_log=False, log_level="warning")  # fmt: skip
        await uvicorn.Server(config).serve()
    finally:
        await producer.stop()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]))
