"""The registry, the committed schemas and the golden examples say the same."""

from __future__ import annotations

import copy
import importlib.util
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator, FormatChecker

from contracts import envelope
from contracts.currencies import MINOR_DIGITS
from contracts.json_schema import closed, data_type, event_schema
from contracts.topics import ACCEPTED_FROM_CRM, EVENT_TYPES, TOPICS, object_key

ROOT = Path(__file__).parents[2]
SCHEMAS, EXAMPLES = ROOT / "contracts" / "schemas", ROOT / "contracts" / "examples"
SERVICES = {"ingest", "kpi", "incentive", "auth"}
VALID = [path for path in sorted(EXAMPLES.glob("*/*.json")) if not path.name.startswith("invalid-")]
INVALID = sorted(EXAMPLES.glob("*/invalid-*.json"))


def shown(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def validator(event_type: str) -> Draft202012Validator:
    schema = json.loads((SCHEMAS / f"{event_type}.json").read_text(encoding="utf-8"))
    return Draft202012Validator(schema, format_checker=FormatChecker())


@pytest.fixture(scope="module")
def tool() -> Any:
    """tools/write_contracts.py as a module."""
    spec = importlib.util.spec_from_file_location("write_contracts", ROOT / "tools" / "write_contracts.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_committed_schemas_are_those_of_the_types(tool: Any) -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in SCHEMAS.glob("*.json")}
    assert committed == tool.texts(), "run tools/write_contracts.py, and look at what changed"


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_each_type_has_a_valid_schema_and_an_example(event_type: str) -> None:
    Draft202012Validator.check_schema(event_schema(event_type))
    assert any(path.parent.name == event_type for path in VALID)
    if event_type in ACCEPTED_FROM_CRM:
        assert any(path.parent.name == event_type for path in INVALID)


def test_no_schema_or_example_is_orphaned() -> None:
    assert {path.stem for path in SCHEMAS.iterdir()} == set(EVENT_TYPES)
    assert {path.name for path in EXAMPLES.iterdir()} == set(EVENT_TYPES)


@pytest.mark.parametrize("path", VALID, ids=shown)
def test_a_valid_example_fits_the_schema_and_the_type_and_survives_both(path: Path) -> None:
    text = path.read_bytes()
    event = json.loads(text)
    assert event["type"] == path.parent.name
    assert list(validator(event["type"]).iter_errors(event)) == []
    read = envelope.decode(text)
    assert read.time is not None
    data = msgspec.json.decode(read.data, type=data_type(event["type"]))
    again = msgspec.json.encode(data)
    assert msgspec.json.decode(again, type=EVENT_TYPES[event["type"]]) == msgspec.json.decode(
        read.data, type=EVENT_TYPES[event["type"]]
    )
    written = envelope.encode(type=read.type, source=read.source, id=read.id, time=read.time, data=data)
    assert list(validator(event["type"]).iter_errors(json.loads(written))) == []


@pytest.mark.parametrize("path", VALID, ids=shown)
def test_the_content_of_an_example_is_its_type_subject_time_and_data(path: Path) -> None:
    event = json.loads(path.read_bytes())
    hashed = envelope.content_hash(envelope.decode(path.read_bytes()))
    turned = dict(reversed(event.items())) | {"data": dict(reversed(event["data"].items())), "traceparent": "00-1-2-3"}
    assert envelope.content_hash(envelope.decode(json.dumps(turned).encode())) == hashed
    for name, value in {"time": "2001-01-01T00:00:00Z", "subject": "another", "data": {}}.items():
        assert envelope.content_hash(envelope.decode(json.dumps(event | {name: value}).encode())) != hashed


@pytest.mark.parametrize("text", ["\0", "a\0b", "\\\0", "\\\\\0"])
@pytest.mark.parametrize("place", ["id", "source", "subject", "extension", "data"])
def test_a_null_character_which_no_column_holds_makes_it_no_event(place: str, text: str) -> None:
    sound = json.loads(VALID[0].read_bytes())
    with pytest.raises(msgspec.ValidationError, match=r"U\+0000"):
        envelope.decode(json.dumps(sound | {place: {"of": [text]} if place == "data" else text}).encode())


@pytest.mark.parametrize("text", ["\\u0000", "a\\\\u0000", "\\\\\\u0000", "\\ \u0001"])
def test_a_text_that_only_looks_like_an_escaped_null_character_is_read_as_it_is(text: str) -> None:
    sound = json.loads(VALID[0].read_bytes())
    assert envelope.decode(json.dumps(sound | {"id": text}).encode()).id == text


def test_an_instant_outside_of_the_calendar_makes_it_no_event() -> None:
    sound = json.loads(VALID[0].read_bytes())
    for time in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-00:01"):
        with pytest.raises(msgspec.ValidationError, match="time"):
            envelope.decode(json.dumps(sound | {"time": time}).encode())
    for time in ("0001-01-01T00:00:00-14:00", "9999-12-31T23:59:59Z"):
        assert envelope.decode(json.dumps(sound | {"time": time}).encode()).time


def test_what_is_nested_too_deep_is_no_event() -> None:
    sound = VALID[0].read_bytes().rstrip().removesuffix(b"}")
    with pytest.raises(msgspec.ValidationError, match="too deep"):
        envelope.decode(sound + b',"x":' + b"[" * 5000 + b"]" * 5000 + b"}")


@pytest.mark.parametrize("event_type", [t for t in EVENT_TYPES if t not in ACCEPTED_FROM_CRM])
def test_readers_of_what_merit_announces_survive_a_new_field(event_type: str) -> None:
    path = next(path for path in VALID if path.parent.name == event_type)
    event = json.loads(path.read_bytes())
    event["data"]["added_later"] = 1
    assert list(validator(event_type).iter_errors(event)) == []
    msgspec.convert(event["data"], EVENT_TYPES[event_type])


@pytest.mark.parametrize("event_type", ACCEPTED_FROM_CRM)
def test_the_door_is_closed_to_fields_that_no_type_names(event_type: str) -> None:
    path = next(path for path in VALID if path.parent.name == event_type)
    event = json.loads(path.read_bytes())
    event["data"]["misspelt"] = 1
    assert [e.validator for e in validator(event_type).iter_errors(event)] == ["additionalProperties"]
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(event["data"], closed(EVENT_TYPES[event_type]))
    msgspec.convert(event["data"], EVENT_TYPES[event_type])


def test_a_schema_that_shrinks_is_refused_by_the_tool(
    tool: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = event_schema("crm.order.placed.v1")
    old = copy.deepcopy(new)
    order = old["$defs"]["OrderPlaced"]
    order["properties"]["channel"] = {"type": "string"}
    order["required"].remove("credits")
    order["properties"]["amount"]["pattern"] = "^[0-9]$"
    assert len(tool.losses(old, new)) == 3
    assert tool.losses(new, new) == []
    (tmp_path / "crm.order.placed.v1.json").write_text(json.dumps(old), encoding="utf-8")
    assert tool.main([], tmp_path, tmp_path / "asyncapi") == 1
    assert "channel is gone" in capsys.readouterr().err
    assert json.loads((tmp_path / "crm.order.placed.v1.json").read_text(encoding="utf-8")) == old
    assert tool.main(["--unreleased"], tmp_path, tmp_path / "asyncapi") == 0
    assert tool.main([], tmp_path, tmp_path / "asyncapi") == 0


def test_a_schema_may_grow(tool: Any) -> None:
    old = event_schema("crm.order.placed.v1")
    new = copy.deepcopy(old)
    new["$defs"]["OrderPlaced"]["properties"]["channel"] = {"type": "string"}
    new["$defs"]["OrderPlaced"]["required"].remove("credits")
    assert tool.losses(old, new) == []


def test_each_topic_has_a_producer_consumers_and_events_of_its_own() -> None:
    assert len({topic.name for topic in TOPICS}) == len(TOPICS)
    assert sum(len(topic.events) for topic in TOPICS) == len(EVENT_TYPES)
    for topic in TOPICS:
        assert topic.producer in SERVICES
        assert topic.consumers
        assert set(topic.consumers) <= SERVICES | {"other systems"}
        assert topic.producer not in topic.consumers
        assert topic.partitions >= 1
        assert topic.events


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_the_key_of_a_topic_stands_in_each_of_its_events(topic: Any) -> None:
    assert set(topic.keys) == set(topic.events)
    for name, type_ in topic.events.items():
        required = {f.name for f in msgspec.structs.fields(type_) if f.required}
        assert topic.keys[name] == object_key(name)
        assert object_key(name) in required


def test_currencies_have_three_letters_and_sensible_digits() -> None:
    assert all(len(code) == 3 and code.isupper() for code in MINOR_DIGITS)
    assert (MINOR_DIGITS["USD"], MINOR_DIGITS["JPY"], MINOR_DIGITS["KWD"]) == (2, 0, 3)
    assert len(MINOR_DIGITS) > 150
