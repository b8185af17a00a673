"""The mapping: which files there are, what their columns hold, and which events or items their rows become."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from zoneinfo import available_timezones

import yaml

from merit.importing import mapping_columns, mapping_outputs
from merit.importing.columns import Column
from merit.importing.expressions import Expression
from merit.importing.files import Reading
from merit.importing.kinds import Kind
from merit.importing.mapping_outputs import EventOutput, ItemOutput, Output
from merit.importing.places import Entry, Places, hint

__all__ = ["EventOutput", "ImportMapping", "ItemOutput", "Join", "Output", "Step", "load"]
STEP_KEYS = ("file", "sheet", "csv", "empty", "columns", "join", "outputs")
JOIN_KEYS = ("file", "sheet", "csv", "empty", "on", "columns", "required", "many")
TOP_KEYS = ("source", "zone", "csv", "empty")
DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class Join:
    """Columns of another file for the rows whose ``ours`` equal its ``theirs``; with ``many``, a row per match.

    Without a match they are not filled in, unless the match is ``required``.
    """

    file: str
    reading: Reading
    ours: tuple[str, ...]
    theirs: tuple[str, ...]
    columns: Mapping[str, Column]
    required: bool
    many: bool


@dataclass(frozen=True)
class Step:
    """One file, row by row: its columns, what is joined to them, what is computed from them, and what they become."""

    file: str | None
    """Its name in the folder that is imported; None: the file that is imported."""
    reading: Reading
    columns: Mapping[str, Column]
    joins: Sequence[Join]
    computed: Mapping[str, Expression]
    outputs: Sequence[Output]


@dataclass(frozen=True)
class ImportMapping:
    """A mapping that has no fault of its own; whether a file has its columns is checked when the file is opened."""

    name: str
    source: str | None
    zone: str | None
    steps: Sequence[Step]
    places: Places
    nodes: Mapping[int, yaml.Node]
    """Where each column is declared (by its ``id``), for the fault that the file does not have it."""

    def check_headers(self, wanted: Iterable[tuple[Mapping[str, Column], Collection[str], str]]) -> None:
        """Raises MappingRefused when a file lacks columns; for each the columns, its header and its name are given."""
        for columns, header, file in wanted:
            for column in columns.values():
                for name in column.headers:
                    if name not in header:
                        text = f"the file {file} has no column {name!r}" + hint(name, header)
                        self.places.fault(self.nodes[id(column)], text)
        self.places.refuse_if_faulty()


def load(path: Path) -> ImportMapping:
    """Read a mapping. Raises MappingRefused with every fault and its place."""
    places = Places(path.name)
    root = places.load(path)
    alone = "steps" not in places.entries(root)
    top = places.entries(root, (*TOP_KEYS, *STEP_KEYS) if alone else (*TOP_KEYS, "steps"))
    places.refuse_if_faulty()
    source = places.text(top["source"].value) if "source" in top else None
    zone = places.text(top["zone"].value) if "zone" in top else None
    if zone is not None and zone not in available_timezones():
        places.fault(top["zone"].value, f"{zone!r} is no IANA time zone")
    loader = _Loader(places, source is not None, _reading(places, top, Reading()))
    if alone:
        steps = [loader.step({name: entry for name, entry in top.items() if name in STEP_KEYS}, root)]
    else:
        nodes = places.items(top["steps"].value)
        steps = [loader.step(places.entries(node, STEP_KEYS), node) for node in nodes]
    places.refuse_if_faulty()
    return ImportMapping(path.name, source, zone, steps, places, loader.nodes)


@dataclass
class _Loader:
    """Reads steps, and remembers where their columns stand."""

    places: Places
    has_source: bool
    reading: Reading

    def __post_init__(self) -> None:
        self.nodes: dict[int, yaml.Node] = {}

    def step(self, found: Mapping[str, Entry], node: yaml.Node) -> Step:
        for name in ("columns", "outputs"):
            if name not in found:
                self.places.fault(node, f"{name!r} is missing here")
        reading = _reading(self.places, found, self.reading)
        computing: dict[str, yaml.Node] = {}
        columns = self._columns(found.get("columns"), computing)
        kinds: dict[str, Kind] = {name: column.gives for name, column in columns.items()}
        joins = [self._join(item, reading, kinds) for item in _listed(self.places, found.get("join"))]
        computed = mapping_columns.computed(self.places, computing, kinds)
        outputs = [
            mapping_outputs.output(self.places, item, kinds, self.has_source)
            for item in _listed(self.places, found.get("outputs"))
        ]
        file = self.places.text(found["file"].value) if "file" in found else None
        return Step(file, reading, columns, joins, computed, [output for output in outputs if output is not None])

    def _columns(self, entry: Entry | None, computing: dict[str, yaml.Node] | None) -> dict[str, Column]:
        columns = mapping_columns.columns(self.places, entry.value, computing) if entry else {}
        for name, found in self.places.silent().entries(entry.value).items() if entry else ():
            if name in columns:
                self.nodes[id(columns[name])] = found.key
        return columns

    def _join(self, node: yaml.Node, reading: Reading, kinds: dict[str, Kind]) -> Join:
        found = self.places.entries(node, JOIN_KEYS, ("file", "on", "columns"))
        columns = self._columns(found.get("columns"), None)
        ours, theirs = self._on(found.get("on"), kinds, columns)
        for name in columns.keys() & kinds.keys():
            if (name, name) not in zip(ours, theirs, strict=True):
                self.places.fault(node, f"there is a column {name!r} already: give it another name with 'from'")
        for name, column in columns.items():
            if column.next:
                self.places.fault(self.nodes[id(column)], "'next' is for columns of the file itself")
            kinds.setdefault(name, column.gives)
        flags = {name: self.places.flag(found.get(name)) for name in ("required", "many")}
        file = self.places.text(found["file"].value) if "file" in found else ""
        return Join(file, _reading(self.places, found, reading), ours, theirs, columns, **flags)

    def _on(
        self, entry: Entry | None, kinds: Collection[str], columns: Collection[str]
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """``on: column``, ``on: [columns]`` that are called the same in both, or ``on: {ours: theirs}``."""
        if entry is None:
            return (), ()
        pairs: list[tuple[yaml.Node, yaml.Node]]
        if isinstance(entry.value, yaml.MappingNode):
            pairs = [(found.key, found.value) for found in self.places.entries(entry.value).values()]
        elif isinstance(entry.value, yaml.SequenceNode):
            pairs = [(item, item) for item in entry.value.value]
        else:
            pairs = [(entry.value, entry.value)]
        ours = tuple(self.places.one_of(one, kinds, "there is no column {} here") for one, _ in pairs)
        theirs = tuple(self.places.one_of(one, columns, "the joined file has no column {} here") for _, one in pairs)
        return ours, theirs


def _listed(places: Places, entry: Entry | None) -> Sequence[yaml.Node]:
    return places.items(entry.value) if entry else ()


def _reading(places: Places, found: Mapping[str, Entry], outer: Reading) -> Reading:
    """How a file is read: as said here, else as said further out."""
    reading = replace(outer, sheet=places.text(found["sheet"].value) if "sheet" in found else None)
    if "empty" in found:
        reading = replace(reading, empty=frozenset(map(places.text, places.items(found["empty"].value))))
    options = places.entries(found["csv"].value, ("delimiter", "encoding")) if "csv" in found else {}
    if "delimiter" in options:
        delimiter = str(places.value(options["delimiter"].value))
        if delimiter not in DELIMITERS:
            places.fault(options["delimiter"].value, f"{delimiter!r} is no delimiter" + hint(delimiter, DELIMITERS))
        reading = replace(reading, delimiter=delimiter)
    if "encoding" in options:
        reading = replace(reading, encoding=_encoding(places, options["encoding"].value))
    return reading


def _encoding(places: Places, node: yaml.Node) -> str:
    name = places.text(node)
    try:
        "".encode(name)
    except LookupError:
        places.fault(node, f"{name!r} is no encoding")
        return "utf-8-sig"
    return "utf-8-sig" if name.lower() in ("utf-8", "utf8") else name
