"""The mapping: which columns a file has, and which events or items each of its rows becomes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from zoneinfo import available_timezones

import msgspec
import yaml

from contracts.topics import ACCEPTED_FROM_CRM, EVENT_TYPES
from merit.importing import templates
from merit.importing.columns import KINDS, Column, Kind
from merit.importing.places import Entry, Places, hint

RESOURCES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "people": (("person_id", "name"), ("email", "title", "active", "roles")),
    "teams": (("team_id", "name"), ()),
    "memberships": (("person_id", "kind", "of", "valid_from"), ("valid_to",)),
    "targets": (("kpi", "subject_kind", "subject", "from", "to", "value"), ("currency",)),
    "payee_parameters": (("payee_id", "name", "value", "valid_from"), ("valid_to",)),
}
"""The resources that an import may write, each with its required and its optional fields."""
COLUMN_KEYS = ("type", "from", "format", "decimal_mark", "thousands_mark", "required", "map", "default", "add_days",
               "next", "last")  # fmt: skip
OUTPUT_KEYS = ("event", "amend", "key", "time", "data", "resource", "item", "when")
DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class EventOutput:
    """An event per row. ``key`` names the columns that say which object the row is about; a changed row of a key is
    sent as ``amend`` with a higher ``revision``, or, without ``amend``, as another event of the same type."""

    event: str
    amend: str | None
    key: tuple[str, ...]
    time: templates.Whole
    data: Any
    condition: templates.Condition | None = None


@dataclass(frozen=True)
class ItemOutput:
    """An item of a resource per row, which the API creates, changes or leaves as it is by its natural key."""

    resource: str
    item: Any
    condition: templates.Condition | None = None


Output = EventOutput | ItemOutput


@dataclass(frozen=True)
class ImportMapping:
    """A mapping that has no fault of its own; whether the file has its columns is checked when the file is opened."""

    name: str
    source: str | None
    zone: str | None
    delimiter: str
    encoding: str
    empty: frozenset[str]
    columns: Mapping[str, Column]
    outputs: Sequence[Output]
    places: Places
    nodes: Mapping[str, yaml.Node]
    """Where each column is declared, for the fault that the file does not have it."""

    def check_header(self, header: Collection[str]) -> None:
        """Raises MappingRefused when the file lacks a column that the mapping names."""
        for name, column in self.columns.items():
            if column.header not in header:
                self.places.fault(
                    self.nodes[name], f"the file has no column {column.header!r}" + hint(column.header, header)
                )
        self.places.refuse_if_faulty()


def load(path: Path) -> ImportMapping:
    """Read a mapping. Raises MappingRefused with every fault and its place."""
    places = Places(path.name)
    top = places.entries(places.load(path), ("source", "zone", "csv", "columns", "outputs"), ("columns", "outputs"))
    places.refuse_if_faulty()
    columns = _columns(places, top["columns"].value)
    outputs = [_output(places, node, columns, "source" in top) for node in places.items(top["outputs"].value)]
    nodes = {name: entry.key for name, entry in Places("").entries(top["columns"].value).items()}
    csv = _csv(places, top.get("csv"))
    zone = places.text(top["zone"].value) if "zone" in top else None
    if zone is not None and zone not in available_timezones():
        places.fault(top["zone"].value, f"{zone!r} is no IANA time zone")
    places.refuse_if_faulty()
    source = places.text(top["source"].value) if "source" in top else None
    found = [output for output in outputs if output is not None]
    return ImportMapping(path.name, source, zone, *csv, columns, found, places, nodes)


def _csv(places: Places, entry: Entry | None) -> tuple[str, str, frozenset[str]]:
    options = places.entries(entry.value, ("delimiter", "encoding", "empty")) if entry else {}
    delimiter = str(places.value(options["delimiter"].value)) if "delimiter" in options else ","
    if delimiter not in DELIMITERS:
        places.fault(options["delimiter"].value, f"{delimiter!r} is no delimiter" + hint(delimiter, DELIMITERS))
    encoding = places.text(options["encoding"].value) if "encoding" in options else "utf-8"
    try:
        "".encode(encoding)
    except LookupError:
        places.fault(options["encoding"].value, f"{encoding!r} is no encoding")
    empty = [places.text(n) for n in places.items(options["empty"].value)] if "empty" in options else []
    return delimiter, "utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding, frozenset(empty)


def _columns(places: Places, node: yaml.Node) -> dict[str, Column]:
    return {name: _column(places, name, entry.value) for name, entry in places.entries(node).items()}


def _column(places: Places, name: str, node: yaml.Node) -> Column:
    if isinstance(node, yaml.ScalarNode):
        return Column(name, name, _kind(places, node))
    found = places.entries(node, COLUMN_KEYS, ("type",))
    given: dict[str, Any] = {
        key: places.value(entry.value) for key, entry in found.items() if key not in ("type", "from")
    }
    if "map" in found:
        given["map"] = {k: places.value(e.value) for k, e in places.entries(found["map"].value).items()}
    if isinstance(given.get("last"), dt.date):
        given["last"] = given["last"].isoformat()
    kind: Kind = _kind(places, found["type"].value) if "type" in found else "text"
    _check_column(places, kind, found, given)
    header = places.text(found["from"].value) if "from" in found else name
    return Column(name, header, kind, **given)


def _kind(places: Places, node: yaml.Node) -> Kind:
    kind = places.text(node)
    if kind not in KINDS:
        places.fault(node, f"{kind!r} is no type" + hint(kind, KINDS))
        return "text"
    return cast(Kind, kind)


WANTED = {
    "format": str,
    "decimal_mark": str,
    "thousands_mark": str,
    "required": bool,
    "add_days": int,
    "next": bool,
    "last": str,
}

ONLY_FOR = {
    "format": ("date", "datetime"),
    "add_days": ("date",),
    "next": ("date",),
    "decimal_mark": ("decimal", "integer"),
    "thousands_mark": ("decimal", "integer"),
}


def _check_column(places: Places, kind: str, found: Mapping[str, Entry], given: Mapping[str, Any]) -> None:
    for key, type_ in WANTED.items():
        if key in found and (not isinstance(given[key], type_) or (type_ is int and isinstance(given[key], bool))):
            places.fault(found[key].value, f"{key!r} is {'text' if type_ is str else type_.__name__}")
    for key, kinds in ONLY_FOR.items():
        if key in found and kind not in kinds:
            places.fault(found[key].key, f"{key!r} is for columns of type {' or '.join(kinds)}")


def _output(places: Places, node: yaml.Node, columns: Mapping[str, Column], has_source: bool) -> Output | None:
    found = places.entries(node, OUTPUT_KEYS)
    condition = templates.parse_condition(places, found["when"].value, columns) if "when" in found else None
    if "event" in found:
        if not has_source:
            places.fault(found["event"].key, "events need a 'source' at the top of the mapping")
        return _event(places, node, found, columns, condition)
    if "resource" in found:
        return _item(places, node, found, columns, condition)
    places.fault(node, "an output says either 'event' or 'resource'")
    return None


def _event(
    places: Places,
    node: yaml.Node,
    found: Mapping[str, Entry],
    columns: Mapping[str, Column],
    condition: templates.Condition | None,
) -> Output | None:
    places.entries(node, ("event", "amend", "key", "time", "data", "when"), ("event", "key", "time", "data"))
    if not {"key", "time", "data"} <= found.keys():
        return None
    types = {name: _type(places, found[name].value) for name in ("event", "amend") if name in found}
    data = templates.parse(places, found["data"].value, columns)
    if (event := types["event"]) in EVENT_TYPES:
        fields = msgspec.structs.fields(EVENT_TYPES[event])
        names = [f.encode_name for f in fields]
        _check_fields(places, found["data"].value, names, [f.encode_name for f in fields if f.required])
    key = tuple(_column_name(places, n, columns) for n in places.items(found["key"].value))
    time = templates.parse(places, found["time"].value, columns)
    if not (isinstance(time, templates.Whole) and _is_time(columns.get(time.column))):
        places.fault(found["time"].value, "'time' is ${Column} of a column of type date or datetime")
        return None
    return EventOutput(event, types.get("amend"), key, time, data, condition)


def _is_time(column: Column | None) -> bool:
    return column is None or column.kind in ("date", "datetime")


def _type(places: Places, node: yaml.Node) -> str:
    if (name := places.text(node)) not in ACCEPTED_FROM_CRM:
        places.fault(node, f"{name!r} is no event type" + hint(name, ACCEPTED_FROM_CRM))
    return name


def _column_name(places: Places, node: yaml.Node, columns: Collection[str]) -> str:
    if (name := places.text(node)) not in columns:
        places.fault(node, f"there is no column {name!r} under 'columns'" + hint(name, columns))
    return name


def _item(
    places: Places,
    node: yaml.Node,
    found: Mapping[str, Entry],
    columns: Mapping[str, Column],
    condition: templates.Condition | None,
) -> Output | None:
    places.entries(node, ("resource", "item", "when"), ("resource", "item"))
    if (name := places.text(found["resource"].value)) not in RESOURCES:
        places.fault(found["resource"].value, f"{name!r} is no resource" + hint(name, RESOURCES))
    if name not in RESOURCES or "item" not in found:
        return None
    required, optional = RESOURCES[name]
    _check_fields(places, found["item"].value, (*required, *optional), required)
    return ItemOutput(name, templates.parse(places, found["item"].value, columns), condition)


def _check_fields(places: Places, node: yaml.Node, known: Collection[str], required: Collection[str]) -> None:
    places.entries(node, known, required)
