"""The newest spans in two files of bounded size, a JSON line each: for an installation without a collector."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from chassis.span import Span

FILE_BYTES_MAX = 8_000_000
CURRENT, BEFORE = "spans.jsonl", "spans.1.jsonl"
PRIVATE_FOLDER, PRIVATE_FILE = 0o700, 0o600

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Span)


class SpanFile:
    """Where spans are written to; when a file is full it becomes the one before, and that one is forgotten."""

    def __init__(self, folder: Path, file_bytes_max: int = FILE_BYTES_MAX) -> None:
        folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
        self._current, self._before = folder / CURRENT, folder / BEFORE
        self._bytes_max = file_bytes_max

    def write(self, spans: Sequence[Span]) -> None:
        """Append them. Raises OSError; called by one thread only."""
        lines = _encoder.encode_lines(spans)
        descriptor = os.open(self._current, os.O_WRONLY | os.O_CREAT | os.O_APPEND, PRIVATE_FILE)
        try:
            os.write(descriptor, lines)
            full = os.fstat(descriptor).st_size >= self._bytes_max
        finally:
            os.close(descriptor)
        if full:
            self._current.replace(self._before)


def read_spans(folder: Path) -> Iterator[Span]:
    """The spans that are kept, the oldest first; a line that a crash cut off is left out."""
    for path in (folder / BEFORE, folder / CURRENT):
        if not path.exists():
            continue
        for line in path.read_bytes().splitlines():
            try:
                yield _decoder.decode(line)
            except msgspec.DecodeError:
                continue
