"""F6 of trust.md: what is too large, too deep or in another coding is refused early."""

from __future__ import annotations

import asyncio
import gzip
import json
import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from contracts.envelope import ID_BYTES_MAX, ID_CHARACTERS_MAX
from services.ingest.app import create_app
from services.ingest.domain.faults import storable
from services.ingest.domain.text import NESTING_MAX, TooDeep, check_depth
from services.ingest.routes import events
from services.ingest.translate import EVENT_BYTES_MAX, EVENTS_MAX

BATCH = "application/cloudevents-batch+json"
CHUNK = b" " * 65_536


async def test_a_body_of_50_mb_is_refused_by_its_announcement(door: Any) -> None:
    async def never() -> AsyncIterator[bytes]:
        raise AssertionError("the body must not be read")
        yield b""

    async with door.client() as client:
        headers = {"content-type": BATCH, "content-length": str(50 * 1024 * 1024)}
        answer = await client.post("/v1/events", content=never(), headers=headers)
    assert answer.status_code == 413
    assert answer.json()["type"].endswith("/body-too-large")


async def test_a_chunked_body_without_length_is_cut_early_and_memory_stays_flat(door: Any) -> None:
    sent = 0

    async def dripping() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(50 * 1024 * 1024 // len(CHUNK)):
            sent += len(CHUNK)
            yield CHUNK

    async with door.client() as client:
        tracemalloc.start()
        answer = await client.post("/v1/events", content=dripping(), headers={"content-type": BATCH})
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert answer.status_code == 413
    assert sent <= events.BODY_BYTES_MAX + len(CHUNK)
    assert peak < 2 * events.BODY_BYTES_MAX


async def test_a_batch_of_100_000_items_is_refused(door: Any) -> None:
    answer = await door.post(b"[" + b"1," * 99_999 + b"1]", BATCH)
    assert answer.status_code == 413
    assert answer.json()["type"].endswith("/too-many-events")
    answer = await door.post(b'["\\ud800",' + b"1," * 99_998 + b"1]", BATCH)
    assert answer.status_code == 413


async def test_a_full_batch_is_taken(door: Any, placed: Any) -> None:
    answer = await door.send(*(placed() for _ in range(EVENTS_MAX)))
    assert answer.json()["accepted"] == EVENTS_MAX
    assert (await door.send(*(placed() for _ in range(EVENTS_MAX + 1)))).status_code == 413


@pytest.mark.parametrize("kind", [BATCH, "application/cloudevents+json", "application/json"])
@pytest.mark.parametrize("levels", [NESTING_MAX + 2, 1_000, 200_000])
async def test_deep_nesting_is_refused(door: Any, kind: str, levels: int) -> None:
    headers = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "s", "ce-type": "t"}
    answer = await door.post(b"[" * levels + b'"\\ud800"' + b"]" * levels, kind, **headers)
    assert answer.status_code == 413
    assert answer.json()["type"].endswith("/too-deep")


def test_brackets_in_a_text_are_no_levels() -> None:
    check_depth(json.dumps({"a": "[" * 1000, 'b"': '\\"' + "{" * 100, "c": [[]] * 50}).encode())


def test_an_endless_string_of_quotes_is_looked_at_once() -> None:
    with pytest.raises(TooDeep):
        check_depth(b"[" * (NESTING_MAX + 1))
    check_depth(b"[" * NESTING_MAX + b'"' + b'\\"[' * 1_000_000)


async def test_one_event_larger_than_the_log_takes_is_refused(door: Any, placed: Any) -> None:
    answer = await door.send(placed(), placed(event={"note": "x" * EVENT_BYTES_MAX}))
    assert answer.status_code == 413
    assert answer.json()["type"].endswith("/event-too-large")


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "gzip, identity", "identity, gzip"])
async def test_a_bomb_is_refused_unread_and_memory_stays_flat(door: Any, coding: str) -> None:
    bomb = gzip.compress(b" " * 50 * 1024 * 1024)

    async def never() -> AsyncIterator[bytes]:
        raise AssertionError("the body must not be read")
        yield bomb

    tracemalloc.start()
    async with door.client() as client:
        headers = {"content-type": BATCH, "content-encoding": coding, "content-length": str(len(bomb))}
        answer = await client.post("/v1/events", content=never(), headers=headers)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer.status_code == 415
    assert peak < 1024 * 1024
    assert (await door.send(**{"content-encoding": "identity"})).status_code == 202


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "",
        "application/cloudevents+avro",
        "application/cloudevents-batch+avro",
        "multipart/form-data",
        "application/json; charset=latin-1",
    ],
)
async def test_another_content_type_is_a_415(door: Any, kind: str) -> None:
    answer = await door.post(b"{}", kind)
    assert answer.status_code == 415
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_body_that_drips_is_given_up(door: Any) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"["
        await asyncio.sleep(60)

    impatient = create_app(replace(door.deps, receipt_seconds=0.05))
    async with door.client(app=impatient) as client:
        answer = await client.post("/v1/events", content=endless(), headers={"content-type": BATCH})
    assert answer.status_code == 408


@pytest.mark.parametrize("character", ["x", "é", "元", "𠀀", "\ud800"])
def test_what_is_kept_of_any_text_fits_an_index(character: str) -> None:
    """An event that is not accepted is found by its source, id and reps, whatever they are."""
    kept = storable(character * 300)
    assert len(kept) <= ID_CHARACTERS_MAX
    assert ID_BYTES_MAX - 8 < len(kept.encode()) <= ID_BYTES_MAX or len(kept) == ID_CHARACTERS_MAX
    assert kept.endswith("…")
