"""CloudEvents over HTTP in structured, batch and binary mode, as the binding says and as the official SDK sends."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any
from urllib.parse import quote

import pytest

from contracts import envelope


def binary(event: dict[str, Any], **more: str) -> dict[str, str]:
    """The attributes of an event as headers."""
    named = {name: str(value) for name, value in event.items() if name != "data"}
    return {f"ce-{name}": quote(value, safe=" :/+") for name, value in (named | more).items()}


async def test_binary_mode_is_rebuilt_with_its_extensions(door: Any, placed: Any) -> None:
    event = placed(event={"region": "Ελλάδα 100%", "subject": "order 7"})
    body = json.dumps(event["data"]).encode()
    answer = await door.post(body, "application/json; charset=utf-8", **binary(event))
    assert answer.json()["results"][0]["outcome"] == "accepted", answer.text
    (record,) = door.bus.appended
    stored = json.loads(record.value)
    assert stored == event | {"datacontenttype": "application/json; charset=utf-8"}
    assert body in record.value


async def test_the_three_modes_say_the_same(door: Any, placed: Any) -> None:
    event = placed()
    assert await door.outcomes(event) == ["accepted"]
    structured = await door.post(json.dumps(event).encode())
    as_binary = await door.post(json.dumps(event["data"]).encode(), "application/json", **binary(event))
    assert [a.json()["results"][0]["outcome"] for a in (structured, as_binary)] == ["duplicate"] * 2


async def test_a_quoted_header_is_taken_out_of_its_quotes(door: Any, placed: Any) -> None:
    event = placed()
    headers = binary(event) | {"ce-source": '"a \\"b\\" %63"'}
    answer = await door.post(json.dumps(event["data"]).encode(), "application/json", **headers)
    assert answer.json()["results"][0]["source"] == 'a "b" c'


async def test_plain_json_without_the_headers_is_no_event(door: Any) -> None:
    answer = await door.post(b"{}", "application/json")
    assert answer.status_code == 400
    assert [e["pointer"] for e in answer.json()["errors"]] == ["/specversion", "/id", "/source", "/type"]


@pytest.mark.parametrize(
    ("body", "headers", "pointer"),
    [
        (b"{}", {"ce-source": "%ff"}, "/source"),
        (b"{}", {"ce-data": "1"}, "/data"),
        (b"{}", {"ce-data_base64": "e30="}, "/data_base64"),
        (b"{", {}, "/data"),
        (b'1, "id": "forged"', {}, ""),
        (b'"\\ud800", "id": "forged"', {}, ""),
        (b"{} {}", {}, ""),
        (b"\xff", {}, ""),
    ],
)
async def test_binary_mode_that_cannot_be_rebuilt_is_a_400(
    door: Any, placed: Any, body: bytes, headers: dict[str, str], pointer: str
) -> None:
    answer = await door.post(body, "application/json", **(binary(placed()) | headers))
    assert answer.status_code == 400
    assert [e["pointer"] for e in answer.json().get("errors", [{"pointer": ""}])] == [pointer]
    assert door.bus.appended == []


async def test_binary_mode_with_faults_is_quarantined(door: Any, placed: Any) -> None:
    event = placed(territory="\ud800")
    answer = await door.post(json.dumps(event["data"]).encode(), "application/json", **binary(event, Bad_name="1"))
    assert {(f["pointer"], f["code"]) for f in answer.json()["results"][0]["faults"]} == {
        ("/data/territory", "lone-surrogate"),
        ("/bad_name", "bad-name"),
    }
    empty = await door.post(b"", "application/json", **binary(placed()))
    assert [f["pointer"] for f in empty.json()["results"][0]["faults"]] == ["/data"]


async def test_the_official_sdk_sends_all_three_modes_unchanged(door: Any, placed: Any) -> None:
    from cloudevents.core.bindings.http import to_binary, to_structured
    from cloudevents.core.formats.json import JSONFormat
    from cloudevents.core.v1.event import CloudEvent

    def made(data: Any) -> CloudEvent:
        event = placed()
        time = dt.datetime.fromisoformat(event["time"])
        attributes = {name: event[name] for name in ("id", "source", "type", "specversion")}
        return CloudEvent(attributes | {"time": time, "datacontenttype": "application/json", "region": "EU"}, data)

    data = placed()["data"]
    for message in (to_structured(made(data), JSONFormat()), to_binary(made(data), JSONFormat())):
        headers = dict(message.headers)
        kind = headers.pop("content-type", None) or headers.pop("Content-Type")
        answer = await door.post(message.body, kind, **headers)
        assert answer.json()["results"][0]["outcome"] == "accepted", answer.text
    as_bytes = made(json.dumps(data).encode())
    message = to_structured(as_bytes, JSONFormat())  # the SDK writes bytes as data_base64
    assert b"data_base64" in message.body
    batch = b"[" + to_structured(made(data), JSONFormat()).body + b"," + message.body + b"]"
    answer = await door.post(batch, "application/cloudevents-batch+json")
    assert answer.json()["accepted"] == 2, answer.text
    assert all(json.loads(record.value)["region"] == "EU" for record in door.bus.appended)
    assert all(envelope.decode(record.value).data for record in door.bus.appended)
