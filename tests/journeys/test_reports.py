"""Reports and drill-down through the public API: whose, how far one sees, and that each cell is what values say."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from typing import Any

import httpx
import openpyxl
import pytest

from tests.journeys.driver import day
from tests.journeys.sighted import SEES, Sighted

SALES = {
    "label": {"en": "Sales", "zh": "销售"},
    "kpis": ["sales_amount", "order_count", "sales_growth"],
    "subject_kind": "rep",
    "from": "2012-01-01",
    "to": "2013-01-01",
    "grain": "quarter",
    "compare": "previous_year",
}
BY_TERRITORY = SALES | {"kpis": ["sales_amount", "orders_per_customer"], "group_by": ["territory"]}


async def ran(client: httpx.AsyncClient, report: dict[str, Any], **query: str) -> httpx.Response:
    answer = await client.post("/v1/reports/run", json=report, params=query)
    assert answer.status_code == 200, answer.text
    return answer


def rows(answer: httpx.Response) -> tuple[list[str], list[list[str]]]:
    """The header and the lines of a CSV."""
    header, *lines = csv.reader(io.StringIO(answer.content.decode("utf-8"), newline=""))
    return header, lines


def flat(item: dict[str, Any], kpis: list[str]) -> list[Any]:
    """An item of the JSON result as a line of the table says it, without its last three columns."""
    told = [item["subject"], item["period"], item["from"], item["to"], *item.get("group", {}).values()]
    for kpi in kpis:
        value = item["values"][kpi]
        compared = value["compare"] or {}
        told += [value["value"], *(compared.get(name) for name in ("value", "change", "relative"))]
    return told


@pytest.mark.parametrize("report", [SALES, BY_TERRITORY], ids=["whole", "split"])
@pytest.mark.parametrize("person", ["r1", "m1", None])
async def test_a_cell_is_what_the_values_route_says(told: Sighted, report: dict[str, Any], person: str | None) -> None:
    client = await (told.driver.as_person(person) if person else told.driver.as_role("analyst"))
    items = (await ran(client, report)).json()["items"]
    assert items
    assert person is None or {i["subject"] for i in items} <= SEES[person]
    for kpi in report["kpis"]:
        asked = {k: v for k, v in report.items() if k in ("subject_kind", "from", "to", "grain", "compare", "group_by")}
        values = await told.driver.items(f"/v1/kpis/{kpi}/values", client, **asked)
        said = {(i["subject"], i["from"], *i.get("group", {}).values()): i for i in values}
        for item in items:
            place = (item["subject"], item["from"], *item.get("group", {}).values())
            cell = item["values"][kpi]
            if place in said:
                assert cell == {name: said[place][name] for name in cell}
            else:  # the values' route leaves out what has no fact of this KPI
                assert cell["null_reason"] == "no facts" or cell["value"] == "0"


@pytest.mark.parametrize("report", [SALES, BY_TERRITORY], ids=["whole", "split"])
async def test_csv_and_xlsx_say_what_json_says(told: Sighted, report: dict[str, Any]) -> None:
    client = await told.driver.as_role("analyst")
    answered = (await ran(client, report)).json()
    expected = [flat(item, report["kpis"]) for item in answered["items"]]
    header, lines = rows(await ran(client, report, format="csv"))
    assert [[cell or None for cell in line[:-3]] for line in lines] == expected
    assert header[:4] == ["Rep", "Period", "From", "Until before"]
    assert "Sales amount (USD)" in header
    assert {line[-2] for line in lines} == {answered["as_of"].replace("Z", "+00:00")}
    assert {line[-1] for line in lines} == {", ".join(f"{k['key']} v{k['version']}" for k in answered["kpis"])}
    empty = [line[-3] for line, cells in zip(lines, expected, strict=True) if cells[-4] is None]
    assert all("sales growth" in reason.lower() or "orders per" in reason.lower() for reason in empty)

    found = openpyxl.load_workbook(io.BytesIO((await ran(client, report, format="xlsx")).content))
    titles, *cells = found["Report"].iter_rows(values_only=True)
    assert list(titles) == header
    numbers = [n for n, title in enumerate(header[:-3]) if n >= 4 + len(report.get("group_by", ()))]
    for row, line in zip(cells, expected, strict=True):
        assert (row[0], row[2].date(), row[3].date()) == (line[0], day(line[2]), day(line[3]))
        for n in numbers:
            assert (row[n] is None) == (line[n] is None)
            assert row[n] is None or (not isinstance(row[n], str) and Decimal(repr(row[n])) == Decimal(line[n]))
    assert [row[1] for row in found["About"].iter_rows(values_only=True)][1] == answered["until"]


async def test_the_headings_are_in_the_asked_language_and_accept_chooses_the_format(told: Sighted) -> None:
    client = await told.driver.as_role("analyst")
    answer = await client.post("/v1/reports/run?language=zh", json=SALES, headers={"accept": "text/csv, */*"})
    assert rows(answer)[0][:5] == ["销售代表", "期间", "起始日", "截止日（不含）", "销售额 (USD)"]
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"].startswith('attachment; filename="report-')


async def test_the_life_of_a_saved_report(told: Sighted) -> None:
    m1, m2, r1 = [await told.driver.as_person(p) for p in ("m1", "m2", "r1")]
    first = await m1.post("/v1/reports", json=SALES, headers={"idempotency-key": "life"})
    again = await m1.post("/v1/reports", json=SALES, headers={"idempotency-key": "life"})
    other = await m1.post("/v1/reports", json=BY_TERRITORY, headers={"idempotency-key": "life"})
    assert (first.status_code, again.json(), other.status_code) == (201, first.json(), 422)
    at = first.headers["location"]
    assert (await m1.get(at)).json()["report"] == SALES
    for stranger in (m2, r1):
        assert (await stranger.get(at)).status_code == (await stranger.get("/v1/reports/no-such")).status_code == 404
        assert (await stranger.get(f"{at}/result")).status_code == 404
    shared = SALES | {"shown_to": {"roles": ["rep"]}}
    put = await m1.put(at, json=shared, headers={"if-match": first.headers["etag"]})
    assert (put.status_code, put.json()["version"]) == (200, 2)
    stale = await m1.put(at, json=SALES, headers={"if-match": first.headers["etag"]})
    assert (stale.status_code, stale.json()["type"].rpartition("/")[2]) == (412, "changed")
    assert {i["subject"] for i in (await r1.get(f"{at}/result")).json()["items"]} == {"r1"}, "the reader's own sight"
    assert (await r1.put(at, json=SALES)).status_code == 403
    assert at.rpartition("/")[2] in {i["id"] for i in await told.driver.items("/v1/reports", r1)}
    assert (await m2.delete(at)).status_code == 404
    assert (await m1.delete(at, headers={"if-match": '"2"'})).status_code == 204
    assert (await m1.get(at)).status_code == 404


async def test_a_shipped_report_is_everybodys_and_nobodys_to_change(told: Sighted) -> None:
    analyst, r1 = await told.driver.as_role("analyst"), await told.driver.as_person("r1")
    shipped = [i for i in await told.driver.items("/v1/reports", r1) if i["shipped"]]
    assert len(shipped) >= 6
    for one in shipped:
        answer = await analyst.get(f"/v1/reports/{one['id']}/result", params={"as_of": "2012-11-15", "format": "csv"})
        assert answer.status_code == 200, answer.text
    assert (await analyst.put(f"/v1/reports/{shipped[0]['id']}", json=SALES)).status_code == 409
    assert (await analyst.delete(f"/v1/reports/{shipped[0]['id']}")).status_code == 409
    copy = await analyst.post("/v1/reports", json=shipped[0]["report"])
    assert copy.status_code == 201
    assert (await analyst.delete(copy.headers["location"])).status_code == 204


FAULTS = [
    ({"kpis": ["sales_amount", "no_such"]}, "/kpis/1", "unknown-kpi"),
    ({"kpis": ["sales_amount", "sales_amount"]}, "/kpis/1", "repeated"),
    ({"kpis": []}, "/kpis", "shape"),
    ({"grain": "fortnight"}, "/grain", "shape"),
    ({"grain": "year", "to": "2012-07-01"}, "/grain", "period"),
    ({"to": "2011-01-01"}, "/to", "period"),
    ({"period": "this_month"}, "", "windows"),
    ({"group_by": ["score"]}, "/group_by", "unknown-field"),
    ({"group_by": ["amount"]}, "/group_by", "type"),
    ({"filter": {"field": "score", "operator": "gt", "value": "1"}}, "/filter/field", "unknown-field"),
    ({"filter": {"and": [{"field": "amount", "operator": "gt", "value": "x"}]}}, "/filter/and/0/value", "type"),
    ({"subjects": ["r1", "r4"]}, "/subjects/1", "unknown-subject"),
    ({"colour": "red"}, "/colour", "unknown-field"),
    ({"label": {}}, "/label", "shape"),
    ({"label": {"en": "a\x00"}}, "/label/en", "text"),
    ({"group_by": ["attributes.\ud800"]}, "/group_by/0", "text"),
    ({"\ud800": 1}, "", "text"),
]


@pytest.mark.parametrize(("change", "pointer", "code"), FAULTS, ids=[f"{p} {c}" for _, p, c in FAULTS])
async def test_a_report_that_cannot_work(told: Sighted, change: dict[str, Any], pointer: str, code: str) -> None:
    sent = json.dumps(SALES | change)  # its escapes can say what no UTF-8 can
    client = await told.driver.as_person("m1")
    answer = await client.post("/v1/reports", content=sent, headers={"content-type": "application/json"})
    assert answer.status_code == 422, answer.text
    assert (pointer, code) in {(e["pointer"], e["code"]) for e in answer.json()["errors"]}


@pytest.mark.parametrize("person", ["r1", "m1", None])
async def test_the_facts_behind_a_value_add_up_to_it(told: Sighted, person: str | None) -> None:
    client = await (told.driver.as_person(person) if person else told.driver.as_role("analyst"))
    asked = {"subject_kind": "rep", "subject": "r1", "period": "2012"}
    (item,) = (await client.get("/v1/kpis/sales_amount/values", params=asked)).json()["items"]
    facts = await told.driver.items("/v1/kpis/sales_amount/facts", client, **asked)
    assert sum(Decimal(f["value"]) for f in facts) == Decimal(item["value"])
    assert all(f["amount"] == f["value"] and f["order_id"] for f in facts)
    every = asked | {"from": "2000-01-01", "to": "2030-01-01"}
    del every["period"]
    (shared,) = [
        f for f in await told.driver.items("/v1/kpis/sales_amount/facts", client, **every) if f["order_id"] == "shared"
    ]
    assert (shared["amount"], shared["rep_ids"]) == ("500", ["r1"]), "a part only, and nobody else's"
    parts = (await client.get("/v1/kpis/sales_growth/facts", params=asked)).json()["parts"]
    assert parts == ["current", "prior"]
    prior = await told.driver.items("/v1/kpis/sales_growth/facts", client, part="prior", **asked)
    assert {f["day"][:4] for f in prior} <= {"2011"}
    for bad, status in (({"subject": "r4"}, 404), ({"cursor": "x"}, 422), ({"part": "half"}, 422)):
        answer = await client.get("/v1/kpis/sales_amount/facts", params=asked | bad)
        assert answer.status_code == (200 if person is None and status == 404 else status)


BOARD = {
    "label": {"en": "Best of 2012"},
    "kpi": "sales_amount",
    "subject_kind": "rep",
    "grain": "year",
    "top": 3,
    "shown_to": {"people": ["r1"]},
}


async def test_a_leaderboard_shows_to_whom_it_names_what_its_maker_sees(told: Sighted) -> None:
    analyst, m1, m2, r1 = [
        await told.driver.as_role("analyst"),
        *[await told.driver.as_person(p) for p in ("m1", "m2", "r1")],
    ]
    whole = (await analyst.post("/v1/leaderboards", json=BOARD)).headers["location"]
    tree = (await m1.post("/v1/leaderboards", json=BOARD)).headers["location"]
    values = {"subject_kind": "rep", "period": "2012"}
    for board, maker in ((whole, analyst), (tree, m1)):
        items = await told.driver.items("/v1/kpis/sales_amount/values", maker, **values)
        best = sorted(items, key=lambda i: (-Decimal(i["value"]), i["subject"]))
        answer = (await r1.get(f"{board}/ranks", params={"period": "2012"})).json()
        assert [(i["subject"], i["score"]) for i in answer["items"]] == [(i["subject"], i["value"]) for i in best[:3]]
        assert (answer["ranked"], answer["own"]["subject"]) == (len(best), "r1")
    assert {i["subject"] for i in (await m1.get(f"{tree}/ranks?period=2012")).json()["items"]} <= SEES["m1"]
    for stranger, board in ((m1, whole), (m2, tree)):
        assert (await stranger.get(f"{board}/ranks")).status_code == (await stranger.get(board)).status_code == 404
    assert (await r1.put(whole, json=BOARD)).status_code == 403
    assert (await r1.get(f"{whole}/ranks?period=2012-Q1")).status_code == 422
    refused = await analyst.post("/v1/leaderboards", json=BOARD | {"kpi": "no_such", "improved_by": "growth"})
    assert {e["pointer"] for e in refused.json()["errors"]} == {"/kpi", "/improved_by"}
    for board in (whole, tree):
        assert (await analyst.delete(board)).status_code == 204
