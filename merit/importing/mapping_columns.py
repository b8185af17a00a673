"""Reading the columns of a mapping: how their cells are written, and what is computed from them."""

from __future__ import annotations

import datetime as dt
import keyword
import re
from collections.abc import Mapping
from typing import Any, cast
from zoneinfo import ZoneInfo

import yaml

from merit.importing.cells import CLEANINGS, BadCell
from merit.importing.columns import Column
from merit.importing.expressions import Expression, over_rows
from merit.importing.kinds import COLUMN_KINDS, ColumnKind, Kind
from merit.importing.places import Entry, Places
from merit.importing.scopes import ROW
from merit.importing.templates import expression

COMPUTE = "compute"
WANTED: Mapping[str, type] = {
    "decimal_mark": str, "thousands_mark": str, "required": bool, "split": str, "next": bool, "last": dt.date,
}  # fmt: skip
"""Options of a column with a plain value, and its type."""
OTHERS = ("type", "from", "format", "clean", "pattern", "aliases", "map", "default")
COLUMN_KEYS = (*WANTED, *OTHERS)
ONLY_FOR: Mapping[str, tuple[str, ...]] = {
    "format": ("date", "datetime"),
    "next": ("date",),
    "last": ("date",),
    "decimal_mark": ("decimal", "integer"),
    "thousands_mark": ("decimal", "integer"),
    "split": ("text",),
    "aliases": ("text",),
}


def columns(places: Places, node: yaml.Node, computing: dict[str, yaml.Node] | None) -> dict[str, Column]:
    """The columns of a file by name; computed ones are put into ``computing``, where that may be."""
    found: dict[str, Column] = {}
    for name, entry in places.entries(node).items():
        _check_name(places, entry.key, name)
        if isinstance(entry.value, yaml.MappingNode) and COMPUTE in (inner := places.silent().entries(entry.value)):
            if computing is None:
                places.fault(entry.key, "columns of a joined file are not computed: do it among the step's columns")
            else:
                places.entries(entry.value, (COMPUTE,))
                computing[name] = inner[COMPUTE].value
        else:
            found[name] = _column(places, name, entry.value)
    return found


def computed(places: Places, nodes: Mapping[str, yaml.Node], kinds: dict[str, Kind]) -> dict[str, Expression]:
    """The computed columns; each may name those before it. Their kinds are added to ``kinds``."""
    found: dict[str, Expression] = {}
    for name, node in nodes.items():
        if name in kinds:
            places.fault(node, f"there is a column {name!r} already")
        elif made := expression(places, node, kinds, over_rows):
            found[name], kinds[name] = made, made.kind
        else:
            kinds[name] = "any"
    return found


def _check_name(places: Places, node: yaml.Node, name: str) -> None:
    if not name.isidentifier() or keyword.iskeyword(name) or name == ROW:
        places.fault(node, f"{name!r} cannot be named in an expression: call it otherwise, and say from: {name}")


def _column(places: Places, name: str, node: yaml.Node) -> Column:
    if isinstance(node, yaml.ScalarNode):
        return Column(name, (name,), _kind(places, node))
    found = places.entries(node, COLUMN_KEYS)
    kind = _kind(places, found["type"].value) if "type" in found else "text"
    for key, kinds in ONLY_FOR.items():
        if key in found and kind not in kinds:
            places.fault(found[key].key, f"{key!r} is for columns of type {' or '.join(kinds)}")
    given: dict[str, Any] = {key: places.value(found[key].value) for key in WANTED if key in found}
    for key, value in given.items():
        if not isinstance(value, WANTED[key]) or isinstance(value, dt.datetime):
            places.fault(found[key].value, f"{key!r} is {_called(WANTED[key])}")
    headers = _texts(places, found["from"].value) if "from" in found else (name,)
    return Column(name, headers, kind, **given, **_others(places, found, kind))


def _called(type_: type) -> str:
    return {str: "text", bool: "true or false", dt.date: "a day"}[type_]


def _others(places: Places, found: Mapping[str, Entry], kind: ColumnKind) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if "format" in found:
        given["formats"] = _texts(places, found["format"].value)
    if "clean" in found:
        nodes = _nodes(places, found["clean"].value)
        given["clean"] = tuple(places.one_of(node, CLEANINGS, "{} is no way to clean a text") for node in nodes)
    if "pattern" in found:
        given["pattern"] = _pattern(places, found["pattern"].value)
    if "aliases" in found:
        entries = places.entries(found["aliases"].value)
        given["aliases"] = {name: places.text(entry.value) for name, entry in entries.items()}
    if "map" in found:
        entries = places.entries(found["map"].value)
        given["map"] = {name: places.value(entry.value) for name, entry in entries.items()}
    if "default" in found:
        given["default"] = _default(places, found["default"].value, kind, "map" in found)
    return given


def _nodes(places: Places, node: yaml.Node) -> list[yaml.Node]:
    return places.items(node) if isinstance(node, yaml.SequenceNode) else [node]


def _texts(places: Places, node: yaml.Node) -> tuple[str, ...]:
    """One text, or a list of them."""
    return tuple(places.text(item) for item in _nodes(places, node))


def _pattern(places: Places, node: yaml.Node) -> re.Pattern[str] | None:
    try:
        found = re.compile(places.text(node))
    except re.error as error:
        places.fault(node, f"this is no regular expression: {error}")
        return None
    if found.groups > 1:
        places.fault(node, "a pattern has one group at most: the part that is wanted")
    return found


def _default(places: Places, node: yaml.Node, kind: ColumnKind, mapped: bool) -> Any:
    """What stands for an empty cell: as the ``map``'s values, or read as a cell in ISO 8601 and with a point."""
    if mapped:
        return places.value(node)
    try:
        return Column("default", ("default",), kind).reader(ZoneInfo("UTC"))(places.text(node))
    except BadCell as error:
        places.fault(node, str(error))
        return None


def _kind(places: Places, node: yaml.Node) -> ColumnKind:
    return cast(ColumnKind, places.one_of(node, COLUMN_KINDS, "{} is no type"))
