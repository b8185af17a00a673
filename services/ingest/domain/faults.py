"""What can be wrong with an event: where, a stable code, and a sentence for a person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from contracts.envelope import ID_BYTES_MAX, ID_CHARACTERS_MAX

FAULTS_MAX = 50
"""Faults listed per event; one more says that there are others."""
_SHOWN_CHARACTERS_MAX = 80


@dataclass(frozen=True, slots=True)
class Fault:
    """``pointer`` is a JSON pointer (RFC 6901) from the event's root; ``code`` never changes its meaning."""

    pointer: str
    code: str
    detail: str


class NotAnEvent(Exception):
    """What was sent is no JSON, or no CloudEvents 1.0 event: nothing can be kept of it.

    ``faults`` say where; without any, it is not even JSON.
    """

    def __init__(self, detail: str, faults: Sequence[Fault] = ()) -> None:
        super().__init__(detail)
        self.faults = list(faults) or [Fault("", "not-json", detail)]


def pointer(path: Iterable[str | int]) -> str:
    """The JSON pointer to a place given as keys and indexes."""
    return "".join("/" + printable(str(step)).replace("~", "~0").replace("/", "~1") for step in path)


def printable(text: str) -> str:
    """The text with each lone surrogate as U+FFFD, so that it can be written as UTF-8."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def storable(text: str) -> str:
    """The text as a column and its index can hold it: no U+0000, and cut when it is longer than any id may be."""
    if not text.isascii() or "\0" in text:  # most ids are plain, and each event has several
        text = printable(text).replace("\0", "\ufffd")
    if len(text) > ID_CHARACTERS_MAX:
        text = text[: ID_CHARACTERS_MAX - 1] + "…"
    if text.isascii() or len(written := text.encode()) <= ID_BYTES_MAX:
        return text
    return written[: ID_BYTES_MAX - len("…".encode())].decode(errors="ignore") + "…"


def shown(value: object) -> str:
    """A value as a sentence can quote it: short, and writable."""
    text = printable(repr(value))
    return text if len(text) <= _SHOWN_CHARACTERS_MAX else text[:_SHOWN_CHARACTERS_MAX] + "…"


def bounded(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    """Each fault once, in the order found, at most FAULTS_MAX of them and a note that there are more."""
    unique = list(dict.fromkeys(faults))
    if len(unique) > FAULTS_MAX:
        more = len(unique) - FAULTS_MAX
        unique = [*unique[:FAULTS_MAX], Fault("", "more-faults", f"and {more} more faults")]
    return tuple(unique)
