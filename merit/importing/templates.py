"""What the mapping writes into an event or an item: constants, and ``${Column}`` where a row's value belongs."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from merit.importing.places import Places, hint

REFERENCE = re.compile(r"\$\{([^}]+)\}")
WHEN = "when"


@dataclass(frozen=True)
class Whole:
    """``${Column}`` alone: the column's value, whatever its type; None leaves the field out."""

    column: str


@dataclass(frozen=True)
class Mixed:
    """Text with ``${Column}`` in it; None when any of the columns is empty."""

    text: str


@dataclass(frozen=True)
class Condition:
    """What only some rows have: those where the column is filled in, or has one of ``values``."""

    column: str
    values: tuple[str, ...] | None = None

    def holds(self, row: Mapping[str, Any]) -> bool:
        value = row[self.column]
        if self.values is None:
            return value is not None
        return value is not None and str(value) in self.values


@dataclass(frozen=True)
class Guarded:
    """A list item with its condition."""

    condition: Condition
    item: Any


def parse(places: Places, node: yaml.Node, columns: Collection[str]) -> Any:
    """A template from YAML: dicts, lists, constants, Whole, Mixed and Guarded. Faults go to ``places``."""
    if isinstance(node, yaml.MappingNode):
        entries = places.entries(node)
        condition = entries.pop(WHEN, None)
        item = {name: parse(places, entry.value, columns) for name, entry in entries.items()}
        return Guarded(parse_condition(places, condition.value, columns), item) if condition else item
    if isinstance(node, yaml.SequenceNode):
        return [parse(places, item, columns) for item in node.value]
    if isinstance(node.value, str) and "${" in node.value:
        return _reference(places, node, columns)
    constant = places.value(node)
    return constant.isoformat() if isinstance(constant, dt.date) else constant


def _reference(places: Places, node: yaml.Node, columns: Collection[str]) -> Whole | Mixed:
    names = REFERENCE.findall(node.value)
    if not names:
        places.fault(node, "'${' begins a column's name and '}' ends it")
    for name in names:
        if name not in columns:
            places.fault(node, f"there is no column {name!r} under 'columns'" + hint(name, columns))
    whole = REFERENCE.fullmatch(node.value)
    return Whole(whole.group(1)) if whole else Mixed(node.value)


def parse_condition(places: Places, node: yaml.Node, columns: Collection[str]) -> Condition:
    """``when: ${Column}`` (is filled in) or ``when: {column: Column, is: [values]}``."""
    if isinstance(node, yaml.ScalarNode):
        found = _reference(places, node, columns) if "${" in node.value else None
        if isinstance(found, Whole):
            return Condition(found.column)
        places.fault(node, "'when' is ${Column}, or {column: Column, is: [values]}")
        return Condition("")
    entries = places.entries(node, ("column", "is"), ("column", "is"))
    if len(entries) < 2:
        return Condition("")
    column = places.text(entries["column"].value)
    if column not in columns:
        places.fault(entries["column"].value, f"there is no column {column!r} under 'columns'" + hint(column, columns))
    return Condition(column, tuple(places.text(item) for item in places.items(entries["is"].value)))


def fill(template: Any, row: Mapping[str, Any]) -> Any:
    """The template with a row's values: JSON's own types; dates and instants in ISO 8601. Empty fields are left out."""
    if isinstance(template, Whole):
        return _json(row[template.column])
    if isinstance(template, Mixed):
        return _mix(template.text, row)
    if isinstance(template, dict):
        filled = {name: fill(value, row) for name, value in template.items()}
        return {name: value for name, value in filled.items() if value is not None}
    if isinstance(template, list):
        kept = [item for item in template if not isinstance(item, Guarded) or item.condition.holds(row)]
        return [fill(item.item if isinstance(item, Guarded) else item, row) for item in kept]
    return template


def _json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.date) else value


def _mix(text: str, row: Mapping[str, Any]) -> str | None:
    if any(row[name] is None for name in REFERENCE.findall(text)):
        return None
    return REFERENCE.sub(lambda found: str(_json(row[found.group(1)])), text)
