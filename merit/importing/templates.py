"""What the mapping writes into an event or an item: constants, and ``${expression}`` where values belong."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from merit.importing.expressions import Expression, holds, over_scopes
from merit.importing.functions import BadExpression
from merit.importing.kinds import Kind
from merit.importing.places import Places
from merit.importing.scopes import ROW, Scope, json_of, text_of

REFERENCE = re.compile(r"\$\{([^}]*)\}")
EACH, WHEN = "each", "when"
Kinds = Mapping[str, Kind]


@dataclass(frozen=True)
class Constant:
    """A value that is the same for every row."""

    value: Any

    def fill(self, scope: Scope) -> Any:
        """JSON's own types; None leaves the field out. The same for every other template. Raises Unusable."""
        return self.value

    def names(self, path: Sequence[str]) -> tuple[str, ...]:
        """The columns from which the value at this place comes. The same for every other template."""
        return ()


@dataclass(frozen=True)
class Whole:
    """``${expression}`` alone: its value, whatever its kind."""

    expression: Expression

    def fill(self, scope: Scope) -> Any:
        return json_of(self.expression.value(scope))

    def names(self, path: Sequence[str]) -> tuple[str, ...]:
        return self.expression.names


@dataclass(frozen=True)
class Mixed:
    """Text with ``${expression}`` in it; None when any of them is not filled in."""

    parts: tuple[str | Expression, ...]

    def fill(self, scope: Scope) -> Any:
        found = [part if isinstance(part, str) else part.value(scope) for part in self.parts]
        return None if any(value is None for value in found) else "".join(map(text_of, found))

    def names(self, path: Sequence[str]) -> tuple[str, ...]:
        return tuple(name for part in self.parts if isinstance(part, Expression) for name in part.names)


@dataclass(frozen=True)
class Fields:
    """An object; fields without a value are left out."""

    fields: Mapping[str, Template]

    def fill(self, scope: Scope) -> dict[str, Any]:
        return {name: value for name, field in self.fields.items() if (value := field.fill(scope)) is not None}

    def names(self, path: Sequence[str]) -> tuple[str, ...]:
        field = self.fields.get(path[0]) if path else None
        return field.names(path[1:]) if field else ()


@dataclass(frozen=True)
class Item:
    """An item of a list, or many: one per row, or per value of the columns in ``each``, where ``when`` holds."""

    template: Template
    each: tuple[str, ...] | None = None
    when: Expression | None = None

    def fill(self, scope: Scope) -> list[Any]:
        """The items. Raises Unusable."""
        scopes = [scope] if self.each is None else scope.parts(self.each)
        kept = [part for part in scopes if self.when is None or holds(self.when.value(part))]
        return [self.template.fill(Scope(part.rows, place, len(kept))) for place, part in enumerate(kept)]


@dataclass(frozen=True)
class Items:
    """A list."""

    items: Sequence[Item]

    def fill(self, scope: Scope) -> list[Any]:
        return [value for item in self.items for value in item.fill(scope)]

    def names(self, path: Sequence[str]) -> tuple[str, ...]:
        return self.items[0].template.names(path[1:]) if len(self.items) == 1 else ()


Template = Constant | Whole | Mixed | Fields | Items


def reads(template: Template) -> tuple[set[str], bool]:
    """The columns from which a template is filled, and whether the same row twice would fill it otherwise."""
    match template:
        case Constant():
            return set(), False
        case Whole(expression):
            return set(expression.names), expression.counts
        case Mixed(parts):
            found = [(set(part.names), part.counts) for part in parts if isinstance(part, Expression)]
        case Fields(fields):
            found = [reads(field) for field in fields.values()]
        case Items(items):
            found = [reads(item.template) for item in items]
            found += [(set(item.each), not item.each) for item in items if item.each is not None]
            found += [(set(item.when.names), item.when.counts) for item in items if item.when is not None]
    return set().union(*(names for names, _ in found)), any(counts for _, counts in found)


def parse(places: Places, node: yaml.Node, kinds: Kinds) -> Template:
    """A template from YAML. Faults go to ``places``."""
    if isinstance(node, yaml.MappingNode):
        return Fields({name: parse(places, entry.value, kinds) for name, entry in places.entries(node).items()})
    if isinstance(node, yaml.SequenceNode):
        return Items([_item(places, item, kinds) for item in node.value])
    if "${" in node.value:
        return _reference(places, node, kinds)
    constant = places.value(node)
    return Constant(constant.isoformat() if isinstance(constant, dt.date) else constant)


def _item(places: Places, node: yaml.Node, kinds: Kinds) -> Item:
    if not isinstance(node, yaml.MappingNode):
        return Item(parse(places, node, kinds))
    entries = places.entries(node)
    each, when = entries.pop(EACH, None), entries.pop(WHEN, None)
    names = each_of(places, each.value, kinds) if each else None
    kinds = one_by_one(kinds, names or ())
    condition = expression(places, when.value, kinds, over_scopes) if when else None
    template = Fields({name: parse(places, entry.value, kinds) for name, entry in entries.items()})
    return Item(template, names, condition)


def each_of(places: Places, node: yaml.Node, kinds: Kinds) -> tuple[str, ...]:
    """``row`` (no name), a column's name, or a list of them. Faults go to ``places``."""
    nodes = places.items(node) if isinstance(node, yaml.SequenceNode) else [node]
    if len(nodes) == 1 and places.text(nodes[0]) == ROW:
        return ()
    return tuple(places.one_of(item, kinds, "there is no column {} here") for item in nodes)


def one_by_one(kinds: Kinds, names: Sequence[str]) -> Kinds:
    """The columns where those of these names that hold several values are taken value by value."""
    return {**kinds, **{name: "text" for name in names if kinds.get(name) == "texts"}}


def expression(
    places: Places, node: yaml.Node, kinds: Kinds, read: Callable[[str, Kinds], Expression]
) -> Expression | None:
    """An expression that stands alone, without ``${}``. Faults go to ``places``."""
    try:
        return read(places.text(node), kinds)
    except BadExpression as error:
        places.fault(node, str(error))
        return None


def _reference(places: Places, node: yaml.Node, kinds: Kinds) -> Template:
    parts: list[str | Expression] = []
    for number, text in enumerate(REFERENCE.split(node.value)):
        try:
            if number % 2:
                parts.append(over_scopes(text, kinds))
            elif "${" in text:
                raise BadExpression("'${' begins an expression and '}' ends it")
            elif text:
                parts.append(text)
        except BadExpression as error:
            places.fault(node, str(error))
            return Constant(None)
    return Whole(parts[0]) if len(parts) == 1 and isinstance(parts[0], Expression) else Mixed(tuple(parts))
