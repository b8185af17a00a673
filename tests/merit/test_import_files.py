"""Excel workbooks and Parquet files say the same as a CSV file of the same rows; broken ones are told."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from arro3.core import Array, DataType, Table, list_array
from arro3.io import write_parquet

from merit.home import MeritError
from merit.importing.places import MappingRefused
from tests.merit.conftest import Desk

CALLS = """
source: /calls
empty: [N/A]
columns:
  call: {from: Call Id, pattern: "ID0*([1-9][0-9]*)", required: true}
  agent: {from: Agent, clean: spaces}
  at: {from: [Date, Time], type: datetime, required: true}
  answered: {from: "Answered (Y/N)", type: boolean}
  wait: {from: Seconds, type: duration}
  rating: {from: Rating, type: integer}
  price: {from: Price, type: decimal, default: 0}
outputs:
  - event: crm.survey.answered.v1
    key: [call]
    when: answered and rating
    time: ${coalesce(at + wait, at)}
    data:
      survey_id: ${call}
      score: ${rating}
      credits: [{rep_id: "${agent}", share: "1"}]
      attributes: {price: "${price}", answered: "${answered}", wait: "${wait}"}
"""
CSV = """Call Id,Agent,Date,Time,Answered (Y/N),Seconds,Rating,Price
ID0001,Ann  Poe,2021-01-01,09:12:58,Y,109.5,3.0,1.10
ID0002,Bob,2021-01-02,09:00:00,N,N/A,,
ID0030,Bob,2021-01-03,23:59:59,yes,0:02:03,5,0.0000001
"""
HEADER = CSV.splitlines()[0].split(",")
ROWS: list[list[Any]] = [
    ["ID0001", "Ann  Poe", dt.date(2021, 1, 1), dt.time(9, 12, 58), "Y", 109.5, 3, 1.1],
    ["ID0002", "Bob", dt.datetime(2021, 1, 2), dt.time(9), "N", "N/A", None, None],
    ["ID0030", "Bob", "2021-01-03", "23:59:59", True, dt.timedelta(minutes=2, seconds=3), 5.0, 1e-7],
]


def workbook(path: Path, rows: list[list[Any]], header: list[Any] = HEADER, sheet: str = "Calls") -> None:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.title = "Notes"
    book.active.append(["nothing here"])
    found = book.create_sheet(sheet)
    for row in (header, *rows):
        found.append(row)
    book.save(path)


def parquet(path: Path) -> None:
    days = [(dt.date(2021, 1, day) - dt.date(1970, 1, 1)).days for day in (1, 2, 3)]
    columns = {
        "Call Id": Array([row[0] for row in ROWS], type=DataType.utf8()),
        "Agent": Array([row[1] for row in ROWS], type=DataType.utf8()),
        "Date": Array(days, type=DataType.int32()).cast(DataType.date32()),
        "Time": Array(["09:12:58", "09:00:00", "23:59:59"], type=DataType.utf8()),
        "Answered (Y/N)": Array([True, False, True], type=DataType.bool()),
        "Seconds": Array(["109.5", "N/A", "123"], type=DataType.utf8()),
        "Rating": Array([3.0, float("nan"), 5.0], type=DataType.float64()),
        "Price": Array([1.1, None, 1e-7], type=DataType.float64()),
        "Tags": list_array(Array([0, 1, 1, 3], type=DataType.int32()), Array(["a", "b", "c"], type=DataType.utf8())),
    }
    write_parquet(Table.from_pydict(columns), path)


def told(desk: Desk) -> list[dict[str, Any]]:
    return [event | {"importid": None} for event in desk.door.events.values()]


async def test_excel_and_parquet_say_the_same_as_csv(desk: Desk) -> None:
    await desk.run(CSV, CALLS)
    first = told(desk)
    workbook(desk.folder / "calls.xlsx", ROWS)
    excel = await desk.import_path(desk.folder / "calls.xlsx", CALLS.replace("columns:", "sheet: Calls\ncolumns:", 1))
    parquet(desk.folder / "calls.parquet")
    columns = await desk.import_path(desk.folder / "calls.parquet", CALLS)

    assert [event["data"]["survey_id"] for event in first] == ["1", "30"]
    assert first[0]["time"] == "2021-01-01T09:14:47.500000+00:00"
    assert first[0]["data"]["attributes"] == {"price": "1.1", "answered": True, "wait": "109.5"}
    assert first[1]["data"]["attributes"]["price"] == "0.0000001"
    for summary in (excel, columns):
        assert summary.faults == []
        assert (summary.rows, summary.outcomes) == (3, {"crm.survey.answered.v1": {"duplicate": 2}})
    assert told(desk) == first


async def test_a_bad_cell_of_a_workbook_has_its_row_and_column(desk: Desk) -> None:
    rows = [ROWS[0], [None] * 8, [*ROWS[2][:6], "good", 1]]
    workbook(desk.folder / "calls.xlsx", rows)
    text = CALLS.replace("columns:", "sheet: Calls\ncolumns:", 1)
    summary = await desk.import_path(desk.folder / "calls.xlsx", text)

    assert summary.faults == ["calls.xlsx, line 4, column 7 (Rating): 'good' is no integer"]
    (kept,) = summary.rejected_files
    assert kept.read_text().splitlines()[1].endswith("ID0030,Bob,2021-01-03,23:59:59,true,123,good,1")
    mended = await desk.run(kept.read_text().replace("good", "4"), CALLS, name="mended.csv")
    assert mended.outcomes == {"crm.survey.answered.v1": {"accepted": 1}}


async def test_a_sheet_that_is_not_there_is_told(desk: Desk) -> None:
    workbook(desk.folder / "calls.xlsx", ROWS)
    with pytest.raises(MeritError, match="has no sheet 'Call'; there are: Notes, Calls"):
        await desk.import_path(desk.folder / "calls.xlsx", CALLS.replace("columns:", "sheet: Call\ncolumns:", 1))


async def test_the_first_sheet_is_read_unless_another_is_named(desk: Desk) -> None:
    workbook(desk.folder / "calls.xlsx", ROWS)
    with pytest.raises(MappingRefused, match="has no column 'Call Id'; there are: nothing here"):
        await desk.import_path(desk.folder / "calls.xlsx", CALLS)


@pytest.mark.parametrize("header", [[], [None, None], ["Call Id", "Agent", "Agent"]])
async def test_a_sheet_without_a_header_of_different_names_is_told(desk: Desk, header: list[Any]) -> None:
    workbook(desk.folder / "calls.xlsx", [], header)
    with pytest.raises(MeritError, match=r"no header in the first row|two columns called 'Agent'"):
        await desk.import_path(desk.folder / "calls.xlsx", CALLS.replace("columns:", "sheet: Calls\ncolumns:", 1))


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("calls.xlsx", b"Call Id,Agent\n", "is no Excel workbook"),
        ("calls.parquet", b"Call Id,Agent\n", "is no whole Parquet file"),
        ("calls.parquet", b"PAR1" + bytes(40) + b"PAR1", "is no whole Parquet file"),
        ("calls.parquet", b"", "is no whole Parquet file"),
    ],
)
async def test_a_file_that_is_not_what_its_name_says_is_told(desk: Desk, name: str, content: bytes, says: str) -> None:
    (desk.folder / name).write_bytes(content)
    with pytest.raises(MeritError, match=says):
        await desk.import_path(desk.folder / name, CALLS)


@pytest.mark.parametrize("name", ["none.csv", "none.xlsx", "none.parquet"])
async def test_a_file_that_is_not_there_is_told(desk: Desk, name: str) -> None:
    with pytest.raises(MeritError, match="cannot be read"):
        await desk.import_path(desk.folder / name, CALLS)


async def test_days_and_numbers_as_other_exports_write_them(desk: Desk) -> None:
    text = """
source: /calls
columns:
  Id: text
  Day: {type: date, format: ["%d.%m.%Y", "%m/%d/%y"]}
  Sum: {type: decimal, decimal_mark: ",", thousands_mark: "."}
  Kind: {map: {n: {share: "0.5"}, y: {share: "1"}}, default: {share: "1"}}
  Rep: {clean: [spaces, upper], aliases: {ANN POE: "7"}}
outputs:
  - event: crm.order.placed.v1
    key: [Id]
    time: ${Day}
    data: {order_id: "${Id}", amount: "${Sum}", currency: EUR, credits: [], attributes: {rep: "${Rep}"}}
"""
    rows = 'Id,Day,Sum,Kind,Rep\n1,31.12.2020,"1.234,50",n,ann  poe\n2,12/31/20,7,,bob\n3,2020-12-31,1,y,\n'
    summary = await desk.run(rows, text)

    assert summary.faults == [
        "file.csv, line 4, column 2 (Day): '2020-12-31' is no date written as %d.%m.%Y or %m/%d/%y"
    ]
    one, two = desk.door.of("1")[0], desk.door.of("2")[0]
    assert (one["time"], one["data"]["amount"], one["data"]["attributes"]) == (
        "2020-12-31T00:00:00+00:00", "1234.5", {"rep": "7"}
    )  # fmt: skip
    assert (two["time"], two["data"]["attributes"]) == ("2020-12-31T00:00:00+00:00", {"rep": "BOB"})
