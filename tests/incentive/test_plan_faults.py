"""A plan that cannot work is refused when it is saved, each fault with its pointer."""

from __future__ import annotations

import pytest

from services.incentive.domain.plan_reading import read_plan
from services.incentive.domain.plans import PlanRefused
from tests.incentive.desk import Desk, Document

LOW = {"from": "0", "to": "1", "mode": "marginal", "rate": "0.1"}
HIGH = {"from": "1", "mode": "marginal", "rate": "0.2"}


def faults(document: object) -> set[tuple[str, str]]:
    with pytest.raises(PlanRefused) as refused:
        read_plan("p", 1, document)
    assert all(fault.detail for fault in refused.value.faults)
    return {(fault.pointer, fault.code) for fault in refused.value.faults}


def attained(desk: Desk, *tiers: Document, **more: object) -> Document:
    words = {"kpi": "sales_amount", "without_target": "zero", "bounds": "lower_inclusive"} | more
    return desk.document(desk.component(kind="attainment_commission", tiers=list(tiers), **words))


def test_a_document_that_is_no_object_or_empty() -> None:
    assert ("", "not-an-object") in faults([])
    assert faults({}) >= {("/valid_from", "required"), ("/assigned_to", "required"), ("/components", "required")}


@pytest.mark.parametrize("word", ["key", "kind", "window", "basis", "anchor", "reversal", "round", "rate"])
def test_each_word_of_a_commission_is_required(desk: Desk, word: str) -> None:
    component = desk.component(rate="0.05")
    del component[word]
    assert (f"/components/0/{word}", "required") in faults(desk.document(component))


@pytest.mark.parametrize("word", ["bounds", "kpi", "without_target", "tiers"])
def test_each_word_of_tiers_on_attainment_is_required(desk: Desk, word: str) -> None:
    document = attained(desk, LOW, HIGH)
    del document["components"][0][word]
    assert (f"/components/0/{word}", "required") in faults(document)


@pytest.mark.parametrize("word", ["from", "mode", "rate"])
def test_each_word_of_a_tier_is_required(desk: Desk, word: str) -> None:
    tier = {k: v for k, v in LOW.items() if k != word}
    assert (f"/components/0/tiers/0/{word}", "required") in faults(attained(desk, tier, HIGH))


@pytest.mark.parametrize("word", ["on_reversal", "amount", "currency", "without_target", "kpi"])
def test_each_word_of_a_bonus_is_required(desk: Desk, word: str) -> None:
    words = {"amount": "5", "on_reversal": "keep", "currency": "USD", "kpi": "sales_amount", "without_target": "zero"}
    del words[word]
    assert (f"/components/0/{word}", "required") in faults(desk.document(desk.component(kind="bonus", **words)))


@pytest.mark.parametrize("kpi", ["order_count", "sales_amuont"])
def test_attainment_of_what_credits_do_not_measure_is_refused(desk: Desk, kpi: str) -> None:
    """A target of 50 orders is not met by an order of 50 dollars."""
    bonus = {"amount": "5", "on_reversal": "keep", "currency": "USD", "kpi": kpi, "without_target": "zero"}
    for document in (desk.document(desk.component(kind="bonus", **bonus)), attained(desk, LOW, HIGH, kpi=kpi)):
        assert faults(document) == {("/components/0/kpi", "not-supported")}


@pytest.mark.parametrize("currency", ["ZZZ", "usd", "US", 5])
def test_a_currency_that_nobody_is_paid_in_is_refused(desk: Desk, currency: object) -> None:
    assert faults(desk.document(desk.component(rate="0.05", currency=currency))) == {
        ("/components/0/currency", "not-valid")
    }


def test_what_is_done_without_a_parameter_must_be_said(desk: Desk) -> None:
    document = desk.document(desk.component(rate="${commission_rate}"))
    assert faults(document) == {("/components/0/without_parameter", "required")}


def test_unknown_fields_are_refused_wherever_they_stand(desk: Desk) -> None:
    document = attained(desk, {**LOW, "rat": "1"}, HIGH, colour="red")
    document |= {"name": "x"}
    document["assigned_to"] = {"everyone": True, "anyone": True}
    document["components"][0]["window"] = {"calendar": "month", "day": 3}
    assert faults(document) == {
        ("/name", "unknown-field"),
        ("/assigned_to/anyone", "unknown-field"),
        ("/components/0/colour", "unknown-field"),
        ("/components/0/window/day", "unknown-field"),
        ("/components/0/tiers/0/rat", "unknown-field"),
    }


@pytest.mark.parametrize(
    ("tiers", "between", "wanted"),
    [
        ([LOW, {**HIGH, "from": "0.9"}], "refuse", ("1/from", "overlap")),
        ([{**LOW, "to": None}, HIGH], "refuse", ("1/from", "overlap")),
        ([LOW, {**HIGH, "from": "1.1"}], "refuse", ("1/from", "gap")),
        ([{**LOW, "from": "0.1"}, HIGH], "refuse", ("0/from", "gap")),
        ([LOW, {**HIGH, "to": "2"}], "refuse", ("1/to", "gap")),
        ([LOW, {**HIGH, "to": "2"}], "next", ("1/to", "gap")),
        ([{**LOW, "to": "0"}, HIGH], "zero", ("0/to", "empty-interval")),
    ],
)
def test_overlaps_and_undeclared_gaps(desk: Desk, tiers: list[Document], between: str, wanted: tuple[str, str]) -> None:
    assert (f"/components/0/tiers/{wanted[0]}", wanted[1]) in faults(attained(desk, *tiers, between_tiers=between))


@pytest.mark.parametrize(
    ("tiers", "between"),
    [
        ([LOW, {**HIGH, "from": "1.1"}], "next"),
        ([LOW, {**HIGH, "from": "1.1"}], "zero"),
        ([{**LOW, "from": "0.5"}, {**HIGH, "to": "2"}], "zero"),
    ],
)
def test_gaps_that_are_declared_are_fine(desk: Desk, tiers: list[Document], between: str) -> None:
    read_plan("p", 1, attained(desk, *tiers, between_tiers=between))


def test_bounds_that_are_both_inclusive_must_not_touch(desk: Desk) -> None:
    assert ("/components/0/tiers/1/from", "overlap") in faults(attained(desk, LOW, HIGH, bounds="both_inclusive"))


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("reversal", "original_rate"),
        ("reversal", "amount_paid"),
        ("basis", "margin"),
        ("anchor", "paid"),
        ("round", "up"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(desk: Desk, name: str, word: str) -> None:
    document = desk.document(desk.component(rate="0.1") | {name: word})
    with pytest.raises(PlanRefused, match="cannot work") as refused:
        read_plan("p", 1, document)
    (fault,) = refused.value.faults
    assert (fault.pointer, fault.code) == (f"/components/0/{name}", "not-supported")
    assert word in fault.detail


@pytest.mark.parametrize(
    "rate",
    [
        0.05,
        5,
        "1e-2",
        "NaN",
        "${a b}",
        "rate * 2",
        {"multiply": ["${a}"]},
        {"add": ["1", "2"]},
        {"divide": ["1", "${a}"]},
        {"divide": ["1", "0"]},
        {"multiply": ["1", "2"], "divide": ["1", "2"]},
        {"multiply": ["1", {"multiply": ["1", {"multiply": ["1", {"multiply": ["1", "1"]}]}]}]},
        "${target}",
    ],
)
def test_rates_are_a_small_closed_form(desk: Desk, rate: object) -> None:
    found = faults(desk.document(desk.component(rate=rate, without_parameter="zero")))
    assert any(pointer.startswith("/components/0/rate") for pointer, _ in found)


def test_amounts_of_money_name_their_currency(desk: Desk) -> None:
    tiers = [{"from": "0", "to": "10", "mode": "marginal", "rate": "0.1"}, {**HIGH, "from": "10"}]
    component = desk.component(bounds="lower_inclusive", tiers=tiers)
    assert faults(desk.document(component)) == {("/components/0/currency", "required")}
    assert faults(desk.document({**component, "currency": "dollars"})) == {("/components/0/currency", "not-valid")}
    flat = attained(desk, {**LOW, "flat": "5"}, HIGH)
    assert faults(flat) == {("/components/0/currency", "required")}


def test_windows_intervals_and_keys(desk: Desk) -> None:
    one, two = (
        desk.component(rate="0.1"),
        desk.component(rate="0.1", window={"boundaries": ["2026-02-01", "2026-01-01"]}),
    )
    three = desk.component("d", rate="0.1", window={"calendar": "week"})
    assert faults(desk.document(one, two, three, valid_to="2019-01-01")) == {
        ("/valid_to", "empty-interval"),
        ("/components/1/key", "not-unique"),
        ("/components/1/window/boundaries/1", "not-ascending"),
        ("/components/2/window/calendar", "not-supported"),
    }


def test_a_plan_is_for_someone(desk: Desk) -> None:
    good = desk.component(rate="0.1")
    assert faults(desk.document(good, assigned_to={})) == {("/assigned_to", "required")}
    assert faults(desk.document(good, assigned_to={"everyone": True, "people": ["ann"]})) == {
        ("/assigned_to/everyone", "not-valid")
    }
    assert faults(desk.document(good, assigned_to={"people": [1]})) == {
        ("/assigned_to", "required"),
        ("/assigned_to/people/0", "not-valid"),
    }
