"""The state of an order: merges commute, repeat and associate; cuts, splits and moves are as the semantics say."""

from __future__ import annotations

import itertools
import json
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import envelope, order_state, orders
from contracts.order_state import Order
from contracts.orders import OrderHistory
from contracts.splits import split

ZONE = ZoneInfo("America/New_York")


def said(kind: str, id: str, time: str, source: str = "crm", **data: Any) -> envelope.Envelope:
    event = {"specversion": "1.0", "type": f"crm.order.{kind}.v1", "source": source, "id": id, "time": time}
    return envelope.decode(json.dumps(event | {"data": {"order_id": "o"} | data}).encode())


def placed(id: str = "1", time: str = "2026-01-10T12:00:00Z", kind: str = "placed", **data: Any) -> envelope.Envelope:
    body = {"amount": "100", "currency": "USD", "credits": [{"rep_id": "ann", "share": "1"}]}
    return said(kind, id, time, **body | data)


def history(*events: envelope.Envelope) -> OrderHistory:
    known: OrderHistory | None = None
    for event in events:
        known = orders.unpack(orders.pack(orders.learn(known, event, orders.read(event), ZONE)))
    assert known is not None
    return known


def order(*events: envelope.Envelope) -> Order:
    return order_state.standing(history(*events))


amounts = st.decimals(0, 200, places=3).map(lambda d: format(d, "f"))
times = st.sampled_from(
    ["2026-01-10T12:00:00Z", "2026-01-10T07:00:00-05:00", "2026-01-11T02:00:00Z", "2026-02-01T00:00:00Z"]
)


@st.composite
def events(draw: st.DrawFn) -> envelope.Envelope:
    kind = draw(st.sampled_from(["placed", "amended", "cancelled", "refunded"]))
    id, time, source = draw(st.sampled_from("abcdef")), draw(times), draw(st.sampled_from(["crm", "web"]))
    day = draw(st.sampled_from([{}, {"business_date": "2026-01-20"}, {"business_date": "2026-01-05"}]))
    if kind == "cancelled":
        return said(kind, id, time, source, **day)
    if kind == "refunded":
        return said(kind, id, time, source, refund_id=draw(st.sampled_from(["r", "s"])), amount=draw(amounts), **day)
    return placed(id, time, kind, amount=draw(amounts), revision=draw(st.integers(0, 2)), **day)


@given(st.lists(events(), min_size=1, max_size=6), st.randoms())
def test_order_and_repetition_do_not_matter(some: list[envelope.Envelope], dice: Any) -> None:
    unique = list({(e.source, e.id): e for e in some}.values())
    again = unique + dice.choices(unique, k=3)
    dice.shuffle(again)
    assert order_state.standing(history(*again)) == order_state.standing(history(*unique))


def test_every_arrival_order_of_a_story_gives_the_same_order() -> None:
    story = [
        placed("1"),
        placed("2", "2026-01-12T12:00:00Z", "amended", amount="80", business_date="2026-01-15"),
        placed("3", "2026-01-13T12:00:00Z", "amended", amount="90"),
        said("refunded", "4", "2026-01-20T12:00:00Z", refund_id="r", amount="50"),
        said("refunded", "5", "2026-01-21T12:00:00Z", refund_id="s", amount="50"),
    ]
    found = [order(*arrival) for arrival in itertools.permutations(story)]
    assert all(o == found[0] for o in found)
    assert found[0].amount == 90
    assert found[0].day.isoformat() == "2026-01-15"
    assert [(r.amount, r.excess) for r in found[0].refunds] == [(50, 0), (40, 10)]


def test_an_instant_belongs_to_the_local_day_and_a_business_date_goes_before_it() -> None:
    assert order(placed(time="2026-01-11T02:00:00Z")).day.isoformat() == "2026-01-10"
    assert order(placed(time="2026-01-11T02:00:00Z", business_date="2026-01-11")).day.isoformat() == "2026-01-11"


def test_what_comes_before_its_order_waits() -> None:
    for early in (placed("2", kind="amended"), said("cancelled", "2", "2026-01-10T00:00:00Z")):
        assert order(early).status == "waiting"
        assert order(early, placed("1")).status != "waiting"


def test_cancelled_is_final() -> None:
    late = placed("9", "2027-01-01T00:00:00Z", "amended", revision=9)
    assert order(placed(), said("cancelled", "2", "2026-01-11T00:00:00Z"), late).status == "cancelled"


def test_a_refund_id_counts_once_the_earliest_claim_stands() -> None:
    first = said("refunded", "2", "2026-01-20T00:00:00Z", refund_id="r", amount="10")
    second = said("refunded", "3", "2026-01-21T00:00:00Z", refund_id="r", amount="99")
    assert [r.amount for r in order(placed(), second, first).refunds] == [10]


def test_a_refund_follows_the_credits_and_its_parts_sum_to_it() -> None:
    credits = [{"rep_id": r, "amount": a} for r, a in (("b", "33.33"), ("a", "33.33"), ("c", "33.34"))]
    refunded = said("refunded", "2", "2026-01-20T00:00:00Z", refund_id="r", amount="10")
    [refund] = order(placed(credits=credits), refunded).refunds
    assert sum(c.amount for c in refund.credits) == 10
    assert {c.rep_id: c.amount for c in refund.credits} == {
        "a": Decimal("3.333"),
        "b": Decimal("3.333"),
        "c": Decimal("3.334"),
    }


@given(
    amount=st.decimals(0, 10**6, places=10),
    weights=st.lists(st.decimals(0, 1000, places=4), min_size=1, max_size=5).filter(any),
)
def test_a_split_sums_to_the_whole_and_strays_by_less_than_a_step(amount: Decimal, weights: list[Decimal]) -> None:
    parts = split(amount, weights, [str(i) for i in range(len(weights))])
    assert sum(parts) == amount
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - amount * weight / sum(weights)) < Decimal("0.0000000002")


def test_ties_go_by_name() -> None:
    assert split(Decimal("0.0000000001"), [Decimal(1), Decimal(1)], ["z", "a"]) == [0, Decimal("0.0000000001")]


@pytest.mark.parametrize("overlay", [{"share": "0.5"}, {"amount": "50"}])
def test_an_overlay_credit_stands_beside_the_whole(overlay: dict[str, str]) -> None:
    credits = [{"rep_id": "ann", "share": "1"}, {"rep_id": "eve", "overlay": True} | overlay]
    refunded = said("refunded", "2", "2026-01-20T00:00:00Z", amount="10")
    found = order(placed(credits=credits), refunded)
    assert [(c.rep_id, c.amount) for c in found.credits] == [("ann", 100), ("eve", 50)]
    assert [(c.rep_id, c.amount) for c in found.refunds[0].credits] == [("ann", 10), ("eve", 5)]


def test_the_highest_revision_stands_whatever_the_times() -> None:
    later = placed("2", "2026-01-12T12:00:00Z", "amended", amount="80", revision=1)
    higher = placed("3", "2026-01-11T12:00:00Z", "amended", amount="90", revision=2)
    assert order(placed("1"), higher, later).amount == order(later, placed("1"), higher).amount == 90
