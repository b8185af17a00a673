"""What Merit found in the data, read back through its public API: a table that a newcomer understands."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from rich import box
from rich.table import Table

from contracts.currencies import MINOR_DIGITS
from merit.api import Api, Query

READER, PAY_READER = "analyst", "compensation"
FIRST_YEAR = 2000
Part = tuple[str, str, str]
"""A component of pay: the key of its plan, its own, and the currency."""
HUNDRED, TENTH = Decimal(100), Decimal("0.1")


@dataclass(frozen=True)
class Line:
    """A rep's figures; None where there is nothing to divide by or nothing was agreed."""

    name: str
    sales: Decimal
    growth: Decimal | None
    attainment: Decimal | None
    pay: Mapping[str, Decimal]


@dataclass(frozen=True)
class Findings:
    """The last full quarter of the data, the last windows of targets, and a line per rep who sold or had a target."""

    quarter: str
    window: str
    components: Mapping[str, str]
    """The headings of pay with the currency of each; what plans name alike bears the plan too."""
    lines: Sequence[Line]
    currency: str
    plans: Sequence[str] = ()
    """Each plan's label with the headings of what it pays."""

    @property
    def sharpest_drop(self) -> Line | None:
        """Whose sales fell most against the quarter before."""
        fallen = [line for line in self.lines if line.growth is not None and line.growth < 0]
        return min(fallen, key=lambda line: line.growth or 0, default=None)

    def table(self) -> Table:
        """For the terminal."""
        title = f"Sales and growth in {self.quarter}\nAttainment and pay for the quota {self.window} ({self.currency})"
        caption = "\n".join(("Each plan pays by itself:", *self.plans) if self.plans else ())
        table = Table(title=title, caption=caption or None, box=box.SIMPLE, padding=0, pad_edge=False)
        table.add_column("Rep")
        for heading in ("Sales", "Growth", "Attained", *self.components):
            table.add_column(heading, justify="right", no_wrap=True)
        for line in self.lines:
            pay = [_money(line.pay.get(part, Decimal(0)), currency) for part, currency in self.components.items()]
            table.add_row(line.name, _whole(line.sales), percent(line.growth), percent(line.attainment), *pay)
        return table


async def find(api: Api, currency: str, after: str = "") -> Findings | None:
    """Read the figures, once Merit has counted up to the position ``after``. None when there are no sales yet.

    Raises MeritError.
    """
    last_day = await _last_day(api, after)
    if last_day is None:
        return None
    begins, ends = _last_full_quarter(last_day)
    names = {p["person_id"]: str(p["name"]) for p in await api.items("admin", "/v1/people")}
    sales = await _values(api, "sales_amount", begins, ends)
    growth = await _values(api, "sales_growth", begins, ends)
    window, attained = await _attainment(api)
    pay = await _earnings(api, window, after)
    plans = await api.items(PAY_READER, "/v1/plans")
    planned = [(str(plan["key"]), str(part["key"]), currency) for plan in plans for part in plan["plan"]["components"]]
    headings = _headings(planned, pay, currency)
    people = sorted(sales.keys() | attained.keys(), key=lambda p: -(sales.get(p) or 0))
    lines = [
        Line(
            names.get(person, person),
            sales.get(person) or Decimal(0),
            growth.get(person),
            attained.get(person),
            {headings[part]: amount for part, amount in pay.get(person, {}).items()},
        )
        for person in people
    ]
    shown = f"{window[0]} to {window[1]}" if window else "none"
    quarter = f"{begins.year}-Q{(begins.month + 2) // 3}"
    components = {heading: money for (_, _, money), heading in headings.items()}
    return Findings(quarter, shown, components, lines, currency, _told(plans, headings))


async def _last_day(api: Api, after: str) -> dt.date | None:
    """The last day with an order: by years, then by the days of the last one."""
    today = dt.date(FIRST_YEAR + 50, 1, 1)
    years = await _company(api, dt.date(FIRST_YEAR, 1, 1), today, "year", after)
    if not years:
        return None
    begins = max(years)
    days = await _company(api, begins, begins.replace(year=begins.year + 1), "day", after)
    return max(days, default=None)


async def _company(api: Api, begins: dt.date, ends: dt.date, grain: str, after: str) -> list[dt.date]:
    """The first days of those periods in which the company has orders."""
    query = {"subject_kind": "company", "from": str(begins), "to": str(ends), "grain": grain}
    items = await api.items(READER, "/v1/kpis/order_count/values", query | ({"after": after} if after else {}))
    return [dt.date.fromisoformat(item["from"]) for item in items if Decimal(item["value"] or 0)]


def _last_full_quarter(last_day: dt.date) -> tuple[dt.date, dt.date]:
    """The quarter that had ended when the data ends: a part of one would look like a drop."""
    following = last_day + dt.timedelta(days=1)
    ends = dt.date(following.year, (following.month - 1) // 3 * 3 + 1, 1)
    begins = dt.date(ends.year - (ends.month == 1), 10 if ends.month == 1 else ends.month - 3, 1)
    return begins, ends


async def _values(api: Api, kpi: str, begins: dt.date, ends: dt.date) -> dict[str, Decimal | None]:
    query = {"subject_kind": "rep", "from": str(begins), "to": str(ends), "grain": "quarter"}
    items = await api.items(READER, f"/v1/kpis/{kpi}/values", query)
    return {item["subject"]: None if item["value"] is None else Decimal(item["value"]) for item in items}


async def _attainment(api: Api) -> tuple[tuple[str, str] | None, dict[str, Decimal | None]]:
    """The last window that has targets of sales, and each rep's attainment in it."""
    by_window: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for item in await api.items(READER, "/v1/targets/attainment"):
        if item["kpi"] == "sales_amount" and item["subject_kind"] == "rep":
            by_window[item["from"], item["to"]].append(item)
    if not by_window:
        return None, {}
    last = max(by_window, key=lambda window: (window[1], window[0]))
    return last, {i["subject"]: None if i["attainment"] is None else Decimal(i["attainment"]) for i in by_window[last]}


async def _earnings(api: Api, window: tuple[str, str] | None, after: str) -> dict[str, dict[Part, Decimal]]:
    """What each payee earned in the windows within a window, by part."""
    earned: dict[str, dict[Part, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    if window:
        query: Query = {"window_from": window[0], "window_to": window[1]} | ({"after": after} if after else {})
        for item in await api.items(PAY_READER, "/v1/earnings", query):
            earned[item["payee_id"]][item["plan"], item["component"], item["currency"]] += Decimal(item["amount"])
    return earned


def _headings(planned: Sequence[Part], pay: Mapping[str, Mapping[Part, Decimal]], currency: str) -> dict[Part, str]:
    """A heading for each part of the plans, and for what else was earned: by former parts, in other currencies."""
    parts = dict.fromkeys([*planned, *sorted({part for earned in pay.values() for part in earned})])
    named = Counter(component for _, component in {part[:2] for part in parts})
    return {
        (plan, component, money): component
        + (f" ({plan})" if named[component] > 1 else "")
        + (f" {money}" if money != currency else "")
        for plan, component, money in parts
    }


def _told(plans: Sequence[Mapping[str, Any]], headings: Mapping[Part, str]) -> list[str]:
    """Per plan what it is called, and the headings under which its pay stands."""
    told = []
    for plan in plans:
        paid = ", ".join(heading for (key, _, _), heading in headings.items() if key == plan["key"])
        told.append(f"{plan['plan'].get('label') or plan['key']}: {paid}")
    return told


def _money(value: Decimal, currency: str) -> str:
    return f"{value:,.{MINOR_DIGITS[currency]}f}"  # the ledger has rounded it: there is nothing to cut off


def _whole(value: Decimal) -> str:
    return f"{value.quantize(Decimal(1), ROUND_HALF_UP):,}"


def percent(value: Decimal | None) -> str:
    """As people write it, to a tenth; a dash for what has no value."""
    return "–" if value is None else f"{(value * HUNDRED).quantize(TENTH, ROUND_HALF_UP)} %"
