"""The data sets of others, which are not shipped: what their mappings make of them, and the figures to compare with.

They lie in ``shared/data`` beside the project, or where MERIT_DATA_SETS says; where they are not, the tests skip.
"""

from __future__ import annotations

import csv
import datetime as dt
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from merit import samples
from merit.importing import mapping
from merit.importing.dry_run import DryRun, rules
from merit.importing.run import Import, Summary

ROOT = Path(__file__).parents[3]
DATA = Path(os.environ.get("MERIT_DATA_SETS", ROOT.parent / "shared" / "data"))
PATHS = {
    "maven_crm": "maven_crm",
    "olist": "olist",
    "callcenter_csat": "callcenter_csat/Call-Center-Dataset.xlsx",
    "online_retail": "online_retail",
    "bpic2012": "bpic2012",
    "northwind": "northwind",
    "superstore": "superstore",
}
"""What is imported of each set: a file, or a folder with all of them."""
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
Thing = dict[str, Any]


@dataclass
class Mapped:
    """What a mapping makes of a set: events by type and items by resource, all of them sound."""

    summary: Summary
    things: Mapping[str, list[Thing]] = field(default_factory=lambda: defaultdict(list))

    def data(self, event_type: str) -> list[Thing]:
        """The data of every event of a type, with the event's instant under ``time``."""
        return [event["data"] | {"time": dt.datetime.fromisoformat(event["time"])} for event in self.things[event_type]]

    def counts(self) -> dict[str, int]:
        """How many there are of each."""
        return {kind: len(things) for kind, things in self.things.items()}


def only_if_asked_for(name: str) -> None:
    """Skips the test of a set that takes minutes, unless large ones are asked for."""
    if os.environ.get("MERIT_LARGE_SETS") != "1":
        pytest.skip(f"{name} is large: MERIT_LARGE_SETS=1 or `make references` compares it")


def path_of(name: str) -> Path:
    """What to import of a set. Skips the test where it is not."""
    path = DATA / PATHS[name]
    if not path.exists():
        pytest.skip(f"the data set {name} is not at {DATA}: set MERIT_DATA_SETS")
    return path


async def mapped(name: str, shrink: Callable[[Thing], None] = lambda thing: None) -> Mapped:
    """A set through its shipped mapping, judged by the rules of the door in UTC; nothing may be at fault."""
    path = path_of(name)
    things: dict[str, list[Thing]] = defaultdict(list)

    def heard(kind: str, thing: Thing) -> None:
        shrink(thing)
        things[kind].append(thing)

    with samples.mapping(name) as found:
        checked = mapping.load(found)
    door = DryRun(rules(ZoneInfo("UTC"), NOW), heard=heard)
    with TemporaryDirectory() as folder:
        summary = await Import(path, checked, door, Path(folder), "import", "UTC", Path(folder)).run()
    assert summary.faults == []
    return Mapped(summary, things)


def reference(name: str, file: str) -> list[dict[str, str]]:
    """The rows of a reference file."""
    with (DATA / name / "reference" / f"{file}.csv").open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def overall(name: str) -> dict[str, Decimal]:
    """The figures of a set as a whole, by metric."""
    return {row["metric"]: Decimal(row["value"]) for row in reference(name, "overall")}


def expected(name: str, file: str, keys: Iterable[str], columns: Iterable[str]) -> dict[tuple[str, ...], list[Decimal]]:
    """Columns of a reference file by its keys; an empty cell is -1."""
    keys, columns = list(keys), list(columns)
    rows = reference(name, file)
    return {tuple(row[k] for k in keys): [Decimal(row[c] or -1) for c in columns] for row in rows}


def grouped(things: Iterable[Thing], *keys: Callable[[Thing], str]) -> dict[tuple[str, ...], list[Thing]]:
    """Things by what these functions say of them."""
    found: dict[tuple[str, ...], list[Thing]] = defaultdict(list)
    for thing in things:
        found[tuple(key(thing) for key in keys)].append(thing)
    return found


def month(data: Thing) -> str:
    """The month of its business day."""
    return str(data["business_date"])[:7]


def quarter(data: Thing) -> str:
    """The quarter of its business day."""
    year, number = month(data).split("-")
    return f"{year}Q{(int(number) + 2) // 3}"


def total(amounts: Iterable[Any]) -> Decimal:
    """The exact sum."""
    return sum((Decimal(amount) for amount in amounts), Decimal(0))


def mean(amounts: Iterable[Any], places: int = 6) -> Decimal:
    """The mean at some places, half up; -1 of nothing."""
    found = [Fraction(amount) for amount in amounts]
    return rounded(Fraction(sum(found), len(found)), places) if found else Decimal(-1)


def ratio(part: int, whole: int) -> Decimal:
    """A share at 6 places, half up; -1 of nothing."""
    return rounded(Fraction(part, whole)) if whole else Decimal(-1)


def rounded(value: Fraction, places: int = 6) -> Decimal:
    """Half up, away from zero; references that were made with floats differ from this nowhere."""
    scaled = Decimal(value.numerator) * 10**places / value.denominator
    return scaled.quantize(Decimal(1), ROUND_HALF_UP) / 10**places
