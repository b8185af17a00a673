"""Events and items on their way to the API: gathered to batches, sent, and what became of each of them."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from chassis.bus import format_positions, parse_positions
from contracts.envelope import Identifier
from merit.home import MeritError
from merit.importing.door import Refused, Taker
from merit.importing.functions import moved
from merit.importing.journal import Journal, RepeatedKey, digest
from merit.importing.mapping import EventOutput, ItemOutput
from merit.importing.mapping_outputs import REVISION, has_revision
from merit.importing.reading import instant
from merit.importing.rows import BadRow, Reject, Row
from merit.importing.scopes import Scope, Unusable, named

BATCH_ROWS_MAX = 500
BATCH_BYTES_MAX = 900_000
MICROSECOND = dt.timedelta(microseconds=1)
SOUND, FAULTY = "sound", "faulty"
"""What a dry run says of an event."""
TAKEN = ("accepted", "duplicate", SOUND)
_ITEM = re.compile(r"^/items/(\d+)(/.*)?$")

Where = Callable[[Sequence[str]], tuple[int | None, str | None]]
"""The number and the header of the column of the file behind the first of these names; None where there is none."""


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


@dataclass(frozen=True)
class Context:
    """What the batches of one import share."""

    source: str
    import_id: str
    zone: ZoneInfo
    door: Taker
    told: Told


@dataclass
class EventBatch:
    """Events of one output. The journal is saved before each batch is sent."""

    output: EventOutput
    context: Context
    journal: Journal
    reject: Reject
    where: Where
    _events: list[bytes] = field(default_factory=list)
    _origins: list[tuple[Sequence[Row], bytes, str]] = field(default_factory=list)
    _bytes: int = 0

    async def add(self, rows: Sequence[Row], scope: Scope) -> None:
        """Take an object in, with the rows that tell of it. Raises Unusable."""
        name, time, data = self._name(scope), self._time(scope), self.output.data.fill(scope)
        key = digest(name.encode())
        try:
            type_, event = self._event(name, key, time, data)
        except (RepeatedKey, msgspec.ValidationError) as error:
            raise Unusable(str(error), self.output.key) from error
        self._events.append(event)
        self._origins.append((rows, key, type_))
        self._bytes += len(event)
        if len(self._events) >= BATCH_ROWS_MAX or self._bytes >= BATCH_BYTES_MAX:
            await self.send()

    def _name(self, scope: Scope) -> str:
        parts = [scope.agreed(name) for name in self.output.key]
        if None in parts:
            raise Unusable(f"its key ({', '.join(self.output.key)}) is empty", self.output.key)
        return named(parts)

    def _time(self, scope: Scope) -> dt.datetime:
        if (time := self.output.time.value(scope)) is None:
            raise Unusable(f"its time ({self.output.time.text}) is empty", self.output.time.names)
        return instant(time, self.context.zone)

    def _event(self, name: str, key: bytes, when: dt.datetime, data: dict[str, Any]) -> tuple[str, bytes]:
        time = when.isoformat()
        content = digest(msgspec.json.encode((time, data), order="sorted"))
        version, type_ = self.journal.version(key, content), self.output.event
        if self.output.amend and version.amended:
            type_ = self.output.amend
        if version.revision and has_revision(type_):
            data = data | {REVISION: version.revision}
        elif version.revision:  # where the latest word counts, the newest version is to be it
            time = moved(when, version.revision * MICROSECOND).isoformat()
        digits = digest(msgspec.json.encode((type_, time, data), order="sorted")).hex()
        event = {"specversion": "1.0", "id": f"{name}:{digits}", "source": self.context.source, "type": type_,
                 "time": time, "importid": self.context.import_id, "datacontenttype": "application/json",
                 "data": data}  # fmt: skip
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
            answer = await self.context.door.events(events)
        except Refused as error:
            raise MeritError(f"Merit refuses the events: {error}") from error
        self.context.told.reached(answer["position"])
        for result in answer["results"]:
            rows, key, type_ = origins[result["index"]]
            self.context.told.count(type_, result["outcome"])
            if result["outcome"] in TAKEN:
                self.journal.accepted(key)
            else:
                self.reject(BadRow(rows, _reason(result), *self.where(self._names(result))))

    def _names(self, result: Mapping[str, Any]) -> tuple[str, ...]:
        """The columns behind the first fault of an event."""
        for fault in result.get("faults", ()):
            part, *path = [*str(fault["pointer"]).split("/")[1:], ""]
            return self.output.time.names if part == "time" else self.output.data.names(path[:-1])
        return ()


def _reason(result: Mapping[str, Any]) -> str:
    said = "; ".join(f"{fault['pointer']} {fault['detail']}" for fault in result.get("faults", ()))
    outcome = str(result["outcome"])
    by = outcome if outcome == FAULTY else f"{outcome} by Merit"
    return by + (f": {said}" if said else "")


@dataclass
class ItemBatch:
    """Items of one resource. What the API refuses by its place is rejected, and the rest is sent again."""

    output: ItemOutput
    context: Context
    reject: Reject
    where: Where
    _items: list[dict[str, Any]] = field(default_factory=list)
    _origins: list[Sequence[Row]] = field(default_factory=list)

    async def add(self, rows: Sequence[Row], scope: Scope) -> None:
        """Take an item in, with the rows that tell of it. Raises Unusable."""
        self._items.append(self.output.item.fill(scope))
        self._origins.append(rows)
        if len(self._items) >= BATCH_ROWS_MAX:
            await self.send()

    async def send(self) -> None:
        """Send what is gathered. Raises MeritError when the API refuses it without saying which item."""
        items, origins = self._items, self._origins
        self._items, self._origins = [], []
        while items:
            try:
                outcomes = await self.context.door.items(self.output.resource, items)
            except Refused as error:
                faulty = _faulty(error)
                if not faulty:
                    raise MeritError(f"Merit refuses the {self.output.resource}: {error}") from error
                for index, (path, reason) in faulty.items():
                    self.context.told.count(self.output.resource, "refused")
                    place = self.where(self.output.item.names(path))
                    self.reject(BadRow(origins[index], f"refused by Merit: {reason}", *place))
                items = [item for i, item in enumerate(items) if i not in faulty]
                origins = [rows for i, rows in enumerate(origins) if i not in faulty]
            else:
                for outcome in outcomes:
                    self.context.told.count(self.output.resource, outcome)
                return


def _faulty(error: Refused) -> dict[int, tuple[Sequence[str], str]]:
    """Which items the API named: where in each, and its reasons."""
    reasons: dict[int, list[tuple[str, str]]] = {}
    for fault in error.problem.get("errors", ()):
        if found := _ITEM.match(str(fault.get("pointer"))):
            reasons.setdefault(int(found[1]), []).append((found[2] or "", fault.get("detail", "")))
    return {
        index: (said[0][0].split("/")[1:], "; ".join(f"{place} {detail}".strip() for place, detail in said))
        for index, said in reasons.items()
    }
