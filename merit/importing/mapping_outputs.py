"""Reading the outputs of a mapping: which event, or item of a resource, a row or a group of rows becomes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import msgspec
import yaml

from contracts.topics import ACCEPTED_FROM_CRM, EVENT_TYPES
from merit.importing import templates
from merit.importing.expressions import Expression, over_rows
from merit.importing.places import Entry, Places
from merit.importing.templates import Fields, Kinds, Whole

RESOURCES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "people": (("person_id", "name"), ("email", "title", "active", "roles")),
    "teams": (("team_id", "name"), ()),
    "memberships": (("person_id", "kind", "of", "valid_from"), ("valid_to",)),
    "targets": (("kpi", "subject_kind", "subject", "from", "to", "value"), ("currency",)),
    "payee_parameters": (("payee_id", "name", "value", "valid_from"), ("valid_to",)),
}
"""The resources that an import may write, each with its required and its optional fields."""
REVISION = "revision"
_BOTH = ("when", "group")
EVENT_KEYS, ITEM_KEYS = ("event", "amend", "key", "time", "data", *_BOTH), ("resource", "item", *_BOTH)


@dataclass(frozen=True)
class EventOutput:
    """An event per row, or per group of rows with the same values in ``group``.

    ``key`` names the columns that say which object it is about; a changed row of a key is sent as ``amend``, or,
    without ``amend``, as another event of the same type, with a higher ``revision`` where the type has one, else a
    microsecond later.
    """

    event: str
    amend: str | None
    key: tuple[str, ...]
    time: Expression
    data: Fields
    condition: Expression | None = None
    group: tuple[str, ...] | None = None

    def reads(self) -> tuple[set[str], bool]:
        """The columns that it needs of a row that meets its condition, and whether the same row twice would matter."""
        names, counts = templates.reads(self.data)
        return {*names, *self.key, *(self.group or ()), *self.time.names}, counts or self.time.counts


@dataclass(frozen=True)
class ItemOutput:
    """An item of a resource per row or group, which the API creates, changes or leaves as it is by its natural key."""

    resource: str
    item: Fields
    condition: Expression | None = None
    group: tuple[str, ...] | None = None

    def reads(self) -> tuple[set[str], bool]:
        """The columns that it needs of a row that meets its condition, and whether the same row twice would matter."""
        names, counts = templates.reads(self.item)
        return {*names, *(self.group or ())}, counts


Output = EventOutput | ItemOutput


def has_revision(event_type: str) -> bool:
    """Whether the data of this event type says which version of the object it tells."""
    return any(f.encode_name == REVISION for f in msgspec.structs.fields(EVENT_TYPES[event_type]))


def output(places: Places, node: yaml.Node, kinds: Kinds, has_source: bool) -> Output | None:
    """An output; None when it has faults, which go to ``places``."""
    found = places.silent().entries(node)
    if "event" in found:
        if not has_source:
            places.fault(found["event"].key, "events need a 'source' at the top of the mapping")
        return _Reader(places, node, kinds).event()
    if "resource" in found:
        return _Reader(places, node, kinds).item()
    places.fault(node, "an output says either 'event' or 'resource'")
    return None


class _Reader:
    """Reads one output."""

    def __init__(self, places: Places, node: yaml.Node, kinds: Kinds) -> None:
        self._places, self._node, self._kinds = places, node, kinds

    def event(self) -> EventOutput | None:
        found = self._places.entries(self._node, EVENT_KEYS, ("event", "time", "data"))
        if not {"time", "data"} <= found.keys():
            return None
        condition, group = self._which(found)
        types = {
            name: self._places.one_of(found[name].value, ACCEPTED_FROM_CRM, "{} is no event type")
            for name in ("event", "amend")
            if name in found
        }
        if (event := types["event"]) in EVENT_TYPES:
            fields = msgspec.structs.fields(EVENT_TYPES[event])
            names = [f.encode_name for f in fields]
            self._check(found["data"].value, names, [f.encode_name for f in fields if f.required])
        data = templates.parse(self._places, found["data"].value, self._kinds)
        time = templates.parse(self._places, found["time"].value, self._kinds)
        key = self._key(found, group)
        if not isinstance(data, Fields):
            return None
        if not (isinstance(time, Whole) and time.expression.kind in ("date", "datetime")):
            self._places.fault(found["time"].value, "'time' is ${...} of a date or a datetime")
            return None
        return EventOutput(event, types.get("amend"), key, time.expression, data, condition, group)

    def item(self) -> ItemOutput | None:
        found = self._places.entries(self._node, ITEM_KEYS, ("resource", "item"))
        name = self._places.one_of(found["resource"].value, RESOURCES, "{} is no resource")
        condition, group = self._which(found)
        if name not in RESOURCES or "item" not in found:
            return None
        required, optional = RESOURCES[name]
        self._check(found["item"].value, (*required, *optional), required)
        item = templates.parse(self._places, found["item"].value, self._kinds)
        return ItemOutput(name, item, condition, group) if isinstance(item, Fields) else None

    def _which(self, found: Mapping[str, Entry]) -> tuple[Expression | None, tuple[str, ...] | None]:
        """The condition on each row, and the columns whose values put rows together; from then on one by one."""
        condition = None
        if "when" in found:
            condition = templates.expression(self._places, found["when"].value, self._kinds, over_rows)
        group = templates.each_of(self._places, found["group"].value, self._kinds) if "group" in found else None
        if group == ():
            self._places.fault(found["group"].value, "'group' names columns")
        self._kinds = templates.one_by_one(self._kinds, group or ())
        return condition, group

    def _key(self, found: Mapping[str, Entry], group: tuple[str, ...] | None) -> tuple[str, ...]:
        if "key" not in found:
            if group is None:
                self._places.fault(self._node, "'key' is missing here (or 'group', whose columns are the key then)")
            return group or ()
        nodes = self._places.items(found["key"].value)
        for node in nodes:
            if self._kinds.get(name := self._places.text(node)) == "texts":
                self._places.fault(node, f"{name!r} holds several values, which are no key")
        return tuple(self._places.one_of(node, self._kinds, "there is no column {} here") for node in nodes)

    def _check(self, node: yaml.Node, known: Collection[str], required: Collection[str]) -> None:
        self._places.entries(node, known, required)
