"""Laws of the walk, for any credits: order and batching do not matter, lines add up, reversals net to zero."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import replace
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from services.incentive.domain.facts import Cause, Credit
from services.incentive.domain.ledger import Booked, Entry, entries
from services.incentive.domain.numbers import round_minor
from services.incentive.domain.plans import Plan
from services.incentive.domain.settlement import lines, reach
from services.incentive.domain.traces import replay
from services.incentive.domain.walk import Line
from services.incentive.domain.windows import ALWAYS, Days
from tests.incentive.desk import Desk

QUARTERS = [Days(dt.date(2026, m, 1), dt.date(2026, m + 3, 1)) for m in (1, 4, 7)]
WORDS = {"kpi": "sales_amount", "without_target": "zero", "without_parameter": "zero"}


def tier(start: str, end: str | None, mode: str, rate: object, flat: str = "0") -> dict[str, object]:
    return {"from": start, "to": end, "mode": mode, "rate": rate, "flat": flat}


def desk_and_plan() -> tuple[Desk, Plan]:
    """A payee with a quota per quarter, a rate that rises within one, and a plan with every kind of component."""
    desk = Desk()
    for window, value in zip(QUARTERS, (1000, "333.3333333333", 50), strict=True):
        desk.target(value, window)
    desk.parameter("commission_rate", "0.0123", "2020-01-01", "2026-05-10")
    desk.parameter("commission_rate", "0.0371", "2026-05-10")
    quarter = {"window": {"calendar": "quarter"}}
    rate: object = "${commission_rate}"
    faster = {"multiply": [rate, "1.5"]}
    marginal = [tier("0", "1", "marginal", rate), tier("1", None, "marginal", faster)]
    mixed = [
        tier("0", "0.5", "whole_amount", "0.01"),
        tier("0.5", "1", "whole_amount", rate, "7.5"),
        tier("1", None, "marginal", {"divide": ["3", "${target}"]}, "0.125"),
    ]
    plan = desk.plan(
        desk.component("flat", rate=rate, without_parameter="zero"),
        desk.component("each", rate=rate, without_parameter="zero", round="each_line", credits="direct"),
        desk.component(
            "quota",
            rate=rate,
            window={"targets": "sales_amount"},
            without_target="zero",
            without_parameter="zero",
        ),
        desk.component(
            "marginal", "attainment_commission", bounds="lower_inclusive", tiers=marginal, **quarter, **WORDS
        ),
        desk.component(
            "mixed", "attainment_commission", bounds="upper_inclusive", tiers=mixed, currency="USD", **quarter, **WORDS
        ),
        desk.component(
            "bonus",
            "bonus",
            amount={"multiply": [rate, "1000"]},
            on_reversal="re-test",
            currency="USD",
            **quarter,
            **WORDS,
        ),
        desk.component(
            "kept",
            "bonus",
            amount="10",
            at="0.7",
            on_reversal="keep",
            currency="USD",
            **quarter,
            kpi="sales_amount",
            without_target="zero",
        ),
    )
    return desk, plan


DESK, PLAN = desk_and_plan()
NUMBER = st.integers(0, 99_999_999).map(lambda n: Fraction(n, 10_000))


@st.composite
def credits(draw: st.DrawFn) -> list[Credit]:
    found = []
    for number in range(draw(st.integers(0, 8))):
        gross = draw(NUMBER)
        left = draw(st.sampled_from([gross, gross / 2, Fraction(0)]))
        day = dt.date(2026, 1, 1) + dt.timedelta(days=draw(st.integers(0, 300)))
        overlay, cancelled = draw(st.booleans()), draw(st.sampled_from([False, False, False, True]))
        cause = (Cause("crm", f"e{number}"),)
        found.append(
            Credit(
                f"o{number}",
                "ann",
                "ann",
                day,
                draw(st.sampled_from(["USD", "JPY"])),
                left,
                gross,
                overlay,
                cancelled,
                cause,
            )
        )
    return found


def walked(found: list[Credit], touched: Days = ALWAYS) -> list[Line]:
    return lines(DESK.account, [PLAN], found, touched)


class Books:
    """A ledger in memory, fed only by entries."""

    def __init__(self) -> None:
        self.booked: dict[str, Booked] = {}
        self.posted: list[Entry] = []

    def settle(self, found: list[Credit], touched: Days) -> None:
        wanted = {line.line_id: line for line in walked(found, touched)}
        known = {k: b for k, b in self.booked.items() if b.window.meets(touched)}
        new = entries(known, wanted.values(), {})
        for entry in new:
            assert sum(p.amount_minor for p in entry.postings) == 0
            booked = self.booked.get(entry.line_id)
            assert entry.sequence == (booked.entries if booked else 0) + 1
            amount = entry.amount_minor + (booked.amount_minor if booked else 0)
            self.booked[entry.line_id] = Booked(
                entry.line_id,
                entry.component_kind,
                entry.plan,
                entry.plan_version,
                entry.component,
                entry.payee_id,
                entry.window,
                entry.currency,
                None,
                None,
                entry.earned_on,
                amount,
                entry.sequence,
            )
        self.posted += new

    @property
    def nets(self) -> dict[str, int]:
        return {k: b.amount_minor for k, b in self.booked.items() if b.amount_minor}


@given(credits(), st.data())
@settings(max_examples=60, deadline=None)
def test_any_order_and_batching_gives_the_same_net_lines(found: list[Credit], data: st.DataObject) -> None:
    books, known = Books(), []
    left = data.draw(st.permutations(found))
    while left:
        batch, left = left[: (size := data.draw(st.integers(1, len(left))))], left[size:]
        known += batch
        days = [credit.day for credit in batch]
        books.settle(known, Days(min(days), max(days) + dt.timedelta(days=1)))
    assert books.nets == {line.line_id: line.amount_minor for line in walked(found) if line.amount_minor}


@given(credits())
@settings(max_examples=60, deadline=None)
def test_the_lines_of_a_window_add_up_to_its_exact_figure_rounded_once(found: list[Credit]) -> None:
    sums: dict[tuple[str, Days, str], int] = defaultdict(int)
    exact: dict[tuple[str, Days, str], tuple[Fraction, int]] = {}
    for line in walked(found):
        assert replay(line.trace) == line.amount_minor == line.trace.line
        if line.trace.given.round == "cumulative":
            place = (line.component, line.window, line.currency)
            sums[place] += line.amount_minor
            exact[place] = Fraction(line.trace.earned_after), line.trace.given.exponent
    assert sums == {place: round_minor(*figure) for place, figure in exact.items()}


@given(st.lists(NUMBER, min_size=1, max_size=6), NUMBER)
@settings(max_examples=60, deadline=None)
def test_same_total_same_pay_however_many_sales(amounts: list[Fraction], quota: Fraction) -> None:
    desk = Desk()
    desk.target(quota)
    tiers = [
        tier("0", "0.5", "marginal", "0.01"),
        tier("0.5", "1", "marginal", "0.07"),
        tier("1", None, "marginal", "0.1"),
    ]
    words = {"kpi": "sales_amount", "without_target": "zero", "bounds": "lower_inclusive"}
    plan = desk.plan(desk.component(kind="attainment_commission", tiers=tiers, **words))
    split = sum(line.amount_minor for line in desk.lines(plan, desk.credits(amounts)))
    (whole,) = desk.lines(plan, desk.credits([sum(amounts)]))
    assert split == whole.amount_minor


@given(credits(), credits(), st.data())
@settings(max_examples=60, deadline=None)
def test_what_is_taken_back_nets_to_zero_and_coming_back_restores_it(
    found: list[Credit], more: list[Credit], data: st.DataObject
) -> None:
    found = [credit for credit in found if not credit.cancelled]
    books = Books()
    books.settle(found, ALWAYS)
    before = books.nets
    gone = {credit.order_id for credit in found if data.draw(st.booleans())}
    books.settle([credit for credit in found if credit.order_id not in gone], ALWAYS)
    books.settle([], ALWAYS)
    assert books.nets == {}
    books.settle([replace(credit, order_id="n" + credit.order_id) for credit in more], ALWAYS)
    books.settle(found, ALWAYS)
    assert books.nets == before
    assert len({entry.entry_id for entry in books.posted}) == len(books.posted)


@given(credits(), st.integers(0, 300), st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_only_the_credits_within_reach_are_needed(found: list[Credit], start: int, length: int) -> None:
    since = dt.date(2026, 1, 1) + dt.timedelta(days=start)
    touched = Days(since, since + dt.timedelta(days=length))
    near = reach(DESK.account, [PLAN], touched)
    assert walked([credit for credit in found if credit.day in near], touched) == walked(found, touched)
    everything = {line.line_id: line for line in walked(found)}
    assert {line.line_id: line for line in walked(found, touched)} == {
        k: line for k, line in everything.items() if line.window.meets(touched)
    }
