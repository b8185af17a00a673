"""The AdventureWorks sample as events and decisions, read from its CSV files by the tests' own hand.

The mapping that Merit ships is another hand's: that both give the same figures is the point. Dates are local days;
an order's time is the start of its day in the business zone.
"""

from __future__ import annotations

import csv
import datetime as dt
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracle.incentives import Band, Component

ROOT = Path(__file__).parents[2]
FILES = ROOT / "merit" / "samples" / "adventureworks"
REFERENCE = ROOT / "tests" / "reference" / "adventureworks"
SINCE = "2011-01-01"
LAST_WINDOW_ENDS = "2013-05-30"
"""The data ends with the quota windows that end on this day."""
SOURCE = "/adventureworks/orders"
ACCELERATED_ABOVE_QUOTA = Fraction(3, 2)

COMPONENTS = (
    Component("standard", "commission", "flat", "commission_rate"),
    Component("standard", "bonus", "bonus", "bonus"),
    Component(
        "accelerator",
        "accelerated",
        "marginal",
        "commission_rate",
        (Band(Fraction(1), Fraction(1)), Band(None, ACCELERATED_ABOVE_QUOTA)),
    ),
)


@dataclass(frozen=True)
class Company:
    """Everything that a company tells Merit: events, dated memberships, targets and payees' parameters."""

    zone: str
    events: list[dict[str, Any]]
    people: list[dict[str, Any]]
    memberships: list[dict[str, Any]]
    targets: list[dict[str, Any]]
    parameters: list[dict[str, Any]]


def rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def company(zone: str = "UTC", folder: Path = FILES) -> Company:
    """The whole sample."""
    return Company(
        zone=zone,
        events=[order_event(row, zone) for row in rows(folder / "SalesOrderHeader.csv")],
        people=people(folder),
        memberships=memberships(folder),
        targets=quota_targets(folder),
        parameters=payee_parameters(folder),
    )


def order_event(row: dict[str, str], zone: str) -> dict[str, Any]:
    """An order as its placed event; a web order has no credits."""
    day = dt.date.fromisoformat(row["OrderDate"])
    rep = row["SalesPersonID"]
    return {
        "specversion": "1.0",
        "id": row["SalesOrderID"],
        "source": SOURCE,
        "type": "crm.order.placed.v1",
        "time": dt.datetime.combine(day, dt.time(), ZoneInfo(zone)).isoformat(),
        "datacontenttype": "application/json",
        "data": {
            "order_id": row["SalesOrderID"],
            "amount": row["SubTotal"],
            "currency": "USD",
            "credits": [{"rep_id": rep, "share": "1"}] if rep else [],
            "customer_id": row["CustomerID"],
            "territory": row["TerritoryID"],
            "business_date": row["OrderDate"],
        },
    }


def people(folder: Path = FILES) -> list[dict[str, Any]]:
    """The sales team."""
    return [
        {"person_id": row["BusinessEntityID"], "name": row["Name"], "title": row["JobTitle"], "roles": ["rep"]}
        for row in rows(folder / "sales_team.csv")
    ]


def memberships(folder: Path = FILES) -> list[dict[str, Any]]:
    """Who reports to whom, undated in the sample and so from SINCE; territories, whose last day is inclusive there."""
    managers = [
        membership(row["BusinessEntityID"], "manager", row["ManagerID"], SINCE)
        for row in rows(folder / "sales_team.csv")
        if row["ManagerID"]
    ]
    territories = [
        membership(row["BusinessEntityID"], "territory", row["TerritoryID"], row["StartDate"][:10], day_after(row))
        for row in rows(folder / "SalesTerritoryHistory.csv")
    ]
    return managers + territories


def day_after(row: dict[str, str]) -> str | None:
    """The half-open end of a territory assignment."""
    return str(dt.date.fromisoformat(row["EndDate"][:10]) + dt.timedelta(days=1)) if row["EndDate"] else None


def membership(person: str, kind: str, of: str, valid_from: str, valid_to: str | None = None) -> dict[str, Any]:
    """A dated membership, as the API takes it."""
    return {"person_id": person, "kind": kind, "of": of, "valid_from": valid_from, "valid_to": valid_to}


def quota_targets(folder: Path = FILES) -> list[dict[str, Any]]:
    """Each quota holds from its date to the next quota date of anybody."""
    quotas = rows(folder / "SalesPersonQuotaHistory.csv")
    dates = sorted({row["QuotaDate"][:10] for row in quotas} | {LAST_WINDOW_ENDS})
    ends = dict(pairwise(dates))
    return [
        {
            "kpi": "sales_amount",
            "subject_kind": "rep",
            "subject": row["BusinessEntityID"],
            "from": row["QuotaDate"][:10],
            "to": ends[row["QuotaDate"][:10]],
            "value": row["SalesQuota"],
            "currency": "USD",
        }
        for row in quotas
    ]


def payee_parameters(folder: Path = FILES) -> list[dict[str, Any]]:
    """Each seller's commission rate and bonus."""
    return [
        {"payee_id": row["BusinessEntityID"], "name": name, "value": row[column], "valid_from": SINCE, "valid_to": None}
        for row in rows(folder / "SalesPerson.csv")
        for name, column in (("commission_rate", "CommissionPct"), ("bonus", "Bonus"))
    ]
