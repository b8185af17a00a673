"""The comparison goes red: whichever event is dropped, doubled or moved by a day, some figure differs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.oracle import figures, kpis, periods, synthetic
from tests.oracle.adventureworks import COMPONENTS, Company
from tests.oracle.figures import Truth
from tests.oracle.mutations import MUTATIONS, Event, mutated

QUARTER = dt.date(2012, 4, 1), dt.date(2012, 7, 1)
DAYS = list(periods.between("day", *QUARTER))


@pytest.fixture(scope="module")
def company() -> Company:
    """Orders of one quarter, and a refund of each second one: nothing hides behind anything else."""
    whole = synthetic.company(1, 150)
    orders = [e for e in whole.events if "2012-04-01" <= e["time"] < "2012-06-29"]
    refunds = [
        order
        | {"id": f"{order['id']}-r", "type": "crm.order.refunded.v1"}
        | {"data": {"order_id": order["data"]["order_id"], "amount": "0.005"}}
        for order in orders[::2]
        if float(order["data"]["amount"]) > 1
    ]
    return replace(whole, events=orders + refunds)


def differences(truth: Truth, other: Truth) -> list[str]:
    """What a comparison of ``other`` as Merit's answer with the truth says."""
    found = figures.different(truth.earnings(), other.earnings())
    for kpi in ("sales_amount", "order_count"):
        for kind in kpis.SUBJECT_KINDS:
            found += truth.differences(kpi, kind, DAYS, "day", other.expected(kpi, kind, DAYS, "day"))
    return found


def test_the_same_events_agree(company: Company) -> None:
    shuffled = replace(company, events=company.events[::-1])
    assert differences(figures.truth(company, COMPONENTS), figures.truth(shuffled, COMPONENTS)) == []


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_one_changed_event_shows(company: Company, mutation: Callable[[Event], list[Event]]) -> None:
    truth = figures.truth(company, COMPONENTS)
    assert len(company.events) > 20
    for number, event in enumerate(company.events):
        other = replace(company, events=mutated(company.events, number, mutation))
        assert differences(truth, figures.truth(other, COMPONENTS)), event
