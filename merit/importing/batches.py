"""Rows on their way to the API: gathered to batches, sent, and what became of each of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from chassis.bus import format_positions, parse_positions
from contracts.envelope import Identifier
from merit.home import MeritError
from merit.importing import templates
from merit.importing.door import Door, Refused
from merit.importing.journal import Journal, RepeatedKey, digest
from merit.importing.mapping import EventOutput, ItemOutput
from merit.importing.rows import BadRow, Row

BATCH_ROWS_MAX = 500
BATCH_BYTES_MAX = 900_000
TAKEN = ("accepted", "duplicate")
_ITEM = re.compile(r"^/items/(\d+)(/.*)?$")

Reject = Callable[[BadRow], None]


class UnusableRow(Exception):
    """A row that cannot become an event; the text says why."""


@dataclass
class Told:
    """What the API said so far: outcomes by event type or resource, and the position after the last event."""

    outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    _positions: dict[Any, int] = field(default_factory=dict)

    def count(self, what: str, outcome: str) -> None:
        self.outcomes.setdefault(what, Counter())[outcome] += 1

    def reached(self, position: str) -> None:
        for partition, offset in parse_positions(position).items():
            self._positions[partition] = max(self._positions.get(partition, 0), offset)

    @property
    def position(self) -> str:
        """What a read passes as ``after`` to see all of the import."""
        return format_positions(self._positions)


@dataclass
class EventBatch:
    """Events of one output. The journal is saved before each batch is sent."""

    output: EventOutput
    source: str
    import_id: str
    door: Door
    journal: Journal
    told: Told
    reject: Reject
    _events: list[bytes] = field(default_factory=list)
    _origins: list[tuple[Row, bytes, str]] = field(default_factory=list)
    _bytes: int = 0

    async def add(self, row: Row, values: Mapping[str, Any], time: str) -> None:
        """Take a row in. Raises UnusableRow."""
        parts = [values[name] for name in self.output.key]
        if any(part is None for part in parts):
            raise UnusableRow(f"its key ({', '.join(self.output.key)}) is empty")
        name = "/".join(str(part).replace("/", "//") for part in parts)
        key, data = digest(name.encode()), templates.fill(self.output.data, values)
        try:
            type_, event = self._event(name, key, time, data)
        except (RepeatedKey, msgspec.ValidationError) as error:
            raise UnusableRow(str(error)) from error
        self._events.append(event)
        self._origins.append((row, key, type_))
        self._bytes += len(event)
        if len(self._events) >= BATCH_ROWS_MAX or self._bytes >= BATCH_BYTES_MAX:
            await self.send()

    def _event(self, name: str, key: bytes, time: str, data: dict[str, Any]) -> tuple[str, bytes]:
        content = digest(msgspec.json.encode((time, data), order="sorted"))
        version, type_ = self.journal.version(key, content), self.output.event
        if self.output.amend and version.revision:
            type_ = self.output.amend if version.amended else type_
            data = data | {"revision": version.revision}
        digits = digest(msgspec.json.encode((type_, time, data), order="sorted")).hex()
        event = {"specversion": "1.0", "id": f"{name}:{digits}", "source": self.source, "type": type_, "time": time,
                 "importid": self.import_id, "datacontenttype": "application/json", "data": data}  # fmt: skip
        msgspec.convert(event["id"], Identifier)
        return type_, msgspec.json.encode(event)

    async def send(self) -> None:
        """Send what is gathered. Raises MeritError when the API takes none of it."""
        if not self._events:
            return
        events, origins = self._events, self._origins
        self._events, self._origins, self._bytes = [], [], 0
        self.journal.save()
        try:
            answer = await self.door.events(events)
        except Refused as error:
            raise MeritError(f"Merit refuses the events: {error}") from error
        self.told.reached(answer["position"])
        for result in answer["results"]:
            row, key, type_ = origins[result["index"]]
            self.told.count(type_, result["outcome"])
            if result["outcome"] in TAKEN:
                self.journal.accepted(key)
            else:
                self.reject(BadRow(row, _reason(result)))


def _reason(result: Mapping[str, Any]) -> str:
    said = "; ".join(f"{fault['pointer']} {fault['detail']}" for fault in result.get("faults", ()))
    return f"{result['outcome']} by Merit" + (f": {said}" if said else "")


@dataclass
class ItemBatch:
    """Items of one resource. What the API refuses by its place is rejected, and the rest is sent again."""

    output: ItemOutput
    door: Door
    told: Told
    reject: Reject
    _items: list[dict[str, Any]] = field(default_factory=list)
    _origins: list[Row] = field(default_factory=list)

    async def add(self, row: Row, values: Mapping[str, Any]) -> None:
        self._items.append(templates.fill(self.output.item, values))
        self._origins.append(row)
        if len(self._items) >= BATCH_ROWS_MAX:
            await self.send()

    async def send(self) -> None:
        """Send what is gathered. Raises MeritError when the API refuses it without saying which item."""
        items, origins = self._items, self._origins
        self._items, self._origins = [], []
        while items:
            try:
                outcomes = await self.door.items(self.output.resource, items)
            except Refused as error:
                faulty = _faulty(error)
                if not faulty:
                    raise MeritError(f"Merit refuses the {self.output.resource}: {error}") from error
                for index, reason in faulty.items():
                    self.told.count(self.output.resource, "refused")
                    self.reject(BadRow(origins[index], f"refused by Merit: {reason}"))
                items = [item for i, item in enumerate(items) if i not in faulty]
                origins = [row for i, row in enumerate(origins) if i not in faulty]
            else:
                for outcome in outcomes:
                    self.told.count(self.output.resource, outcome)
                return


def _faulty(error: Refused) -> dict[int, str]:
    """Which items the API named, with its reasons."""
    reasons: dict[int, list[str]] = {}
    for fault in error.problem.get("errors", ()):
        if found := _ITEM.match(str(fault.get("pointer"))):
            reasons.setdefault(int(found[1]), []).append(f"{(found[2] or '')} {fault.get('detail', '')}".strip())
    return {index: "; ".join(said) for index, said in reasons.items()}
