"""How single cells are written: numbers with their marks, days, instants, durations, truths, and untidy text."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from zoneinfo import ZoneInfo

TRUE, FALSE = ("true", "yes", "y", "1", "t"), ("false", "no", "n", "0", "f")
INTEGER, DECIMAL = re.compile(r"[+-]?\d{1,18}", re.ASCII), re.compile(r"[+-]?\d{1,30}(\.\d{1,30})?", re.ASCII)
_INTEGER_AS_DECIMAL = re.compile(r"([+-]?\d{1,18})\.0+", re.ASCII)
_DURATION = re.compile(r"(\d{1,6}):([0-5]\d)(?::([0-5]\d(?:\.\d{1,6})?))?", re.ASCII)
CLEANINGS: Mapping[str, Callable[[str], str]] = {
    "spaces": lambda text: " ".join(text.split()),
    "lower": str.lower,
    "upper": str.upper,
    "title": str.title,
}
"""What ``clean`` can do to a text: make each run of blanks one blank, or change its case."""


class BadCell(ValueError):
    """A cell does not say what its column is declared to say; the text is for a person."""


def cleaned(text: str, cleanings: Sequence[str]) -> str:
    """The text after these CLEANINGS, in this order."""
    for cleaning in cleanings:
        text = CLEANINGS[cleaning](text)
    return text


def matched(text: str, pattern: re.Pattern[str]) -> str:
    """The part of a text that the pattern's first group matches, or all that it matches. Raises BadCell."""
    found = pattern.fullmatch(text)
    if found is None:
        raise BadCell(f"{text!r} is not written as {pattern.pattern}")
    return (found[1] if pattern.groups else found[0]) or ""


def number(text: str, wanted: re.Pattern[str], kind: str, decimal_mark: str = ".", thousands_mark: str = "") -> str:
    """The digits of a number, with a point as its mark; ``3.0`` is the integer 3. Raises BadCell."""
    bare = _ungrouped(text, kind, thousands_mark) if thousands_mark and thousands_mark in text else text
    if decimal_mark != ".":
        bare = bare.replace(".", "?").replace(decimal_mark, ".")
    if wanted.fullmatch(bare):
        return bare
    if wanted is INTEGER and (whole := _INTEGER_AS_DECIMAL.fullmatch(bare)):
        return whole[1]
    raise BadCell(f"{text!r} is no {kind}")


def _ungrouped(text: str, kind: str, mark: str) -> str:
    """The number without its thousands marks. ``12.34`` with the mark ``.`` is refused: it is not 1234."""
    whole = re.match(rf"[+-]?(?!0\D)\d{{1,3}}({re.escape(mark)}\d{{3}})+(?!\d)", text, re.ASCII)
    if whole is None or mark in text[whole.end() :]:
        raise BadCell(f"{text!r} is no {kind}: {mark!r} may only stand before groups of three digits")
    return whole.group().replace(mark, "") + text[whole.end() :]


def boolean(text: str) -> bool:
    """Yes and no as exports write them, in any case. Raises BadCell."""
    if (low := text.lower()) in TRUE or low in FALSE:
        return low in TRUE
    raise BadCell(f"{text!r} is neither true nor false")


def instant(text: str, formats: Sequence[str], kind: str) -> dt.datetime:
    """A day or an instant in the first of the formats that fits; without any, in ISO 8601. Raises BadCell."""
    if not formats:
        try:
            return dt.datetime.fromisoformat(text)
        except ValueError:
            raise BadCell(f"{text!r} is no {kind} in ISO 8601") from None
    for written in formats:
        try:
            return dt.datetime.strptime(text, written)
        except ValueError:
            continue
    raise BadCell(f"{text!r} is no {kind} written as {' or '.join(formats)}")


def placed(found: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    """The instant in a zone; one that is written without an offset is meant there. Raises BadCell."""
    try:
        return found.astimezone(zone) if found.tzinfo else found.replace(tzinfo=zone)
    except OverflowError:
        raise BadCell(f"{found.isoformat()} is no instant in {zone.key}") from None


def duration(text: str) -> dt.timedelta:
    """``[h]:mm[:ss]``, or a number of seconds. Raises BadCell."""
    if found := _DURATION.fullmatch(text):
        hours, minutes, seconds = int(found[1]), int(found[2]), Decimal(found[3] or 0)
    elif DECIMAL.fullmatch(text):
        hours, minutes, seconds = 0, 0, Decimal(text)
    else:
        raise BadCell(f"{text!r} is no duration such as 1:30:00, or a number of seconds")
    try:
        return dt.timedelta(hours=hours, minutes=minutes, microseconds=int(seconds.scaleb(6)))
    except OverflowError:
        raise BadCell(f"{text!r} is too long a duration") from None
