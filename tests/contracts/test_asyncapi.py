"""The AsyncAPI document: committed as the types have it, each reference leads somewhere, each example fits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from contracts.asyncapi import document
from contracts.topics import ACCEPTED_FROM_CRM, EVENT_TYPES, TOPICS

CONTRACTS = Path(__file__).parents[2] / "contracts"
EXAMPLES = sorted((CONTRACTS / "examples").glob("*/*.json"))


def read() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((CONTRACTS / "asyncapi.json").read_text(encoding="utf-8"))
    return found


def references(value: Any) -> Iterator[str]:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if isinstance(value, dict) and "$ref" in value:
        yield value["$ref"]
    for child in children:
        yield from references(child)


def test_the_committed_document_is_that_of_the_types() -> None:
    assert read() == document(), "run tools/write_contracts.py, and look at what changed"


def test_every_reference_leads_somewhere() -> None:
    found = read()
    assert len(set(references(found))) > len(EVENT_TYPES)
    for reference in references(found):
        place: Any = found
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


def test_every_topic_and_every_type_is_in_it() -> None:
    found = read()
    assert set(found["channels"]) == {"events", *(topic.name for topic in TOPICS)}
    assert set(found["channels"]["events"]["messages"]) == set(ACCEPTED_FROM_CRM)
    assert set(found["components"]["messages"]) == set(EVENT_TYPES)
    for topic in TOPICS:
        channel = found["channels"][topic.name]
        assert set(channel["messages"]) == set(topic.events)
        assert channel["bindings"]["kafka"]["partitions"] == topic.partitions
        cleanup = channel["bindings"]["kafka"]["topicConfiguration"]["cleanup.policy"]
        assert cleanup == (["compact"] if topic.compacted else ["delete"])
        assert found["operations"][f"send-{topic.name}"]["action"] == "send"


def places(validator: Draft202012Validator, event: Any) -> list[list[Any]]:
    """Where an event does not fit."""
    return sorted(list(error.absolute_path) for error in validator.iter_errors(event))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_an_example_fits_the_payload_if_it_fits_the_types_schema(path: Path) -> None:
    """The committed schema of the type and the document's payload say the same of every example."""
    example = json.loads(path.read_bytes())
    event = example["event"] if path.name.startswith("invalid-") else example
    found = read()
    schema = {"$ref": f"#/components/schemas/{path.parent.name}", "components": found["components"]}
    own = json.loads((CONTRACTS / "schemas" / f"{path.parent.name}.json").read_text(encoding="utf-8"))
    faults = [places(Draft202012Validator(one, format_checker=FormatChecker()), event) for one in (schema, own)]
    assert faults[0] == faults[1]
    if event is example:
        assert faults[0] == []
