"""A sound event is judged by one decoding into its type, any other by its JSON values: both ways say the same."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contracts.topics import ACCEPTED_FROM_CRM
from services.ingest.domain.faults import NotAnEvent
from services.ingest.domain.judge import explained, sound
from services.ingest.domain.text import TooDeep
from tests.ingest.events import golden
from tests.ingest.test_laws import GOLDEN, RULES, mutated, places, shared

ADDED: list[tuple[str, Any]] = [
    ("/id", "x"),
    ("/data/customer_id", None),
    ("/data/attributes", {}),
    ("/data/lines", []),
    ("/data/revision", 0),
    ("/data/credits/0/overlay", False),
    ("/data/credits/0/amount", None),
    ("/subject", None),
    ("/datacontenttype", "application/json"),
    ("/channel", "web"),
    ("/channel", 2**64),
    ("/Channel", "web"),
    ("/dataschema", 3),
    ("/importid", "a:b"),
    ("/data/territory", "京都: \\ 😀"),
    ("/time", "2026-03-01 09:00:00.1234567+01:00"),
    ("/time", "2026-03-01T09:00:00+0100"),
]
"""What may stand in many a sound event and is not in the examples (defaults, extension attributes, colons), and what
comes near to it."""


class Twice(dict[str, Any]):
    """An object in whose text one key stands twice."""

    def __init__(self, values: dict[str, Any], key: str, before: Any) -> None:
        super().__init__(values)
        self.key, self.before = key, before

    def items(self) -> Any:
        return [(self.key, self.before), *super().items()]


@st.composite
def written(draw: st.DrawFn) -> bytes:
    """The text of an event that may be sound."""
    event = draw(mutated() | st.sampled_from(GOLDEN).map(copy.deepcopy))
    for pointer, value in draw(st.lists(st.sampled_from(ADDED), max_size=3)):
        put(event, pointer.split("/")[1:], value)
    if draw(st.integers(0, 4)) == 0:
        event = with_a_key_twice(draw, event)
    text = json.dumps(event, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1])))
    return text.encode("utf-8", "replace")


def put(event: Any, way: list[str], value: Any) -> None:
    """Set a value at a place, if there is such a place."""
    *way, last = way
    for step in way:
        found = enumerate(event) if isinstance(event, list) else event.items() if isinstance(event, dict) else ()
        event = {str(key): child for key, child in found}.get(step)
    if isinstance(event, dict):
        event[last] = value


def with_a_key_twice(draw: st.DrawFn, event: dict[str, Any]) -> dict[str, Any]:
    way = draw(st.sampled_from([path for path in places(event) if path and isinstance(path[-1], str)]))

    def rebuilt(value: Any, way: Iterable[Any]) -> Any:
        first, *rest = way
        if not rest:
            return Twice(value, first, draw(st.sampled_from(["", "a:b", None, value[first]])))
        changed = copy.copy(value)
        changed[first] = rebuilt(value[first], rest)
        return changed

    found: dict[str, Any] = rebuilt(event, way)
    return found


@shared
@given(text=written())
@example(text=json.dumps(golden("crm.case.opened.v1")).replace('"id": "', '"id": "x", "id": "\\u003a').encode())
def test_both_ways_say_the_same(text: bytes) -> None:
    quick = sound(text, RULES)
    try:
        careful = explained(text, RULES)
    except (NotAnEvent, TooDeep):
        assert quick is None
        return
    if quick is None:
        assert careful.faults or b"\\u00" in text or b"data_base64" in text
        return
    assert careful.faults == quick.faults == ()
    for name in ("raw", "source", "id", "type", "object_id", "mark", "event", "reps", "topic"):
        assert getattr(careful, name) == getattr(quick, name)
    assert careful.fingerprint("conflict") == quick.fingerprint("conflict")


@pytest.mark.parametrize("event_type", ACCEPTED_FROM_CRM)
def test_an_event_without_a_fault_is_found_sound_at_once(event_type: str) -> None:
    for pointer, value in ADDED:
        event = golden(event_type)
        put(event, pointer.split("/")[1:], value)
        for ascii in (True, False):
            text = json.dumps(event, ensure_ascii=ascii).encode()
            assert bool(sound(text, RULES)) == (not explained(text, RULES).faults), pointer
