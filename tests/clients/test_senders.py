"""The official CloudEvents SDKs send to a running Merit, unchanged, in every mode; what lies on the log is what they
were given."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from contracts import envelope, golden
from contracts.topics import ACCEPTED_FROM_CRM, object_key
from tests.clients import toolchains
from tests.clients.conftest import Running
from tests.clients.toolchains import Program

MODES = ("structured", "binary", "batch")
SENDERS: dict[str, Callable[[], Program]] = {
    "python": lambda: Program([sys.executable, str(toolchains.HERE / "python" / "send.py")]),
    "javascript": lambda: toolchains.javascript("send"),
    "go": toolchains.go,
    "java": lambda: toolchains.java("Send"),
}


def sent(language: str, mode: str) -> list[dict[str, Any]]:
    """An event of every type, with an extension of its own and texts that need care."""
    events = []
    for number, event_type in enumerate(ACCEPTED_FROM_CRM):
        event = copy.deepcopy(golden.example(event_type))
        event |= {"id": f"{mode}-{number}", "source": f"/clients/{language}"}
        event |= {"subject": f"no. {number}", "region": "EU"}
        event["data"][object_key(event_type)] = f"{language} {mode} {number}"
        event["data"]["attributes"] = {"who": '王芳 😀 "quoted" \\ /', "share": "12.50", "deals": 3, "vip": True}
        events.append(event)
    return events


@pytest.mark.parametrize("language", SENDERS)
async def test_an_official_sdk_sends_every_type_in_every_mode(running: Running, language: str) -> None:
    program = SENDERS[language]()
    token = await running.merit.token(role="integration", source=None)
    events = {mode: sent(language, mode) for mode in MODES}
    told = await program.run({"url": f"{running.url}/v1/events", "token": token, **events})
    types = len(ACCEPTED_FROM_CRM)
    assert [line["mode"] for line in told] == ["structured"] * types + ["binary"] * types + ["batch"]
    for line in told:  # one SDK tells the status, another the body
        assert line.get("status") == 202 or line["answer"]["accepted"], line
    found = {(e.source, e.id): (r, e) for r in await running.records() for e in [envelope.decode(r.value)]}
    for event in (event for mode in MODES for event in events[mode]):
        record, read = found[event["source"], event["id"]]
        assert envelope.content_hash(read) == envelope.content_hash(as_read(event))
        assert msgspec.json.decode(record.value)["region"] == "EU"
        assert record.key.decode() == event["data"][object_key(event["type"])]


def as_read(event: dict[str, Any]) -> envelope.Envelope:
    """The event as a reader sees it when nothing happened to it on the way."""
    return envelope.decode(msgspec.json.encode(event))
