"""Rows become items of resources; what Merit refuses of them is rejected, and the others are written."""

from __future__ import annotations

from tests.merit.conftest import Desk

MEMBERS = """
columns:
  Person: {type: text, required: true}
  Team: text
  From: {type: date, format: "%d.%m.%Y"}
  Until: {type: date, format: "%d.%m.%Y"}
outputs:
  - resource: people
    item: {person_id: "${Person}", name: "Person ${Person}"}
  - resource: memberships
    when: Team in ["north", "south"]
    item: {person_id: "${Person}", kind: team, of: "${Team}", valid_from: "${From}", valid_to: "${Until + days(1)}"}
"""


async def test_one_file_has_several_outputs(desk: Desk) -> None:
    rows = "Person;Team;From;Until\n1;north;01.02.2012;29.02.2012\n2;elsewhere;01.02.2012;\n3;;;\n"
    summary = await desk.run(rows, MEMBERS.replace("columns:", 'csv: {delimiter: ";"}\ncolumns:', 1))

    assert [p["name"] for p in desk.door.items["/v1/people"]] == ["Person 1", "Person 2", "Person 3"]
    assert desk.door.items["/v1/memberships"] == [
        {"person_id": "1", "kind": "team", "of": "north", "valid_from": "2012-02-01", "valid_to": "2012-03-01"}
    ]
    assert summary.outcomes == {"people": {"created": 3}, "memberships": {"created": 1}}


async def test_an_item_that_merit_refuses_is_rejected_and_the_others_are_written(desk: Desk) -> None:
    desk.door.refuse_item = lambda item: item.get("of") == "south"
    rows = "Person,Team,From,Until\n1,north,01.02.2012,\n2,south,01.02.2012,\n"
    summary = await desk.run(rows, MEMBERS)

    assert summary.faults == ["file.csv, line 3, column 2 (Team): refused by Merit: /of unknown"]
    assert [m["person_id"] for m in desk.door.items["/v1/memberships"]] == ["1"]


async def test_a_row_that_is_refused_twice_is_one_rejected_row_which_can_be_mended(desk: Desk) -> None:
    desk.door.refuse_item = lambda item: item["person_id"] == "2"
    rows = "Person,Team,From,Until\n1,north,01.02.2012,\n2,south,01.02.2012,\n"
    summary = await desk.run(rows, MEMBERS)

    assert (summary.rows, summary.rejected, len(summary.faults)) == (2, 1, 2)
    rejected = summary.rejected_files[0].read_text()
    assert rejected.count("2,south") == 1
    mended = await desk.run(rejected.replace("2,south", "3,south"), MEMBERS)
    assert (mended.rows, mended.rejected) == (1, 0)


async def test_the_next_date_of_the_whole_file(desk: Desk) -> None:
    text = """
columns:
  Rep: text
  From: date
  Until: {type: date, from: From, next: true, last: 2012-12-31}
  Quota: {type: decimal, decimal_mark: ",", thousands_mark: "."}
outputs:
  - resource: targets
    item: {kpi: sales_amount, subject_kind: rep, subject: "${Rep}", from: "${From}", to: "${Until}", value: "${Quota}"}
"""
    await desk.run('Rep,From,Quota\na,2012-01-01,"1.000,50"\nb,2012-04-01,7\na,2012-07-01,8\n', text)

    windows = [(t["from"], t["to"], t["value"]) for t in desk.door.items["/v1/targets"]]
    assert windows == [
        ("2012-01-01", "2012-04-01", "1000.5"), ("2012-04-01", "2012-07-01", "7"), ("2012-07-01", "2012-12-31", "8")
    ]  # fmt: skip
