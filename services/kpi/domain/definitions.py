"""KPI definitions as data: the words in which anyone says what a KPI is, without code."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, ClassVar, Literal, TypeVar, get_args

import msgspec
from msgspec import Meta, Struct

from services.kpi.domain.conditions import Condition, DecimalText, Fault, Operator, conditions_in, storable
from services.kpi.domain.fact_kinds import FACT_KINDS, FieldType
from services.kpi.domain.fields import Fields
from services.kpi.domain.units import Unit

Key = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,63}(?![\s\S])")]
Label = Annotated[
    dict[Literal["en", "zh"], Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\S")]], Meta(min_length=1)
]
Kind = Literal["simple", "ratio", "derived", "growth", "stock"]
MeasureName = Literal["sum", "count", "count_distinct", "average", "min", "max", "percentile", "count_entities"]
Compare = Literal["previous_period", "previous_year"]
Direction = Literal["up", "down"]
Status = Literal["waiting", "building", "published", "superseded", "withdrawn"]
Shape = TypeVar("Shape")


class Aggregate(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How facts become a number.

    ``sum``, ``average``, ``min``, ``max`` and ``percentile`` are of a decimal field; ``count`` is of facts,
    ``count_distinct`` of a field's values. ``count_entities`` counts the values of a field that have ``at_least`` n
    facts in the window, or whose ``first`` fact ever, whoever's, lies in it. ``percentile`` p, between 0 and 100, is
    continuous: position (n - 1) * p / 100 among the n values in order, between two of them in proportion.
    """

    measure: MeasureName
    field: str | None = None
    percentile: int | DecimalText | None = None
    at_least: int | None = None
    first: bool = False
    where: tuple[Condition, ...] = ()


class Definition(
    Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True, rename={"begins": "from"}
):
    """A KPI.

    ``simple`` is an aggregate, ``ratio`` one over another, ``derived`` arithmetic over other KPIs, ``growth`` another
    KPI against its period before or a year ago, ``stock`` an aggregate of the facts that are open at the end of the
    window's last day: ``from`` one date ``until`` another.
    Units: ``percent`` is a part (0.5 is 50 %), ``days`` and ``duration`` (seconds) are exact numbers.
    """

    key: Key
    label: Label
    kind: Kind
    unit: Unit
    direction: Direction
    objective: Annotated[str, Meta(max_length=500)] | None = None
    owner: Annotated[str, Meta(max_length=200)] | None = None
    over: str | None = None
    where: tuple[Condition, ...] = ()
    time: str | None = None
    begins: str | None = None
    until: str | None = None
    measure: MeasureName | None = None
    field: str | None = None
    percentile: int | DecimalText | None = None
    at_least: int | None = None
    first: bool = False
    numerator: Aggregate | None = None
    denominator: Aggregate | None = None
    of: Key | None = None
    compare: Compare | None = None
    expression: str | None = None

    @property
    def aggregate(self) -> Aggregate:
        """Of a simple KPI or a stock: what it does with the facts that its filter picks."""
        assert self.measure
        return Aggregate(self.measure, self.field, self.percentile, self.at_least, self.first)

    @property
    def conditions(self) -> int:
        """How many conditions its measures have, each with those that it shares with another."""
        parts = [part.where for part in (self.numerator, self.denominator) if part] or [()]
        return sum(conditions_in((*self.where, *where)) for where in parts)


_CHOICES: Mapping[str, tuple[str, ...]] = {
    "operator": get_args(Operator),
    "measure": get_args(MeasureName),
    "kind": get_args(Kind),
    "unit": get_args(Unit),
    "direction": get_args(Direction),
    "compare": get_args(Compare),
}


@dataclass
class Faulty(Exception):
    """What was written cannot work, with all its faults; its kinds are BadDefinition and saved.CannotWork."""

    what: ClassVar[str]
    faults: Sequence[Fault]

    def __str__(self) -> str:
        return f"{self.what} cannot work: " + "; ".join(f"{f.pointer}: {f.detail}" for f in self.faults)


class BadDefinition(Faulty):
    """A definition that cannot work."""

    what = "the definition"


@dataclass(frozen=True, slots=True)
class Published:
    """A version of a definition and the decision that published it.

    ``custom``: the types that the company's own fields had when it was published. What a version means never changes.
    ``valid_from``: the first local day that it holds on; None: for all time. ``status``: it waits, is
    building while what it needs is made, is switched to, is superseded on every day by later versions, or was withdrawn
    before it was switched to. ``ticket``: its place in the order of publications.
    """

    definition: Definition
    version: int
    published_at: dt.datetime
    published_by: str
    custom: Mapping[str, FieldType] = field(default_factory=dict)
    valid_from: dt.date | None = None
    status: Status = "published"
    ticket: int = 0
    switched_at: dt.datetime | None = None

    @property
    def since(self) -> dt.date:
        """The first day that it holds on."""
        return self.valid_from or dt.date.min

    def supersedes(self, other: Published) -> bool:
        """Whether another version of its key holds on no day any more."""
        return self.definition.key == other.definition.key and self.since <= other.since and other.ticket <= self.ticket

    def says(self, other: Published) -> bool:
        """Whether it means what another version does, and says it in the same words."""
        return (self.definition, self.custom) == (other.definition, other.custom)


@dataclass(frozen=True, slots=True)
class Draft:
    """A definition that is written and not published yet. ``etag`` is that of its content."""

    definition: Definition
    saved_at: dt.datetime
    saved_by: str

    @property
    def etag(self) -> str:
        content = msgspec.json.encode(self.definition, order="deterministic")
        return f'"{hashlib.blake2b(content, digest_size=8).hexdigest()}"'


@dataclass(frozen=True)
class Catalogue:
    """The definitions that may name each other, by key, and the declared types of the company's own fields.

    ``fixed``: the types that hold for a definition that is published; for any other it is those declared by now.
    """

    definitions: Mapping[str, Definition] = field(default_factory=dict)
    custom: Mapping[str, FieldType] = field(default_factory=dict)
    fixed: Mapping[str, Mapping[str, FieldType]] = field(default_factory=dict)

    def having(self, definition: Definition) -> Catalogue:
        """The same with this definition in place of the one of its key."""
        fixed = {key: types for key, types in self.fixed.items() if key != definition.key}
        return replace(self, definitions={**self.definitions, definition.key: definition}, fixed=fixed)

    def fields(self, definition: Definition) -> Fields:
        """The fields of the facts that a definition is over. Raises KeyError for a kind of fact that there is not."""
        return Fields(FACT_KINDS[definition.over or ""], self.types(definition))

    def types(self, definition: Definition) -> Mapping[str, FieldType]:
        """The types of the company's own fields, as a definition sees them."""
        return self.fixed.get(definition.key, self.custom)


def read(body: Any) -> Definition:
    """A definition from plain data, not yet held against any other.

    Raises BadDefinition: texts that cannot be kept, or the first fault of shape.
    """
    return shaped(body, Definition, BadDefinition)


def shaped(body: Any, shape: type[Shape], refusal: type[Faulty]) -> Shape:
    """Plain data in its shape. Raises the refusal: texts that cannot be kept, or the first fault of shape."""
    if faults := list(_text_faults(body)):
        raise refusal(faults)
    try:
        return msgspec.convert(body, shape)
    except msgspec.ValidationError as error:
        raise refusal([_shape_fault(str(error))]) from error
    except RecursionError as error:
        raise refusal([Fault("", "too-large", "nested too deep to be read")]) from error


def _text_faults(body: Any) -> Iterator[Fault]:
    """Texts that no table holds: with a null character, or half of a character in two parts (JSON can say both)."""
    nodes = [("", body)]
    while nodes:
        at, node = nodes.pop()
        if isinstance(node, str) and not storable(node):
            yield Fault(at, "text", "a null character, or half of a character")
        elif isinstance(node, list):
            nodes += [(f"{at}/{n}", child) for n, child in enumerate(node)]
        elif isinstance(node, dict):
            nodes += [(at, key) for key in node] + [(f"{at}/{key}", node[key]) for key in node if key.isprintable()]


def _shape_fault(text: str) -> Fault:
    """msgspec's one sentence, with its place as a pointer and in words for someone who writes definitions."""
    said, _, place = text.partition(" - at `")
    path = place.partition("$")[2].partition("`")[0].replace("[...]", "")  # of a mapping: which key is not told
    where = path.replace("[", "/").replace("]", "").replace(".", "/")
    name = where.rpartition("/")[2]
    if found := re.fullmatch(r"Object missing required field `(\w+)`", said):
        return Fault(f"{where}/{found[1]}", "missing", f"{found[1]} is missing")
    if found := re.fullmatch(r"Object contains unknown field `(\w+)`", said):
        return Fault(f"{where}/{found[1]}", "unknown-field", f"there is no {found[1]} here")
    if said.startswith("Invalid enum value") and name in _CHOICES:
        said = f"{said.removeprefix('Invalid enum value ')} is none of {', '.join(_CHOICES[name])}"
    elif where == "/label":
        said = "in en, zh or both, each of 1 to 200 characters that are not all blank"
    elif name == "percentile":
        said = "a whole number, or a decimal as text: 50 or '99.9'"
    elif name in ("key", "of") or "matching regex" in said:
        said = "lower-case letters, digits and _ only, at most 64"
    return Fault(where, "shape", said)
