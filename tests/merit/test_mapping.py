"""Each fault of a mapping is told with its line and column, and all of them at once."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from merit import samples
from merit.home import MeritError
from merit.importing import mapping
from merit.importing.cells import CLEANINGS, BadCell
from merit.importing.columns import Column
from merit.importing.functions import NAMES
from merit.importing.kinds import COLUMN_KINDS
from merit.importing.mapping import JOIN_KEYS, STEP_KEYS, TOP_KEYS
from merit.importing.mapping_columns import COLUMN_KEYS
from merit.importing.mapping_outputs import EVENT_KEYS, ITEM_KEYS, RESOURCES
from merit.importing.places import MappingRefused
from tests.merit.conftest import ORDERS, Desk


def faults(desk: Desk, text: str) -> list[tuple[int, int, str]]:
    with pytest.raises(MappingRefused) as caught:
        desk.mapping(text)
    return [tuple(fault) for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("before", "after", "place", "says"),
    [
        ("Sum: {type: decimal, required: true}", "Sum: {type: money}", (7, 15), "'money' is no type"),
        ("columns:", "colums:", (3, 1), "unknown key 'colums'; did you mean 'columns'?"),
        ("amount: ${Sum}", "amount: ${Summe}", (15, 15), "no column 'Summe' here; did you mean 'Sum'?"),
        ("amount: ${Sum}", "amont: ${Sum}", (15, 7), "unknown key 'amont'; did you mean 'amount'?"),
        ("crm.order.placed.v1", "crm.order.place.v1", (9, 12), "'crm.order.place.v1' is no event type"),
        ("key: [Id]", "key: [Nr]", (11, 11), "there is no column 'Nr'"),
        ("time: ${Day}", "time: ${Sum}", (12, 11), "'time' is ${...} of a date or a datetime"),
        ("source: /shop\n", "\n", (9, 5), "events need a 'source'"),
        ("Rep: text", "Id: text", (6, 3), "'Id' stands here twice"),
        ("Rep: text", "Rep: {type: text, format: x}", (6, 21), "'format' is for columns of type date or datetime"),
        ("currency: USD", "currency: USD\n      colour: red", (17, 7), "unknown key 'colour'"),
        ("when: Rep", "when: Repp", (18, 18), "there is no column 'Repp' here; did you mean 'Rep'?"),
        ("      order_id: ${Id}\n", "", (14, 7), "'order_id' is missing here"),
    ],
)  # fmt: skip
def test_each_fault_of_a_mapping_has_its_place(
    desk: Desk, before: str, after: str, place: tuple[int, int], says: str
) -> None:
    assert before in ORDERS
    found = faults(desk, ORDERS.replace(before, after, 1))

    assert any((line, column) == place and says in text for line, column, text in found), found


def test_all_faults_are_told_at_once(desk: Desk) -> None:
    found = faults(desk, ORDERS.replace("decimal", "money").replace("date", "day").replace("key: [Id]", "key: [Nr]"))

    assert {line for line, _, _ in found} >= {5, 7, 11}


@pytest.mark.parametrize("text", ["", "- a\n", "columns: {a: [}\n", "columns: \x00"])
def test_what_is_no_mapping_is_refused(desk: Desk, text: str) -> None:
    assert faults(desk, text)


def test_the_shipped_mappings_have_no_fault(desk: Desk) -> None:
    with samples.folder(samples.ADVENTUREWORKS) as folder:
        for _, name in samples.ADVENTUREWORKS.steps:
            assert mapping.load(folder / name).steps


@pytest.mark.parametrize("name", samples.mapping_names())
def test_the_mappings_for_exports_of_others_have_no_fault(name: str) -> None:
    with samples.mapping(name) as path:
        found = mapping.load(path)
    assert all(step.outputs for step in found.steps)


def test_there_is_a_mapping_for_each_of_them() -> None:
    assert samples.mapping_names() == [
        "bpic2012", "callcenter_csat", "maven_crm", "northwind", "olist", "online_retail", "superstore"
    ]  # fmt: skip


def test_no_path_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(MeritError, match="cannot be read"):
        mapping.load(tmp_path / "none.yaml")


GERMAN = Column("Net", ("Net",), "decimal", decimal_mark=",", thousands_mark=".")
ENGLISH = Column("Net", ("Net",), "decimal", thousands_mark=",")
COUNT = Column("Pieces", ("Pieces",), "integer", thousands_mark=".")


@pytest.mark.parametrize(
    ("column", "cell", "value"),
    [
        (GERMAN, "1.234,50", Decimal("1234.5")),
        (GERMAN, "1234,50", Decimal("1234.5")),
        (GERMAN, "-12.345.678,9", Decimal("-12345678.9")),
        (GERMAN, "0,123", Decimal("0.123")),
        (ENGLISH, "1,234.50", Decimal("1234.5")),
        (COUNT, "+1.234", 1234),
    ],
)
def test_a_thousands_mark_stands_between_groups_of_three(column: Column, cell: str, value: object) -> None:
    assert column.reader(ZoneInfo("UTC"))(cell) == value


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        *((GERMAN, cell) for cell in ("12.34", "1.2.3,00", "1234.567", "1.2345", ".123", "0.123", "1,234.567")),
        (ENGLISH, "1234,50"),
        (COUNT, "12.34"),
    ],
)
def test_a_thousands_mark_anywhere_else_is_refused(column: Column, cell: str) -> None:
    with pytest.raises(BadCell, match="may only stand before groups of three digits"):
        column.reader(ZoneInfo("UTC"))(cell)


def test_the_mapping_of_the_page_about_mappings_has_no_fault(desk: Desk) -> None:
    page = (Path(__file__).parents[2] / "docs" / "mappings.md").read_text(encoding="utf-8")
    found = desk.mapping(page.partition("```yaml\n")[2].partition("```")[0])

    assert [step.file for step in found.steps] == ["staff.csv", "lines.csv"]


def test_the_page_about_mappings_names_every_word() -> None:
    page = (Path(__file__).parents[2] / "docs" / "mappings.md").read_text(encoding="utf-8")
    words = {*COLUMN_KEYS, *COLUMN_KINDS, *STEP_KEYS, *JOIN_KEYS, *TOP_KEYS, *EVENT_KEYS, *ITEM_KEYS, *RESOURCES}
    words |= {f"{name}(" for name in NAMES} | {*CLEANINGS, "compute", "each"}
    assert [word for word in sorted(words) if f"`{word}" not in page and f"{word}:" not in page] == []


def test_the_mapping_of_the_readme_has_no_fault(desk: Desk) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    found = desk.mapping(readme.partition("```yaml\n")[2].partition("```")[0])

    assert found.steps[0].reading.delimiter == ";"
