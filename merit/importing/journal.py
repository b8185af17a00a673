"""What was sent before, per key: so that a changed row is sent as the next revision, and a known one as it was.

A hash table in one memory-mapped file: memory stays flat however many rows a source has. Each key has one slot with
the hash of its last content, its revision, the run that last saw it and two flags. It is written before anything is
sent, so a crash at any moment ends in the same events being sent again (docs/decisions/import-is-a-mapping.md).
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from merit.home import MeritError

_HEADER = struct.Struct("<8sQQQ32x")  # magic, slots, used, run
_SLOT = struct.Struct("<16s16sIQB3x")  # key, content, revision, run, flags
_MAGIC = b"MERITJ01"
_EMPTY = bytes(16)
_AMENDED, _ACCEPTED = 1, 2
SLOTS_MIN = 4096
FILLED_MAX = 0.6


class RepeatedKey(ValueError):
    """One run has the same key twice: which of the rows is right cannot be known."""


@dataclass(frozen=True)
class Version:
    """How a row is to be sent: its revision (0 = first), and whether as an amendment."""

    revision: int
    amended: bool


def digest(text: bytes) -> bytes:
    """16 bytes that stand for a key or a content."""
    return hashlib.blake2b(text, digest_size=16).digest()


class Journal:
    """An open journal; use ``opened``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        if not path.exists():
            _make(path, SLOTS_MIN, 0).replace(path)
        self._map = _mapped(path)
        self._slots: int
        magic, self._slots, self._used, run = _HEADER.unpack_from(self._map)
        if magic != _MAGIC:
            raise MeritError(f"{path} is no import journal.")
        self._run = run + 1
        self._save_header()

    def version(self, key: bytes, content: bytes) -> Version:
        """Decide how a row with this key and content is sent, and write that down. Raises RepeatedKey."""
        place = self._find(key)
        kept_key, kept, revision, run, flags = _SLOT.unpack_from(self._map, place)
        if kept_key == _EMPTY:
            self._used += 1
            revision, flags = 0, 0
        elif run == self._run:
            raise RepeatedKey("its key stands in an earlier row already")
        elif kept != content:  # before any version was accepted, the next one is a first one again
            revision, flags = revision + 1, _ACCEPTED | _AMENDED if flags & _ACCEPTED else 0
        _SLOT.pack_into(self._map, place, key, content, revision, self._run, flags)
        if self._used > self._slots * FILLED_MAX:
            self._grow()
        return Version(revision, bool(flags & _AMENDED))

    def accepted(self, key: bytes) -> None:
        """The log has an event of this key: from now on a change is an amendment."""
        place = self._find(key)
        kept_key, content, revision, run, flags = _SLOT.unpack_from(self._map, place)
        if kept_key == key:
            _SLOT.pack_into(self._map, place, key, content, revision, run, flags | _ACCEPTED)

    def save(self) -> None:
        """Bring everything to the disk: before a batch is sent."""
        self._save_header()
        self._map.flush()

    def close(self) -> None:
        self.save()
        self._map.close()

    def _save_header(self) -> None:
        _HEADER.pack_into(self._map, 0, _MAGIC, self._slots, self._used, self._run)

    def _find(self, key: bytes) -> int:
        number = int.from_bytes(key[:8], "little") % self._slots
        while True:
            place = _HEADER.size + number * _SLOT.size
            if self._map[place : place + 16] in (key, _EMPTY):
                return place
            number = (number + 1) % self._slots

    def _grow(self) -> None:
        """Copy everything into a table of twice the size, and take its place in one step."""
        old, old_slots = self._map, self._slots
        self._slots = old_slots * 2
        fresh = _make(self._path, self._slots, self._run)
        self._map = _mapped(fresh)
        for number in range(old_slots):
            place = _HEADER.size + number * _SLOT.size
            slot = old[place : place + _SLOT.size]
            if slot[:16] != _EMPTY:
                to = self._find(slot[:16])
                self._map[to : to + _SLOT.size] = slot
        self.save()
        fresh.replace(self._path)
        old.close()


def _make(path: Path, slots: int, run: int) -> Path:
    """An empty table beside the journal; it becomes the journal by being renamed, so none is ever half there."""
    fresh = path.with_name(path.name + ".new")
    with fresh.open("wb") as file:
        file.write(_HEADER.pack(_MAGIC, slots, 0, run))
        file.truncate(_HEADER.size + slots * _SLOT.size)
    return fresh


def _mapped(path: Path) -> mmap.mmap:
    with path.open("r+b") as file:
        return mmap.mmap(file.fileno(), 0)


@contextmanager
def opened(folder: Path, name: str) -> Iterator[Journal]:
    """The journal of one source, which one import at a time may use. Raises MeritError."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise MeritError(f"The import's journal in {folder} cannot be written ({error.strerror}).") from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise MeritError("Another import of the same source is running: wait until it is done.") from None
        journal = Journal(folder / f"{name}.journal")
        try:
            yield journal
        finally:
            journal.close()
    finally:
        os.close(lock)
