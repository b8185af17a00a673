"""Superstore: lines become orders, whose sums are the published ones."""

from __future__ import annotations

from decimal import Decimal
from operator import itemgetter

import pytest
import pytest_asyncio

from tests.merit.mappings.sets import Mapped, Thing, expected, grouped, mapped, month, overall, quarter, total

ORDER = "crm.order.placed.v1"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def superstore() -> Mapped:
    return await mapped("superstore")


def figures(orders: list[Thing]) -> list[Decimal]:
    lines = [line for order in orders for line in order["lines"]]
    return [
        Decimal(len(orders)),
        Decimal(len(lines)),
        Decimal(len({order["customer_id"] for order in orders})),
        total(line["quantity"] for line in lines),
        total(order["amount"] for order in orders),
        total(line["amount"] for line in lines) - total(line["cost"] for line in lines),
    ]


FILES = {
    "region_month": (("Region", "month"), (itemgetter("territory"), month)),
    "region_quarter": (("Region", "quarter"), (itemgetter("territory"), quarter)),
    "segment_quarter": (("Segment", "quarter"), (lambda o: o["attributes"]["segment"], quarter)),
    "state_quarter": (("State", "quarter"), (lambda o: o["attributes"]["state"], quarter)),
    "month": (("month",), (month,)),
}


@pytest.mark.parametrize("file", FILES)
def test_every_figure_of_the_reference(superstore: Mapped, file: str) -> None:
    columns, keys = FILES[file]
    found = {key: figures(orders) for key, orders in grouped(superstore.data(ORDER), *keys).items()}
    assert found == expected(
        "superstore", file, columns, ("orders", "lines", "customers", "quantity", "sales", "profit")
    )


def test_the_whole(superstore: Mapped) -> None:
    said, orders = overall("superstore"), superstore.data(ORDER)
    customers = [len(found) for found in grouped(orders, itemgetter("customer_id")).values()]
    assert superstore.counts() == {ORDER: said["orders"]}
    assert [said["orders"], said["lines"], said["customers"], said["sales"], said["profit"]] == [
        value for n, value in enumerate(figures(orders)) if n != 3
    ]
    assert sum(count > 1 for count in customers) == said["repeat_customers"]
