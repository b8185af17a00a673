"""Looking up a row's partners in another file, which lies on a shelf on the disk while the import runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from merit.importing.files import opened
from merit.importing.mapping import Join
from merit.importing.reading import Cells, Unreadable
from merit.importing.rows import BadRow, Reject, Row
from merit.importing.scopes import Unusable, Values, named, said
from merit.importing.spool import Shelf, Spool


@dataclass(frozen=True)
class Lookup:
    """A joined file, by the values that it is joined on. What lies under a key is its rows' values, or a fault."""

    join: Join
    shelf: Shelf

    def matches(self, row: Values) -> Sequence[Values]:
        """The row with what is joined to it, once per match. Raises Unusable."""
        key = [row[name] for name in self.join.ours]
        found = self.shelf.of(named(key)) if None not in key else ()
        for partner in found:
            if isinstance(partner, str):
                raise Unusable(f"what is joined to it cannot be read: {partner}", self.join.ours)
        if not found:
            if self.join.required:
                raise Unusable(f"{self.join.file} has no row for {_said(key)}", self.join.ours)
            return [{**dict.fromkeys(self.join.columns), **row}]
        if len(found) > 1 and not self.join.many:
            raise Unusable(f"{self.join.file} has {len(found)} rows for {_said(key)}", self.join.ours)
        return [{**partner, **row} for partner in found]


def _said(key: Sequence[Any]) -> str:
    return ", ".join(map(said, key))


def lookup(spool: Spool, join: Join, folder: Path, zone: ZoneInfo, reject: Reject) -> Lookup:
    """Lay a file aside by what it is joined on; its bad rows are told, and spoil whatever they would be joined to."""
    shelf = spool.shelf()
    with opened(folder / join.file, join.reading) as table:
        cells = Cells(join.columns, join.reading, table.header, zone, {})
        for row in table.rows():
            try:
                thing: Values | str = (key := _read(cells, row))
            except Unreadable as error:
                bad = error.bad.of(join.file)
                reject(bad)
                thing, key = str(bad), cells.readable(bad.rows[0])
            parts = [key.get(name) for name in join.theirs]
            if None not in parts:
                shelf.add(named(parts), thing)
    return Lookup(join, shelf)


def _read(cells: Cells, row: Row | BadRow) -> Values:
    if isinstance(row, BadRow):
        raise Unreadable(row)
    return cells.read(row)


def joined(lookups: Sequence[Lookup], row: Mapping[str, Any]) -> Iterator[Values]:
    """The row with the columns of every joined file. Raises Unusable."""
    if not lookups:
        yield row
        return
    for wider in lookups[0].matches(row):
        yield from joined(lookups[1:], wider)
