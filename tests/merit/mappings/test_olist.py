"""The marketplace: orders of one or more sellers, cancelled ones, payments, and reviews that go to every seller."""

from __future__ import annotations

from collections import Counter
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
    mean,
    month,
    overall,
    ratio,
    total,
)  # fmt: skip

PLACED, CANCELLED = "crm.order.placed.v1", "crm.order.cancelled.v1"
PAID, REVIEWED = "crm.payment.received.v1", "crm.survey.answered.v1"
DEAD = ("canceled", "unavailable")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def olist() -> Mapped:
    return await mapped("olist")


def standing(olist: Mapped) -> list[Thing]:
    """The orders that count: not cancelled, and of somebody's items."""
    cancelled = {data["order_id"] for data in olist.data(CANCELLED)}
    return [data for data in olist.data(PLACED) if data["order_id"] not in cancelled and data["credits"]]


def sales(olist: Mapped) -> list[Thing]:
    """A pair of an order and a seller each, with the seller's part of the order."""
    return [order | {"rep_id": c["rep_id"], "part": c["amount"]} for order in standing(olist) for c in order["credits"]]


def reviews(olist: Mapped) -> list[Thing]:
    """A pair of a review and a seller each, of orders that count."""
    found = [data for data in olist.data(REVIEWED) if data["attributes"]["order_status"] not in DEAD]
    return [review | {"rep_id": credit["rep_id"]} for review in found for credit in review["credits"]]


Figures = dict[tuple[str, ...], list[Decimal]]


def figures(olist: Mapped, *keys: Callable[[Thing], str]) -> Figures:
    """Orders, money, customers, reviews and their mean."""
    scores = grouped(reviews(olist), *keys)
    found = {}
    for key, pairs in grouped(sales(olist), *keys).items():
        given = [review["score"] for review in scores.get(key, ())]
        found[key] = [
            Decimal(len({pair["order_id"] for pair in pairs})), total(pair["part"] for pair in pairs),
            Decimal(len({pair["customer_id"] for pair in pairs})), Decimal(len(given)), mean(given),
        ]  # fmt: skip
    return found


FILES = {
    "seller_month": (("seller_id", "month"), (itemgetter("rep_id"), month)),
    "seller_total": (("seller_id",), (itemgetter("rep_id"),)),
    "month": (("month",), (month,)),
}


@pytest.mark.parametrize("file", FILES)
def test_every_figure_of_the_reference(olist: Mapped, file: str) -> None:
    columns, keys = FILES[file]
    wanted = expected("olist", file, columns, ("orders", "price", "customers", "reviews", "mean_review"))
    assert figures(olist, *keys) == wanted


def test_the_states(olist: Mapped) -> None:
    found = {key: row[:3] for key, row in figures(olist, itemgetter("territory"), month).items()}
    assert found == expected("olist", "state_month", ("customer_state", "month"), ("orders", "price", "customers"))


def test_the_items_of_the_months(olist: Mapped) -> None:
    found = {key: [Decimal(sum(len(o["lines"]) for o in t))] for key, t in grouped(standing(olist), month).items()}
    assert found == expected("olist", "month", ("month",), ("items",))


def test_the_orders_as_a_whole(olist: Mapped) -> None:
    said, orders, alive = overall("olist"), olist.data(PLACED), standing(olist)
    statuses = Counter(order["attributes"]["status"] for order in orders)
    buyers = Counter(order["customer_id"] for order in alive)
    found = {
        "orders": len(orders), "items": sum(len(order["lines"]) for order in orders),
        "price_all_items": total(order["amount"] for order in orders), "orders_valid_with_items": len(alive),
        "price_valid": total(order["amount"] for order in alive), "customers_valid": len(buyers),
        "sellers": len({sale["rep_id"] for sale in sales(olist)}),
        "orders_per_customer": ratio(len(alive), len(buyers)),
        "repeat_customers": sum(count > 1 for count in buyers.values()),
        "payments_sum": total(payment["amount"] for payment in olist.data(PAID)),
        **{f"status_{status}": count for status, count in statuses.items()},
    }  # fmt: skip
    assert said.items() >= found.items()
    assert len(olist.data(CANCELLED)) == said["status_canceled"] + said["status_unavailable"]


def test_the_reviews_as_a_whole(olist: Mapped) -> None:
    said, answered = overall("olist"), olist.data(REVIEWED)
    orders = Counter(review["order_id"] for review in answered)
    found = {
        "reviews": len({review["survey_id"] for review in answered}),
        "mean_review_all": mean(review["score"] for review in answered),
        "csat_share_4_5": ratio(sum(review["score"] >= 4 for review in answered), len(answered)),
        "orders_with_two_or_more_reviews": sum(count > 1 for count in orders.values()),
    }
    assert said.items() >= found.items()
    assert {total(c["share"] for c in review["credits"]) for review in answered} == {Decimal(0), Decimal(1)}


def test_a_review_counts_on_the_day_of_the_purchase(olist: Mapped) -> None:
    bought = {order["order_id"]: order["business_date"] for order in olist.data(PLACED)}
    assert all(review["business_date"] == bought[review["order_id"]] for review in olist.data(REVIEWED))
