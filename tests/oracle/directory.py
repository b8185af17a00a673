"""Dated memberships: who reports to whom, is in which team and is assigned to which territory on a day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from functools import cache
from typing import Any


class Directory:
    """Memberships as dicts {person_id, kind: manager|team|territory, of, valid_from, valid_to}, half open."""

    def __init__(self, memberships: Iterable[dict[str, Any]]) -> None:
        self._places: dict[tuple[str, str], list[tuple[dt.date, dt.date, str]]] = {}
        for m in memberships:
            valid_from = dt.date.fromisoformat(m["valid_from"])
            valid_to = dt.date.fromisoformat(m["valid_to"]) if m.get("valid_to") else dt.date.max
            self._places.setdefault((m["kind"], m["person_id"]), []).append((valid_from, valid_to, m["of"]))
        self.managers = {m["of"] for m in memberships if m["kind"] == "manager"}
        self.managing = cache(self._managing)

    def of(self, kind: str, person: str, day: dt.date) -> set[str]:
        """Where a person belongs on a day."""
        return {of for start, end, of in self._places.get((kind, person), []) if start <= day < end}

    def _managing(self, person: str, day: dt.date) -> frozenset[str]:
        """The person, and everyone above them on that day: each once, however many paths lead there."""
        found, above = set[str](), {person}
        while above:
            found |= above
            above = {boss for p in above for boss in self.of("manager", p, day)} - found
        return frozenset(found)

    def tree(self, manager: str, day: dt.date) -> set[str]:
        """The manager and everyone below on that day."""
        people = {person for _, person in self._places} | {manager}
        return {person for person in people if manager in self.managing(person, day)}
