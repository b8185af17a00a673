"""Nobody sees what their scope does not hold: a rep their own, a manager the tree as dated, a machine its source."""

from __future__ import annotations

import json
import re

import pytest

from tests.journeys.driver import BATCH, cells
from tests.journeys.routes import SPAN, Route
from tests.journeys.sighted import QUARTERS, SEES, Sighted
from tests.oracle import figures, kpis, numbers, periods
from tests.oracle.directory import Directory

WHO = ("subject", "payee_id", "person_id", "rep_id")
LISTS = [
    Route("GET", "/v1/kpis/{key}/values", set(), {"subject_kind": kind, **SPAN}, place={"key": key})
    for kind in ("rep", "manager")
    for key in kpis.KPIS
] + [
    Route("GET", path, set())
    for path in ("/v1/targets", "/v1/targets/attainment", "/v1/payee-parameters", "/v1/earnings", "/v1/earnings/lines")
]


@pytest.mark.parametrize("person", SEES)
@pytest.mark.parametrize("route", LISTS, ids=lambda r: f"{r.url()} {r.query.get('subject_kind', '')}")
async def test_lists_name_nobody_else(told: Sighted, route: Route, person: str) -> None:
    client = await told.driver.as_person(person)
    items = await told.driver.items(route.url(), client, **route.query)
    named = {item[who] for item in items for who in WHO if who in item}
    assert named <= SEES[person]
    if person in ("r1", "m1") and not (person == "r1" and route.query.get("subject_kind") == "manager"):
        assert person in named
    words = set(re.findall(r'"([a-z0-9]+)"', json.dumps(items)))
    others = {p["person_id"] for p in told.truth.company.people} - SEES[person]
    assert not words & others


@pytest.mark.parametrize("kind", ["waiting", "refund_excess", "conflict", "unresolved"])
async def test_data_quality_names_nobody_elses_orders(told: Sighted, kind: str) -> None:
    items = await told.driver.items("/v1/data-quality", await told.driver.as_person("r1"), kind=kind)
    assert not [item for item in items if "r4" in json.dumps(item)]
    if kind == "refund_excess":
        assert [item for item in items if "r1" in json.dumps(item)]


@pytest.mark.parametrize("person", ["r1", "lone"])
@pytest.mark.parametrize("kind", ["territory", "company", "team", "rep_territory", "manager"])
async def test_a_rep_sees_no_total_that_others_are_part_of(told: Sighted, person: str, kind: str) -> None:
    client = await told.driver.as_person(person)
    for kpi in kpis.KPIS:
        answer = await client.get(f"/v1/kpis/{kpi}/values", params={"subject_kind": kind, **SPAN})
        assert answer.status_code in (200, 403)
        seen = {i["subject"] for i in answer.json().get("items", [])}
        assert seen <= {person}


@pytest.mark.parametrize("kpi", kpis.KPIS)
async def test_a_rep_sees_their_own_in_full(told: Sighted, kpi: str) -> None:
    query = {"subject_kind": "rep", "from": str(QUARTERS[0]), "to": str(QUARTERS[1]), "grain": "quarter"}
    answered = cells(await told.driver.items(f"/v1/kpis/{kpi}/values", await told.driver.as_person("r1"), **query))
    windows = list(periods.between("quarter", *QUARTERS))
    expected = {("r1", w): told.truth.value(kpi, "rep", ("r1", w), "quarter") for w in windows}
    assert figures.different(expected, answered) == []


@pytest.mark.parametrize("manager", ["m1", "m2", "top", "lone"])
@pytest.mark.parametrize("kind", ["rep", "team", "rep_territory"])
@pytest.mark.parametrize("kpi", kpis.KPIS)
async def test_a_manager_sees_the_tree_as_dated(told: Sighted, kpi: str, kind: str, manager: str) -> None:
    query = {"subject_kind": kind, "from": str(QUARTERS[0]), "to": str(QUARTERS[1]), "grain": "quarter"}
    client = await told.driver.as_person(manager)
    answered = cells(await told.driver.items(f"/v1/kpis/{kpi}/values", client, **query))
    windows = list(periods.between("quarter", *QUARTERS))
    assert told.seen_by(manager).differences(kpi, kind, windows, "quarter", answered) == []


@pytest.mark.parametrize("manager", ["m1", "m2"])
async def test_a_managers_own_roll_up_is_whole(told: Sighted, manager: str) -> None:
    query = {"subject_kind": "manager", "from": str(QUARTERS[0]), "to": str(QUARTERS[1])}
    client = await told.driver.as_person(manager)
    answered = cells(await told.driver.items("/v1/kpis/sales_amount/values", client, **query))
    assert answered[manager, QUARTERS] == told.truth.value("sales_amount", "manager", (manager, QUARTERS), None)
    assert {subject for subject, _ in answered} <= SEES[manager]


@pytest.mark.parametrize("manager", ["m1", "m2", "lone"])
async def test_a_manager_sees_pay_of_the_tree_as_dated(told: Sighted, manager: str) -> None:
    """A line is dated by its order's day: of r1, m1 sees what was earned before the move and m2 the rest."""
    directory = Directory(told.truth.company.memberships)
    day_of = {order.order_id: order.day for order in told.truth.book.orders}
    expected = {
        key: amount
        for key, amount in told.truth.earned_by_order().items()
        if key[1] and manager in directory.managing(key[0][0], day_of[key[1]])
    }
    answered = await told.driver.earned_by_order(await told.driver.as_person(manager))
    assert (
        figures.different(
            {key: numbers.cents(amount) for key, amount in expected.items()},
            {key: amount for key, amount in answered.items() if key[1]},
        )
        == []
    )


@pytest.mark.parametrize("person", ["r1", "m1", "m2", "top", "lone"])
async def test_attainment_is_of_the_targets_that_one_may_see(told: Sighted, person: str) -> None:
    """m1 is told nothing of what is expected of r1 after r1 has left, nor of a team that is theirs in part."""
    team = next(m["of"] for m in told.truth.company.memberships if (m["person_id"], m["kind"]) == ("r1", "team"))
    target = {"kpi": "sales_amount", "subject_kind": "team", "subject": team, "value": "5", "currency": "USD"}
    await told.driver.write("targets", [target | {"from": "2012-01-01", "to": "2013-01-01"}])
    client = await told.driver.as_person(person)
    targets, attained = [
        {(i["subject_kind"], i["subject"], i["from"], i["to"]) for i in await told.driver.items(path, client)}
        for path in ("/v1/targets", "/v1/targets/attainment")
    ]
    assert attained == targets
    if person == "m1":
        assert {since for _, subject, since, _ in targets if subject == "r1"} < {
            target["from"] for target in told.truth.company.targets if target["subject"] == "r1"
        }


FILTERS = [
    ("/v1/kpis/sales_amount/values", {"subject_kind": "rep", **SPAN}, "subject"),
    ("/v1/targets/attainment", {}, "subject"),
    ("/v1/targets", {}, "subject"),
    ("/v1/earnings", {}, "payee"),
    ("/v1/earnings/lines", {}, "payee"),
    ("/v1/payee-parameters", {}, "payee"),
]


@pytest.mark.parametrize("person", ["r1", "m1"])
@pytest.mark.parametrize(("path", "query", "name"), FILTERS, ids=[path for path, _, _ in FILTERS])
async def test_a_foreign_id_looks_like_an_unknown_one(
    told: Sighted, path: str, query: dict[str, str], name: str, person: str
) -> None:
    client = await told.driver.as_person(person)
    foreign = await client.get(path, params=query | {name: "r4"})
    unknown = await client.get(path, params=query | {name: "nobody"})
    assert foreign.status_code == unknown.status_code
    assert foreign.status_code in (200, 404)
    assert foreign.json().get("items", []) == unknown.json().get("items", []) == []
    own = await client.get(path, params=query | {name: person})
    assert own.status_code == 200, own.text


@pytest.mark.parametrize("person", ["r1", "m1"])
@pytest.mark.parametrize("suffix", ["", "/trace"])
async def test_a_foreign_line_is_a_404(told: Sighted, person: str, suffix: str) -> None:
    client = await told.driver.as_person(person)
    lines = await told.driver.items("/v1/earnings/lines")
    foreign = next(line["line_id"] for line in lines if line["payee_id"] == "r4")
    own = next(line["line_id"] for line in await told.driver.items("/v1/earnings/lines", client))
    answers = [await client.get(f"/v1/earnings/lines/{line}{suffix}") for line in (foreign, "0" * 32, own)]
    assert [answer.status_code for answer in answers] == [404, 404, 200]
    assert "r4" not in answers[0].text


async def test_a_manager_knows_only_their_own_people(told: Sighted) -> None:
    client = await told.driver.as_person("m1")
    statuses = [(await client.get(f"/v1/people/{person}")).status_code for person in ("r2", "m1", "r4", "nobody")]
    assert statuses == [200, 200, 404, 404]
    listed = {person["person_id"] for person in await told.driver.items("/v1/people", client)}
    assert listed <= SEES["m1"]


async def test_the_balance_of_a_rep_is_their_own(told: Sighted) -> None:
    client = await told.driver.as_person("r1")
    answer = await client.get("/v1/ledger/balance")
    assert answer.status_code == 200
    others = {p["person_id"] for p in told.truth.company.people} - {"r1"}
    assert not set(re.findall(r"[a-z0-9]+", answer.text)) & others


async def test_a_machine_sees_only_what_its_own_source_sent(told: Sighted) -> None:
    running = told.driver.running
    async with (
        running.client(role="integration", source="/crm/a") as a,
        running.client(role="integration", source="/crm/b") as b,
    ):
        bad = {"specversion": "1.0", "id": "bad", "source": "/crm/a", "type": "crm.order.placed.v1"}
        bad |= {"time": "2012-06-01T12:00:00Z", "data": {"order_id": "bad", "amount": "-1"}}
        answer = await a.post("/v1/events", json=[bad], headers={"content-type": BATCH})
        assert answer.status_code == 202, answer.text
        (result,) = answer.json()["results"]
        paths = ["/v1/quarantine", f"/v1/quarantine/{result['quarantine_id']}"]
        mine, theirs = [[await client.get(path) for path in paths] for client in (a, b)]
    assert [answer.status_code for answer in mine] == [200, 200]
    assert [item["id"] for item in mine[0].json()["items"]] == ["bad"]
    assert theirs[0].json()["items"] == []
    assert theirs[1].status_code == 404
