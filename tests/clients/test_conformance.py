"""The conformance features of the CloudEvents project, where that data lies on this machine (MERIT_DATA_SETS).

Of them concern us: requests in the HTTP binding, which come in through the door, and Kafka records in structured mode,
which readers read. Kafka's binary mode does not: Merit alone writes its topics, and it writes structured mode.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import yaml

from contracts import envelope
from tests.clients.conftest import Running

ROOT = Path(__file__).parents[2]
FOLDER = Path(os.environ.get("MERIT_DATA_SETS", ROOT.parent / "shared" / "data")) / "protocol/cloudevents-conformance"
STEP = re.compile(r"^ *(Given|When|Then|And) (.*)")
PLACEHOLDER = re.compile(r"<(\w+)>")

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"NO CONFORMANCE FEATURE IS RUN: there is no {FOLDER}")


def scenarios(feature: str) -> list[tuple[str, str]]:
    """Each scenario of a feature with its text, an outline once per example."""
    found = []
    path = FOLDER / "features" / f"{feature}.feature"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    for part in re.split(r"^ *Scenario(?: Outline)?: ", text, flags=re.MULTILINE)[1:]:
        title, _, body = part.partition("\n")
        body, _, examples = body.partition("Examples:")
        header, *rows = table(examples) or [[]]
        for row in rows or [[]]:
            given = dict(zip(header, row, strict=False))
            found.append((filled(title, given), filled(body, given)))
    return found


def filled(text: str, given: dict[str, str]) -> str:
    """A text with an example's values."""
    return PLACEHOLDER.sub(lambda match: given[match[1]], text)


def table(text: str) -> list[list[str]]:
    """The rows of a table."""
    rows = [line.strip() for line in text.splitlines() if line.strip().startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def steps(body: str) -> dict[str, str]:
    """What stands below each step: a text in quotes, or a table."""
    found: dict[str, str] = {}
    words = ""
    for line in body.splitlines():
        if match := STEP.match(line):
            words = match[2].rstrip(":")
            found[words] = ""
        else:
            found[words] = found.get(words, "") + line.removeprefix(" " * 8) + "\n"
    return {words: text.replace('"""\n', "") for words, text in found.items()}


def attributes(scenario: dict[str, str]) -> dict[str, str]:
    """The attributes that it wants to be found, and its data."""
    wanted: dict[str, Any] = dict(table(scenario["the attributes are"])[1:])
    return wanted | {"data": json.loads(scenario["the data is equal to the following JSON"])}


def request(scenario: dict[str, str]) -> tuple[dict[str, str], bytes]:
    """The headers and the body of an HTTP request that is written out."""
    head, _, body = scenario["an HTTP request"].strip().partition("\n\n")
    headers = dict(line.split(": ", 1) for line in head.splitlines()[1:])
    return {
        name.lower(): value for name, value in headers.items() if name not in ("Host", "Content-Length")
    }, body.encode()


async def received(running: Running, headers: dict[str, str], body: bytes | str) -> httpx.Response:
    """The answer of a running Merit to a machine."""
    token = await running.merit.token(role="integration")
    async with httpx.AsyncClient(trust_env=False) as client:
        headers = headers | {"authorization": f"Bearer {token}"}
        return await client.post(f"{running.url}/v1/events", content=body, headers=headers)


def faults(answer: httpx.Response) -> set[tuple[str, str]]:
    """What Merit finds wrong with its one event, which is of no type of Merit's."""
    (result,) = answer.json()["results"]
    found = {(fault["pointer"], fault["code"]) for fault in result["faults"]}
    assert ("/type", "unknown-type") in found
    return found - {("/type", "unknown-type")}


async def kept(running: Running, answer: httpx.Response) -> dict[str, Any]:
    """The event of an answer as it is kept."""
    (result,) = answer.json()["results"]
    async with running.merit.client(role="admin") as client:
        entry = (await client.get(f"/v1/quarantine/{result['quarantine_id']}")).json()
    event: dict[str, Any] = entry["event"]
    return event


@pytest.mark.parametrize(("title", "body"), scenarios("http-protocol-binding"))
async def test_http_binding(running: Running, title: str, body: str) -> None:
    scenario = steps(body)
    answer = await received(running, *request(scenario))
    assert answer.status_code == 202, answer.text
    assert faults(answer) == set()
    assert await kept(running, answer) == attributes(scenario)


@pytest.mark.parametrize(("title", "body"), [s for s in scenarios("kafka-protocol-binding") if "Structured" in s[0]])
def test_kafka_binding(title: str, body: str) -> None:
    scenario = steps(body)
    read = envelope.decode(scenario["a Kafka message with payload"].encode())
    wanted = attributes(scenario)
    found = {name: getattr(read, name) for name in wanted if name not in ("data", "time")}
    assert found == {name: wanted[name] for name in found}
    assert read.time == msgspec.convert(wanted["time"], type(read.time))
    assert msgspec.json.decode(read.data) == wanted["data"]


def invocations(version: str) -> list[tuple[str, dict[str, Any]]]:
    """Each event of the YAML files of a version."""
    return [
        (f"{path.stem}-{number}", found)
        for path in sorted((FOLDER / "yaml").rglob(f"{version}*.yaml"))
        for number, found in enumerate(yaml.load_all(path.read_text(encoding="utf-8"), yaml.BaseLoader))
    ]


def written(found: dict[str, Any], mode: str) -> tuple[dict[str, str], bytes]:
    """A request with this event in this mode, as the conformance tool sends it."""
    named = {name: value.strip() for name, value in found["ContextAttributes"].items() if name != "Extensions"}
    named |= {name: value.strip() for name, value in found["ContextAttributes"].get("Extensions", {}).items()}
    kind = named.pop("datacontenttype", "application/json")
    if mode == "binary":
        headers = {f"ce-{name}": value for name, value in named.items()}
        return headers | {"content-type": kind}, found["Data"].strip().encode()
    data = json.loads(found["Data"]) if "json" in kind else found["Data"]
    event = named | {"datacontenttype": kind, "data": data}
    return {"content-type": "application/cloudevents+json"}, json.dumps(event).encode()


@pytest.mark.parametrize("mode", ["binary", "structured"])
@pytest.mark.parametrize(("name", "found"), invocations("v1"))
async def test_events_of_version_1_are_events(running: Running, name: str, found: dict[str, Any], mode: str) -> None:
    """JSON is taken in either mode; what is none is refused by its media type or, inside of JSON, has a fault."""
    headers, body = written(found, mode)
    answer = await received(running, headers, body)
    timeless = set() if "time" in found["ContextAttributes"] else {("/time", "missing")}
    if "json" in found["ContextAttributes"].get("datacontenttype", "json"):
        assert faults(answer) == timeless
        event = await kept(running, answer)
        assert event["data"] == json.loads(found["Data"])
        assert event["id"] == found["ContextAttributes"]["id"]
        for extension, value in found["ContextAttributes"].get("Extensions", {}).items():
            assert event[extension] == value.strip()
    elif mode == "binary":
        assert answer.status_code == 415
    else:
        assert faults(answer) == timeless | {("/datacontenttype", "not-json-data")}


@pytest.mark.parametrize(("name", "found"), invocations("v03"))
async def test_events_of_another_version_are_refused(running: Running, name: str, found: dict[str, Any]) -> None:
    answer = await received(running, *written(found, "structured"))
    assert answer.status_code == 400
    assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == [("/specversion", "wrong-value")]
