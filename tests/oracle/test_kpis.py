"""Hand-made cases: subjects and KPIs; K numbers are the printed examples of others."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.oracle import history, kpis, periods
from tests.oracle.cases import ALWAYS, ZONE, Event, event, one, placed, sales, shared
from tests.oracle.directory import Directory


class TestSubjects:
    def test_overlay_is_outside_kpis(self) -> None:
        events = [placed(credits=[*one("a"), {"rep_id": "b", "share": "1", "overlay": True}])]
        assert (sales(events), sales(events, subject="b"), sales(events, "company", "company")) == (100, 0, 100)

    def test_a_web_order_counts_for_territory_and_company_only(self) -> None:
        facts = kpis.collect(history.read([placed(credits=[], territory="t")], ZONE), Directory([]))
        assert set(facts) == {("territory", "t"), ("company", "company")}

    def test_a_split_order_is_one_for_each_and_one_for_their_team(self) -> None:
        team = [{"person_id": p, "kind": "team", "of": "t", "valid_from": "2020-01-01"} for p in "ab"]
        events = [placed(credits=shared(("a", "0.5"), ("b", "0.5")), customer_id="k")]
        facts = kpis.collect(history.read(events, ZONE), Directory(team))
        counts = [facts[s].order_count(ALWAYS) for s in (("rep", "a"), ("rep", "b"), ("team", "t"))]
        assert (counts, facts["team", "t"].sales_amount(ALWAYS)) == ([1, 1, 1], 100)

    def test_a_manager_has_everyone_below_as_dated_and_their_own_each_once(self) -> None:
        directory = Directory(
            [
                {"person_id": "a", "kind": "manager", "of": "m", "valid_from": "2024-01-01", "valid_to": "2024-03-05"},
                {"person_id": "a", "kind": "manager", "of": "n", "valid_from": "2024-03-05"},
                {"person_id": "m", "kind": "manager", "of": "top", "valid_from": "2024-01-01"},
                {"person_id": "n", "kind": "manager", "of": "top", "valid_from": "2024-01-01"},
                {"person_id": "n", "kind": "manager", "of": "m", "valid_from": "2025-01-01"},
            ]
        )
        assert directory.managing("a", dt.date(2024, 3, 4)) == {"a", "m", "top"}
        assert directory.managing("a", dt.date(2024, 3, 5)) == {"a", "n", "top"}
        assert directory.managing("a", dt.date(2025, 1, 1)) == {"a", "n", "m", "top"}
        assert directory.tree("m", dt.date(2025, 1, 1)) == {"m", "n", "a"}
        events = [placed(credits=shared(("a", "0.5"), ("n", "0.5")))]
        facts = kpis.collect(history.read(events, ZONE), directory)
        assert facts["manager", "n"].sales_amount(ALWAYS) == 100
        assert facts["manager", "top"].order_count(ALWAYS) == 1


class TestKpis:
    def value(self, events: list[Event], kpi: str, window: periods.Window, grain: str | None = "month") -> str | None:
        facts = kpis.collect(history.read(events, ZONE), Directory([]))
        return kpis.value(kpi, facts["rep", "a"], window, grain)

    def test_orders_without_a_customer_are_left_out_of_both(self) -> None:  # K3
        events = [placed(str(i), order_id=str(i), customer_id=f"c{i % 2}") for i in range(5)]
        events.append(placed("x", order_id="x"))
        march = periods.containing("month", dt.date(2024, 3, 1))
        assert self.value(events, "orders_per_customer", march) == "2.500000"
        assert self.value(events, "order_count", march) == "6"
        assert self.value(events, "customer_count", march) == "2"
        assert self.value(events[-1:], "orders_per_customer", march) is None

    @pytest.mark.parametrize(
        ("before", "now", "growth"),
        [("100", "120", "0.200000"), ("0", "50", None), ("100", "0", "-1.000000"), ("3", "4", "0.333333")],
    )
    def test_growth(self, before: str, now: str, growth: str | None) -> None:  # K4
        events = [placed("1", "2024-02-01", before), placed("2", "2024-03-01", now, order_id="o2")]
        march = periods.containing("month", dt.date(2024, 3, 1))
        assert self.value(events, "sales_growth", march) == growth

    def test_growth_over_a_negative_prior(self) -> None:  # K4
        events = [
            placed("1", "2024-01-01", "50"),
            event("refunded", "r", "2024-02-01", amount="50"),
            placed("2", "2024-03-01", "50", order_id="o2"),
        ]
        march = periods.containing("month", dt.date(2024, 3, 1))
        assert self.value(events, "sales_growth", march) == "2.000000"
