"""Reading JSON text carefully: what the grammar lets through and a database, a Decimal or a reader cannot take."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec

from services.ingest.domain.faults import Fault, NotAnEvent, pointer, shown

EVENT_BYTES_MAX = 900_000
"""Bytes of one event; the log takes 1,000,000 of key and value together."""
NESTING_MAX = 32
"""Levels of arrays and objects in one event; the deepest that the catalogue needs is 4."""
_DIGITS_MAX = 40
# A string that never ends is one token too: else each quote in it would be tried, in quadratic time.
_BRACKETS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|([\[{])|([\]}])', re.DOTALL)
_ESCAPED = re.compile(rb"\\u00[0-7]")
_decode, _encode = msgspec.json.Decoder().decode, msgspec.json.Encoder().encode


class TooDeep(Exception):
    """An event is nested deeper than NESTING_MAX levels."""


class Doubled(dict[str, Any]):
    """An object in whose text some keys, ``repeated``, stand more than once; the last value of each is held."""

    repeated: tuple[str, ...] = ()


class _NotFinite(float):
    """A NaN or Infinity that stood in the text, which is no JSON."""


def check_depth(text: bytes) -> None:
    """Raise TooDeep for JSON that is nested deeper than NESTING_MAX; a quick look, whether it is well-formed or not."""
    if text.count(b"[") + text.count(b"{") <= NESTING_MAX:
        return
    depth = 0
    for token in _BRACKETS.finditer(text):
        depth += (token.lastindex == 1) - (token.lastindex == 2)
        if depth > NESTING_MAX:
            raise TooDeep(f"nested deeper than {NESTING_MAX} levels")


def parse(text: bytes) -> tuple[Any, list[Fault]]:
    """The value of a JSON text, and what is wrong with the text itself. Raises NotAnEvent when it is no JSON.

    Faults: a key that stands twice, the character U+0000, half of a surrogate pair.
    """
    if (value := plain(text)) is not None:
        return value, []
    value = loads(text)
    return value, list(_text_faults(value, ()))


def loads(text: bytes) -> Any:
    """The value of a JSON text, keys that stand twice kept in mind. Raises NotAnEvent."""
    try:
        value = DECODER.decode(text.decode())
    except (ValueError, RecursionError) as error:
        raise NotAnEvent(f"not JSON: {error}"[:200]) from error
    if faults := [Fault(p, "not-finite", "NaN and Infinity are no JSON") for p in _not_finite(value, ())]:
        raise NotAnEvent("not JSON: it holds NaN or Infinity", faults)
    return value


def escapes(text: bytes) -> bool:
    """Whether a character of ASCII may be escaped by its number: U+0000, a colon."""
    return b"\\" in text and b"\\u" in text and _ESCAPED.search(text) is not None


def plain(text: bytes) -> Any:
    """The value, if it can be shown quickly that the text has none of these faults; else None.

    Half a surrogate pair is refused by this decoder. Where no U+0000 and no colon is escaped, the text written anew has
    as many colons as before, unless a key stood twice and was dropped with its colon.
    """
    if escapes(text):
        return None
    try:
        value = _decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return value if _encode(value).count(b":") == text.count(b":") else None


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) == len(pairs):
        return value
    doubled = Doubled(value)
    doubled.repeated = tuple(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
    return doubled


def _integer(digits: str) -> int:
    """Python refuses to read thousands of digits; what is cut here is far beyond every bound anyway."""
    return int(digits[:_DIGITS_MAX])


DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_int=_integer, parse_constant=_NotFinite)


def _not_finite(value: Any, path: tuple[str | int, ...]) -> Iterator[str]:
    if isinstance(value, _NotFinite):
        yield pointer(path)
    for key, child in children(value):
        yield from _not_finite(child, (*path, key))


def _text_faults(value: Any, path: tuple[str | int, ...]) -> Iterator[Fault]:
    if isinstance(value, str):
        yield from _string_faults(value, pointer(path))
    if isinstance(value, Doubled):
        for key in value.repeated:
            yield Fault(pointer((*path, key)), "duplicate-key", f"the key {shown(key)} stands more than once")
    for step, child in children(value):
        if isinstance(step, str):
            yield from _string_faults(step, pointer((*path, step)))
        yield from _text_faults(child, (*path, step))


def children(value: Any) -> Iterator[tuple[str | int, Any]]:
    """What an object or a list holds, by key or index."""
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)


def _string_faults(text: str, where: str) -> Iterator[Fault]:
    if "\0" in text:
        yield Fault(where, "nul-character", "the character U+0000 is not allowed")
    if any("\ud800" <= character <= "\udfff" for character in text):
        yield Fault(where, "lone-surrogate", "half of a surrogate pair stands alone: this is no text")
