"""Northwind: orders with their lines and discounts, and the employees' tree."""

from __future__ import annotations

from decimal import Decimal
from operator import itemgetter

import pytest
import pytest_asyncio

from tests.merit.mappings.sets import Mapped, Thing, expected, grouped, mapped, month, overall, quarter, total

ORDER = "crm.order.placed.v1"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def northwind() -> Mapped:
    return await mapped("northwind")


def rep(order: Thing) -> str:
    (credit,) = order["credits"]
    assert credit["share"] == "1"
    return str(credit["rep_id"])


def figures(orders: list[Thing]) -> list[Decimal]:
    lines = [line for order in orders for line in order["lines"]]
    return [
        Decimal(len(orders)),
        Decimal(len({order["customer_id"] for order in orders})),
        total(line["amount"] for line in lines) + total(line["discount"] for line in lines),
        total(order["amount"] for order in orders),
    ]


FILES = {
    "employee_month": (("employee_id", "month"), (rep, month)),
    "employee_quarter": (("employee_id", "quarter"), (rep, quarter)),
    "employee_total": (("employee_id",), (rep,)),
    "country_quarter": (("ship_country", "quarter"), (itemgetter("territory"), quarter)),
    "month": (("month",), (month,)),
}


@pytest.mark.parametrize("file", FILES)
def test_every_figure_of_the_reference(northwind: Mapped, file: str) -> None:
    columns, keys = FILES[file]
    found = {key: figures(orders) for key, orders in grouped(northwind.data(ORDER), *keys).items()}
    assert found == expected("northwind", file, columns, ("orders", "customers", "gross", "net"))


def test_the_whole(northwind: Mapped) -> None:
    said, orders = overall("northwind"), northwind.data(ORDER)
    assert figures(orders) == [said["orders"], said["customers_with_orders"], said["gross"], said["net"]]
    assert sum(len(order["lines"]) for order in orders) == said["lines"]


def test_the_people_and_their_places(northwind: Mapped) -> None:
    assert northwind.counts() == {"people": 9, "memberships": 17, ORDER: 830}
    held = {(m["kind"], m["person_id"]): m["of"] for m in northwind.things["memberships"]}
    assert [held.get(("manager", str(n))) for n in range(1, 10)] == ["2", None, "2", "2", "2", "5", "5", "2", "5"]
    regions = [held["territory", str(n)] for n in range(1, 10)]
    assert regions == [
        "Eastern",
        "Eastern",
        "Southern",
        "Eastern",
        "Eastern",
        "Western",
        "Western",
        "Northern",
        "Northern",
    ]
