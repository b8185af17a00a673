"""The wholesaler: half a million lines of invoices in a Parquet file become orders and credit notes.

They take minutes, and are mapped and compared by ``make references``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from operator import itemgetter

import pytest
import pytest_asyncio

from tests.merit.mappings.sets import (
    Mapped,
    Thing,
    expected,
    grouped,
    mapped,
    month,
    only_if_asked_for,
    overall,
    ratio,
    reference,
    total,
)

ORDER, NOTE = "crm.order.placed.v1", "crm.credit_note.issued.v1"
COLUMNS = ("lines", "invoices", "customers", "sales", "cancel_invoices", "cancelled_value")


def counted(event: Thing) -> None:
    """Lines are only counted here: half a million of them would fill the memory."""
    assert sum(Decimal(line["amount"]) for line in event["data"]["lines"]) == Decimal(event["data"]["amount"])
    event["data"]["lines"] = len(event["data"]["lines"])


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def retail() -> Mapped:
    only_if_asked_for("online_retail")
    return await mapped("online_retail", counted)


def figures(retail: Mapped, *keys: Callable[[Thing], str]) -> dict[tuple[str, ...], list[Decimal]]:
    orders, notes = grouped(retail.data(ORDER), *keys), grouped(retail.data(NOTE), *keys)
    found = {}
    for key in orders.keys() | notes.keys():
        bought, cancelled = orders.get(key, []), notes.get(key, [])
        found[key] = [
            Decimal(sum(order["lines"] for order in bought)),
            Decimal(len(bought)),
            Decimal(len({order["customer_id"] for order in bought if "customer_id" in order})),
            total(order["amount"] for order in bought),
            Decimal(len(cancelled)),
            -total(note["amount"] for note in cancelled),
        ]
    return found


FILES = {
    "country_month": (("Country", "month"), (itemgetter("territory"), month)),
    "country_total": (("Country",), (itemgetter("territory"),)),
    "month": (("month",), (month,)),
}


@pytest.mark.parametrize("file", FILES)
def test_every_figure_of_the_reference(retail: Mapped, file: str) -> None:
    columns, keys = FILES[file]
    wanted = expected(
        "online_retail",
        file,
        columns,
        ("lines", "invoices", "customers", "sales", "cancel_invoices", "cancelled_value"),
    )
    assert figures(retail, *keys) == wanted


def test_the_days(retail: Mapped) -> None:
    days = figures(retail, itemgetter("business_date"))
    found = {key: [row[1], row[3]] for key, row in days.items() if row[1]}
    assert found == expected("online_retail", "day", ("day",), ("invoices", "sales"))


def test_the_customers(retail: Mapped) -> None:
    known = grouped((o for o in retail.data(ORDER) if "customer_id" in o), itemgetter("customer_id"))
    rows = reference("online_retail", "customer_total")
    assert len(rows) == len(known)
    for row in rows:
        orders = known[(row["CustomerID"],)]
        first = dt.datetime.fromisoformat(row["first"]).replace(tzinfo=dt.UTC)
        found = (len(orders), total(order["amount"] for order in orders), min(order["time"] for order in orders))
        assert found == (int(row["invoices"]), Decimal(row["sales"]), first)


def test_the_whole(retail: Mapped) -> None:
    said, orders, notes = overall("online_retail"), retail.data(ORDER), retail.data(NOTE)
    known = [len(found) for (who,), found in grouped(orders, lambda o: o.get("customer_id", "")).items() if who]
    found = {
        "lines": retail.summary.rows, "sale_lines": sum(order["lines"] for order in orders),
        "sales": total(order["amount"] for order in orders), "sale_invoices": len(orders),
        "cancel_lines": sum(note["lines"] for note in notes), "cancel_invoices": len(notes), "customers": len(known),
        "orders_per_customer": ratio(sum(known), len(known)), "repeat_customers": sum(count > 1 for count in known),
        "return_visit_rate": ratio(sum(count > 1 for count in known), len(known)),
    }  # fmt: skip
    assert said.items() >= found.items()
