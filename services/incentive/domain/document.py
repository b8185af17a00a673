"""Reading a JSON document strictly: every fault with its pointer, nothing guessed, no field unknown."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from fractions import Fraction

from services.incentive.domain.plans import PlanFault

_DECIMAL = re.compile(r"[0-9]{1,20}(\.[0-9]{1,10})?")
_KEY = re.compile(r"[a-z][a-z0-9_-]{0,63}")
ITEMS_MAX = 1000

Path = tuple[str | int, ...]


class Faults(list[PlanFault]):
    """The faults found so far."""

    def add(self, path: Path, code: str, detail: str) -> None:
        """Note a fault at a place given as keys and indexes."""
        pointer = "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)
        self.append(PlanFault(pointer, code, detail))


class Node:
    """A JSON object under way: hands out its fields once, and knows which ones nobody asked for."""

    def __init__(self, value: object, path: Path, faults: Faults) -> None:
        self.path, self.faults = path, faults
        self.fields: dict[str, object] = value if isinstance(value, dict) else {}
        self.asked: set[str] = set()
        self.given = isinstance(value, dict)
        if not self.given and value is not None:  # a missing one was said where it was asked for
            faults.add(path, "not-an-object", "this must be an object")

    def has(self, name: str) -> bool:
        """Whether the field is there with a value; null counts as absent."""
        self.asked.add(name)
        return self.fields.get(name) is not None

    def get(self, name: str, why: str) -> object | None:
        """A required field's value; a fault, and None, when it is missing. ``why`` says what it decides."""
        if not self.has(name):
            self.faults.add((*self.path, name), "required", f"{name!r} is missing: {why}")
            return None
        return self.fields[name]

    def fault(self, name: str, code: str, detail: str) -> None:
        self.faults.add((*self.path, name), code, detail)

    def close(self) -> None:
        """Refuse every field that nobody asked for."""
        for name in sorted(self.fields.keys() - self.asked):
            self.fault(name, "unknown-field", f"{name!r} means nothing here; known are {_listed(self.asked)}")

    def key(self, name: str, why: str) -> str:
        return self._matching(name, why, _KEY, "lower-case letters, digits, '_' and '-', at most 64") or "?"

    def text(self, name: str, why: str) -> str:
        return self._matching(name, why, re.compile(r".{1,256}", re.DOTALL), "a text of 1 to 256 characters") or "?"

    def _matching(self, name: str, why: str, pattern: re.Pattern[str], shape: str) -> str | None:
        value = self.get(name, why)
        if value is None:
            return None
        if isinstance(value, str) and pattern.fullmatch(value):
            return value
        self.fault(name, "not-valid", f"this must be {shape}")
        return None

    def word(self, name: str, words: Sequence[str], why: str) -> str:
        """One of the words; a fault names them all. After a fault the first word stands in."""
        value = self.get(name, why)
        if value is not None and value not in words:
            self.fault(name, "not-supported", f"{value!r} is not supported here; it can be {_listed(words)}")
        return value if isinstance(value, str) and value in words else words[0]

    def decimal(self, name: str, why: str) -> Fraction | None:
        """A non-negative decimal, written as a string so that it stays exact."""
        value = self.get(name, why)
        return None if value is None else decimal(value, (*self.path, name), self.faults)

    def day(self, name: str, why: str) -> dt.date | None:
        value = self.get(name, why)
        return None if value is None else day(value, (*self.path, name), self.faults)

    def items(self, name: str, why: str) -> list[object]:
        value = self.get(name, why)
        if value is None:
            return []
        if not isinstance(value, list) or not 1 <= len(value) <= ITEMS_MAX:
            self.fault(name, "not-a-list", f"this must be a list of 1 to {ITEMS_MAX}")
            return []
        return value

    def names(self, name: str, why: str) -> frozenset[str]:
        """A list of ids."""
        found = self.items(name, why)
        for index, item in enumerate(found):
            if not isinstance(item, str) or not 1 <= len(item) <= 256:
                self.faults.add((*self.path, name, index), "not-valid", "this must be an id of 1 to 256 characters")
        return frozenset(item for item in found if isinstance(item, str))


def decimal(value: object, path: Path, faults: Faults) -> Fraction | None:
    """A non-negative exact decimal string of at most 20 digits before the point and 10 after it."""
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        return Fraction(value)
    faults.add(path, "not-a-decimal", 'this must be a non-negative decimal in a string, such as "0.05"')
    return None


def day(value: object, path: Path, faults: Faults) -> dt.date | None:
    """A local day as ``YYYY-MM-DD``."""
    try:
        if isinstance(value, str) and len(value) == 10:
            return dt.date.fromisoformat(value)
    except ValueError:
        pass
    faults.add(path, "not-a-day", "this must be a day, such as 2026-01-31")
    return None


def _listed(words: Iterable[str]) -> str:
    return ", ".join(sorted(words))
