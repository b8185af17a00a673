"""The file that an installation moves in: JSON lines, so that any tool can read it, written and read as a stream.

One object per line, in this order:
``{"merit": "log", "format": 1, "zone": …, "currency": …, "ends": {topic: {partition: next offset}}}``
``{"table": "auth.person", "row": {…}}``: what was decided over HTTP, every version; it held at the positions ``ends``
``{"topic": …, "partition": …, "offset": …, "key": …, "value": …, "headers": [[name, value], …]}``: every record
``{"end": lines}``: a file without this last line was cut off. Bytes are text where they are UTF-8, else {"base64": …}.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import msgspec

from chassis.bus import Outgoing, Record
from merit.home import PRIVATE_FILE, MeritError

FORMAT = 1
Line = dict[str, Any]
_decode: Callable[[bytes], dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Writer:
    """Writes an export; it gets its name only when it is whole and on the disk. Only its owner may read it."""

    def __init__(self, path: Path) -> None:
        self._path, self._fresh, self.lines = path, path.with_name(path.name + ".part"), 0

    def __enter__(self) -> Writer:
        try:
            self._fresh.unlink(missing_ok=True)
            descriptor = os.open(self._fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
        except OSError as error:
            raise MeritError(f"{self._fresh} cannot be written ({error.strerror}).") from error
        self._file: IO[bytes] = os.fdopen(descriptor, "wb")
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        with self._file:
            if kind is None:
                self._file.write(msgspec.json.encode({"end": self.lines}) + b"\n")
                self._file.flush()
                os.fsync(self._file.fileno())
        if kind is None:
            self._fresh.replace(self._path)
        else:
            self._fresh.unlink()

    def write(self, line: Line) -> None:
        """Add a line; a value may be msgspec.Raw, JSON text that is kept as it is."""
        self._file.write(msgspec.json.encode(line) + b"\n")
        self.lines += 1


def read(path: Path) -> Iterator[Line]:
    """The lines of an export without its last; a ``row`` stays JSON text, so that no number is touched.

    Raises MeritError when the file is no export, or was cut off (known only at its end).
    """
    try:
        with path.open("rb") as file:
            for number, text in enumerate(file):
                line = _line(text)
                if number == 0 and (line.get("merit"), line.get("format")) != ("log", FORMAT):
                    raise MeritError(f"{path} is no export that this Merit reads (format {FORMAT}).")
                if line.get("end") == number:
                    return
                yield line
    except OSError as error:
        raise MeritError(f"{path} cannot be read ({error.strerror}).") from error
    except msgspec.DecodeError as error:
        raise MeritError(f"{path} is no export of Merit, or was cut off.") from error
    raise MeritError(f"{path} was cut off: export it again.")


def _line(text: bytes) -> Line:
    return {k: bytes(raw).decode() if k == "row" else msgspec.json.decode(raw) for k, raw in _decode(text).items()}


def record_line(record: Record) -> Line:
    """A record as a line."""
    return {
        "topic": record.partition.topic,
        "partition": record.partition.number,
        "offset": record.offset,
        "key": _text(record.key),
        "value": _text(record.value),
        "headers": [[name, _text(value)] for name, value in record.headers],
    }


def record_of(line: Line) -> Outgoing:
    """The record of a line, to be appended."""
    headers = tuple((name, _bytes(value)) for name, value in line["headers"])
    return Outgoing(_bytes(line["key"]), _bytes(line["value"]), headers)


def _text(value: bytes) -> Any:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}


def _bytes(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else base64.b64decode(value["base64"])
