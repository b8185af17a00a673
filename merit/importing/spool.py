"""Rows laid aside on the disk by a key, so that no file has to be sorted and memory stays flat.

It is one temporary SQLite file without a journal: nothing in it outlives the import, and it is no database of Merit's.
"""

from __future__ import annotations

import pickle
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

PENDING_MAX = 1_000
CACHE_KIB = 16_384
KNOWN_MAX = 4_096
_SETTINGS = ("journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE", "temp_store = FILE",
             f"cache_size = -{CACHE_KIB}")  # fmt: skip


class Shelf:
    """Things laid aside by key, in the order in which they came."""

    def __init__(self, database: sqlite3.Connection, name: str) -> None:
        self._database, self._name = database, name
        self._pending: list[tuple[str, bytes]] = []
        self._indexed = False
        self.keys = 0
        """How many keys there are, once it is being read."""
        database.execute(f"CREATE TABLE {name} (place INTEGER PRIMARY KEY, key TEXT NOT NULL, thing BLOB NOT NULL)")
        self.of = lru_cache(KNOWN_MAX)(self._of)

    def add(self, key: str, thing: Any) -> None:
        """Lay a thing aside."""
        self._pending.append((key, pickle.dumps(thing, pickle.HIGHEST_PROTOCOL)))
        if len(self._pending) >= PENDING_MAX:
            self._flush()

    def groups(self) -> Iterator[Sequence[Any]]:
        """The things of each key together, keys in the order in which they first came. Nothing is added after this."""
        self._index()
        sql = f"SELECT MIN(place) AS first, key FROM {self._name} GROUP BY key ORDER BY first"
        for _, key in self._database.execute(sql):
            yield self._of(key)

    def _of(self, key: str) -> Sequence[Any]:
        """The things of one key. Nothing is added after this."""
        self._index()
        sql = f"SELECT thing FROM {self._name} WHERE key = ? ORDER BY place"
        return [pickle.loads(thing) for (thing,) in self._database.execute(sql, (key,))]

    def _index(self) -> None:
        if not self._indexed:
            self._flush()
            self._database.execute(f"CREATE INDEX {self._name}_key ON {self._name} (key)")
            (self.keys,) = self._database.execute(f"SELECT COUNT(DISTINCT key) FROM {self._name}").fetchone()
            self._indexed = True

    def _flush(self) -> None:
        sql = f"INSERT INTO {self._name} (key, thing) VALUES (?, ?)"
        self._database.executemany(sql, self._pending)
        self._pending.clear()


class Spool:
    """The shelves of one import."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path)
        for setting in _SETTINGS:
            self._database.execute(f"PRAGMA {setting}")
        self._shelves = 0

    def shelf(self) -> Shelf:
        """A new, empty shelf."""
        self._shelves += 1
        return Shelf(self._database, f"shelf_{self._shelves}")

    def close(self) -> None:
        self._database.close()


@contextmanager
def spooling() -> Iterator[Spool]:
    """A spool in a folder that only its owner can read, and that is gone afterwards."""
    with TemporaryDirectory(prefix="merit-import-") as folder:
        spool = Spool(Path(folder) / "spool")
        try:
            yield spool
        finally:
            spool.close()
