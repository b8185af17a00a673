"""Correcting an event: a JSON merge patch (RFC 7396), and what a correction must leave as it was sent."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from contracts.topics import object_key
from services.ingest.domain.door import Door
from services.ingest.domain.entries import Entry
from services.ingest.domain.faults import Fault, NotAnEvent, pointer, shown
from services.ingest.domain.judge import judge
from services.ingest.domain.judged import Judged
from services.ingest.domain.text import EVENT_BYTES_MAX, NESTING_MAX, Doubled, TooDeep, children

KEPT = ("specversion", "source", "id", "type", "time")
"""Who an event is, what happened and when: the source's own word, which stays unless it was the fault."""
Patch = Mapping[str, Any]


class CorrectionNotValid(Exception):
    """The correction makes no event, or another event than was sent. ``faults`` lead into the corrected event."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("the correction is not valid")
        self.faults = faults


def corrected(entry: Entry, standing: Mapping[str, Any], patch: Patch, door: Door) -> Judged:
    """The entry's event as it stands with a patch over it, judged anew. Raises CorrectionNotValid."""
    if _too_deep(patch):
        raise CorrectionNotValid([Fault("", "too-deep", f"nested deeper than {NESTING_MAX} levels")])
    event = merged(standing, patch)
    if faults := list(_unwritable(event, ())):
        raise CorrectionNotValid(faults)
    raw = written(event)
    if len(raw) > EVENT_BYTES_MAX:
        raise CorrectionNotValid([Fault("", "too-large", f"it would have over {EVENT_BYTES_MAX} bytes")])
    try:
        found = judge(raw, door)
    except NotAnEvent as error:
        raise CorrectionNotValid(error.faults) from error
    except TooDeep as error:
        raise CorrectionNotValid([Fault("", "too-deep", str(error))]) from error
    if faults := list(_moved(entry, judge(entry.event, door), found)):
        raise CorrectionNotValid(faults)
    return found


def merged(target: Any, patch: Any) -> Any:
    """``patch`` applied to ``target`` as RFC 7396 says; a key that stands twice is settled by naming it."""
    if not isinstance(patch, dict):
        return patch
    result = Doubled(target if isinstance(target, dict) else {})
    result.repeated = tuple(k for k in getattr(target, "repeated", ()) if k not in patch)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def undoing(target: Mapping[str, Any], patch: Patch) -> dict[str, Any]:
    """The merge patch that takes ``patch`` back; like every merge patch it cannot tell null from absent."""
    found: dict[str, Any] = {}
    for key, value in patch.items():
        before = target.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            found[key] = undoing(before, value)
        elif before is not None or value is not None:
            found[key] = before
    return found


def written(value: Any) -> bytes:
    """JSON as UTF-8; ASCII where the text holds half a surrogate pair. Infinity, which is no JSON, becomes text."""
    value = _finite(value)
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def _too_deep(patch: Patch) -> bool:
    """Looked at level by level: nothing may recurse into what nobody has measured."""
    level: list[Any] = [patch]
    for _ in range(NESTING_MAX):
        level = [child for value in level for _, child in children(value)]
    return any(isinstance(value, dict | list) for value in level)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _finite(child) for key, child in value.items()}
    return [_finite(child) for child in value] if isinstance(value, list) else value


def _unwritable(value: Any, path: tuple[str | int, ...]) -> Iterator[Fault]:
    """What would be lost when the event is written anew: the correction has to say what holds instead."""
    if isinstance(value, Doubled):
        for key in value.repeated:
            yield Fault(pointer((*path, key)), "duplicate-key", f"say which value of {shown(key)} holds")
    if isinstance(value, float) and not math.isfinite(value):
        yield Fault(pointer(path), "out-of-bounds", "no number that can be written: say another one")
    for step, child in children(value):
        yield from _unwritable(child, (*path, step))


def _moved(entry: Entry, sent: Judged, found: Judged) -> Iterator[Fault]:
    """What the correction changes though it was no fault of the event as it was sent."""
    for name in KEPT:
        if sent.event.get(name) != found.event.get(name) and not _was_faulty(entry, f"/{name}"):
            yield Fault(f"/{name}", "kept-as-sent", f"{name} had no fault: a correction keeps it")
    if sent.object_id is not None and sent.object_id != found.object_id:
        place = f"/data/{object_key(sent.type)}"
        if not _was_faulty(entry, place):
            yield Fault(place, "kept-as-sent", "what the event speaks of had no fault: a correction keeps it")


def _was_faulty(entry: Entry, place: str) -> bool:
    """Whether the source's event had a fault here, or so many that not all of them were listed."""
    return any(
        fault.code == "more-faults" or (fault.pointer and f"{place}/".startswith(f"{fault.pointer}/"))
        for fault in entry.faults_as_sent
    )
