"""Reading YAML so that every fault can say at which line and column it stands."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from merit.home import MeritError

MAPPING_BYTES_MAX = 1_000_000


class MappingFault(NamedTuple):
    """One thing that is wrong in a mapping; line and column count from 1."""

    line: int
    column: int
    text: str


class MappingRefused(MeritError):
    """The mapping cannot be used; ``faults`` says everything that is wrong with it, in the file's order."""

    def __init__(self, name: str, faults: list[MappingFault]) -> None:
        self.faults = sorted(faults)
        lines = [f"{name}, line {f.line}, column {f.column}: {f.text}" for f in self.faults]
        super().__init__("\n".join(lines))


class Entry(NamedTuple):
    """A key of a YAML mapping and what it holds."""

    key: yaml.Node
    value: yaml.Node


@dataclass
class Places:
    """Takes a YAML document apart and collects its faults, so that one run reports all of them."""

    name: str
    faults: list[MappingFault] = field(default_factory=list)

    def load(self, path: Path) -> yaml.Node:
        """The root of the document. Raises MappingRefused, or MeritError when the file cannot be read."""
        try:
            raw = path.read_bytes()
        except OSError as error:
            raise MeritError(f"The mapping {path} cannot be read ({error.strerror}).") from error
        if len(raw) > MAPPING_BYTES_MAX:
            raise MeritError(f"The mapping {path} is over {MAPPING_BYTES_MAX} bytes long.")
        try:
            root = yaml.compose(raw.decode("utf-8"), Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            raise MappingRefused(self.name, [MappingFault(line, column, error.problem or "not YAML")]) from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise MappingRefused(self.name, [MappingFault(1, 1, f"not YAML in UTF-8: {error}")]) from error
        if root is None:
            raise MappingRefused(self.name, [MappingFault(1, 1, "the file is empty")])
        return root

    def fault(self, node: yaml.Node, text: str) -> None:
        self.faults.append(MappingFault(node.start_mark.line + 1, node.start_mark.column + 1, text))

    def refuse_if_faulty(self) -> None:
        """Raise MappingRefused when anything was wrong so far."""
        if self.faults:
            raise MappingRefused(self.name, list(dict.fromkeys(self.faults)))

    def entries(
        self, node: yaml.Node, known: Collection[str] | None = None, required: Collection[str] = ()
    ) -> dict[str, Entry]:
        """The keys of a YAML mapping; unknown, repeated and missing ones become faults."""
        if not isinstance(node, yaml.MappingNode):
            self.fault(node, "a mapping of keys to values belongs here")
            return {}
        found: dict[str, Entry] = {}
        for key, value in node.value:
            name = str(key.value)
            if name in found:
                self.fault(key, f"{name!r} stands here twice")
            elif known is not None and name not in known:
                self.fault(key, f"unknown key {name!r}" + hint(name, known))
            else:
                found[name] = Entry(key, value)
        for name in required:
            if name not in found:
                self.fault(node, f"{name!r} is missing here")
        return found

    def silent(self) -> Places:
        """Reads the same document, and keeps its faults to itself: for a second look at what is reported already."""
        return Places(self.name)

    def flag(self, entry: Entry | None) -> bool:
        """``true`` or ``false``; without an entry it is false."""
        value = self.value(entry.value) if entry else False
        if entry and not isinstance(value, bool):
            self.fault(entry.value, "this is true or false")
        return value is True

    def items(self, node: yaml.Node) -> list[yaml.Node]:
        """The items of a YAML list."""
        if isinstance(node, yaml.SequenceNode):
            return list(node.value)
        self.fault(node, "a list belongs here")
        return []

    def text(self, node: yaml.Node) -> str:
        """A scalar as it is written, whatever YAML would make of it."""
        if isinstance(node, yaml.ScalarNode):
            return str(node.value)
        self.fault(node, "a single value belongs here")
        return ""

    def one_of(self, node: yaml.Node, known: Collection[str], says: str) -> str:
        """A scalar that is one of these names; else a fault, in whose text ``{}`` is the name."""
        if (name := self.text(node)) not in known:
            self.fault(node, says.format(repr(name)) + hint(name, known))
        return name

    def value(self, node: yaml.Node) -> Any:
        """What YAML makes of a node."""
        loader = yaml.SafeLoader("")
        try:
            return loader.construct_object(node, deep=True)
        except (yaml.YAMLError, ValueError) as error:
            self.fault(node, f"cannot be read: {error}")
            return None
        finally:
            loader.dispose()


def hint(name: str, known: Collection[str]) -> str:
    """``; did you mean …?`` or what there is to choose from."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are: {', '.join(sorted(known))}"
