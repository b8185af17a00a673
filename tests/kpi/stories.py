"""Generated stories: whatever a CRM may say of its orders, credit notes, opportunities, cases, surveys, follow-ups."""

from __future__ import annotations

import datetime as dt
from typing import Any

from hypothesis import strategies as st

Event = dict[str, Any]
Fields = dict[str, Any]

days = st.dates(dt.date(2026, 1, 28), dt.date(2026, 2, 4))
times = st.builds(lambda day, hour: f"{day}T{hour:02d}:00:00Z", days, st.sampled_from([3, 15]))
cents = st.decimals(min_value=0, max_value=500, places=4).map(lambda d: format(d, "f"))
reps = st.sampled_from(["ann", "bob", "cy", "nobody"])
LONG = "of which a set keeps a hash " * 3
customers = st.sampled_from(
    [{}, {"customer_id": "c1"}, {"customer_id": LONG}, {"customer_id": "c2", "territory": "north"}]
)
attributes = st.sampled_from([{}, {"attributes": {"channel": "web"}}, {"attributes": {"channel": "shop", "vip": True}}])
currencies = st.sampled_from(["USD", "USD", "USD", "EUR", "KWD"])
money = st.fixed_dictionaries({"amount": cents, "currency": currencies})
shares = st.sampled_from(
    [
        [],
        [{"rep_id": "ann", "share": "1"}],
        [{"rep_id": "bob", "share": "1"}],
        [{"rep_id": "nobody", "share": "1"}],
        [{"rep_id": "ann", "share": "0.3"}, {"rep_id": "bob", "share": "0.7"}],
        [{"rep_id": "ann", "share": "1"}, {"rep_id": "cy", "share": "0.5", "overlay": True}],
    ]
)
lines = st.lists(
    st.sampled_from(
        [
            {"product": "bike", "category": "wheels", "quantity": "2", "amount": "10.01", "cost": "7"},
            {"product": "bell", "quantity": "1", "amount": "0.5"},
            {"product": "loss", "amount": "3", "cost": "-1.25", "discount": "0.25"},
        ]
    ),
    max_size=2,
)


@st.composite
def orders(draw: st.DrawFn) -> list[tuple[str, Fields]]:
    """What may be said of an order, with its type."""
    said = []
    kinds = ["placed", "placed", "amended", "refunded", "cancelled", "paid", "reversed", "invoiced"]
    for kind in draw(st.lists(st.sampled_from(kinds), max_size=6)):
        match kind:
            case "placed" | "amended":
                data = {
                    "amount": draw(cents),
                    "currency": draw(currencies),
                    "credits": draw(shares),
                    "lines": draw(lines),
                }
                data |= draw(customers) | draw(attributes) | draw(st.sampled_from([{}, {"revision": 1}]))
                said.append((f"order.{kind}", data))
            case "refunded":
                some = [x for x in draw(lines) if draw(st.booleans())]
                data = {"lines": some} if some else {"amount": draw(cents)}
                said.append(("order.refunded", data | draw(st.sampled_from([{}, {"refund_id": "r1"}]))))
            case "cancelled":
                said.append(("order.cancelled", {}))
            case "invoiced":
                said.append(
                    ("invoice.issued", {"invoice_id": "i1", "amount": draw(cents), "currency": draw(currencies)})
                )
            case _:
                data = {
                    "payment_id": draw(st.sampled_from(["p1", "p2"])),
                    "amount": draw(cents),
                    "currency": draw(currencies),
                }
                said.append((f"payment.{'received' if kind == 'paid' else 'reversed'}", data | draw(attributes)))
    return said


@st.composite
def credit_notes(draw: st.DrawFn) -> list[tuple[str, Fields]]:
    return [
        (
            "credit_note.issued",
            {"amount": draw(cents), "currency": draw(currencies), "credits": draw(shares), "lines": draw(lines)}
            | draw(customers),
        )
        for _ in range(draw(st.integers(0, 2)))
    ]


@st.composite
def opportunities(draw: st.DrawFn) -> list[tuple[str, Fields]]:
    said = []
    for kind in draw(st.lists(st.sampled_from(["opened", "updated", "won", "lost"]), max_size=4)):
        data = {"rep_id": draw(reps)} | draw(customers) | draw(attributes)
        data |= draw(
            st.sampled_from(
                [{}, {"amount": "12.5", "currency": draw(currencies)}, {"stage": "offer"}, {"stage": "won"}]
            )
        )
        data |= draw(st.sampled_from([{}, {}, {"opened_at": "2026-01-20"}, {"opened_at": "2026-01-21T04:00:00Z"}]))
        said.append((f"opportunity.{kind}", data))
    return said


@st.composite
def cases(draw: st.DrawFn) -> list[tuple[str, Fields]]:
    said = []
    for kind in draw(st.lists(st.sampled_from(["opened", "responded", "resolved"]), max_size=4)):
        data = {"rep_id": draw(reps)} | draw(customers) | draw(st.sampled_from([{}, {"category": "broken"}]))
        said.append((f"case.{kind}", data | draw(st.sampled_from([{}, {"opened_at": "2026-01-30T12:00:00-05:00"}]))))
    return said


@st.composite
def surveys(draw: st.DrawFn) -> list[tuple[str, Fields]]:
    return [
        (
            "survey.answered",
            {"score": draw(st.sampled_from([1, 4, "4.5"])), "credits": draw(shares)}
            | draw(st.sampled_from([{}, {"scale_max": 7}, {"scale_max": 100, "order_id": "o0"}])),
        )
        for _ in range(draw(st.integers(0, 2)))
    ]


@st.composite
def followups(draw: st.DrawFn) -> list[tuple[str, Fields]]:
    said = []
    for kind in draw(st.lists(st.sampled_from(["scheduled", "scheduled", "completed", "cancelled"]), max_size=4)):
        data = {"rep_id": draw(reps)} | draw(customers) | draw(st.sampled_from([{}, {"outcome": "reached"}]))
        if kind == "scheduled":
            data["due_at"] = draw(st.sampled_from(["2026-02-01", "2026-02-02T20:00:00Z"]))
        said.append((f"followup.{kind}", data))
    return said


STORIES = {
    "order_id": orders(),
    "credit_note_id": credit_notes(),
    "opportunity_id": opportunities(),
    "case_id": cases(),
    "survey_id": surveys(),
    "followup_id": followups(),
}
"""What is told of one object of each kind, by the field that names it."""


@st.composite
def told_of(draw: st.DrawFn, field: str, object_id: str) -> list[Event]:
    """The events of one object, each with an identity of its own in it; some use (source, id) of others."""
    events = []
    for n, (kind, data) in enumerate(draw(STORIES[field])):
        if draw(st.integers(0, 3)) == 0:
            data = data | {"business_date": draw(days).isoformat()}
        event = {"specversion": "1.0", "type": f"crm.{kind}.v1", "source": draw(st.sampled_from(["crm", "web"]))}
        event |= {"id": draw(st.sampled_from([f"{n}", f"{field} {object_id} {n}"])), "time": draw(times)}
        events.append(event | {"data": {field: object_id} | data})
    return events


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """A few objects, each with whatever a CRM may say of it; objects of two kinds may have one id."""
    named = st.tuples(st.sampled_from([*STORIES, "order_id", "order_id"]), st.sampled_from(["1", "2", "o3"]))
    objects = draw(st.lists(named, min_size=1, max_size=5, unique=True))
    return [event for field, object_id in objects for event in draw(told_of(field, object_id))]
