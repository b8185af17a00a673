"""A report's result as a table for people: columns with labels and units, and cells that no program can run."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from services.kpi.domain.definitions import Compare, Definition, Label, Published
from services.kpi.domain.periods import Window
from services.kpi.domain.reports import Report
from services.kpi.domain.values import (
    COMPARED_WITH_ZERO,
    NO_FACTS,
    NO_PRIOR,
    NOT_BEGUN,
    NOTHING_TO_DIVIDE_BY,
    Value,
    change,
)

Language = Literal["en", "zh"]
Form = Literal["text", "day", "money", "part", "number"]
Cell = str | dt.date | None
"""A number is text, exact; the column's form says that it is one."""
Pair = tuple[Value | None, Value | None]
"""A value and what it is compared with."""
NOTHING = Value(None, None, null_reason=NO_FACTS)
"""Stands where a KPI has no fact of a line's group."""
_RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_WORDS: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "rep": "Rep",
        "team": "Team",
        "manager": "Manager",
        "territory": "Territory",
        "rep_territory": "Territory of the rep",
        "company": "Company",
        "period": "Period",
        "from": "From",
        "to": "Until before",
        "days": "days",
        "duration": "seconds",
        "percent": "1 = 100 %",
        "previous_period": "period before",
        "previous_year": "year before",
        "change": "change",
        "relative": "relative change, 1 = 100 %",
        "empty": "Why empty",
        "as_of": "As of",
        "versions": "Definitions",
        "until": "Counted until the end of",
        "definition": "Definition",
        "version": "version",
    },
    "zh": {
        "rep": "销售代表",
        "team": "团队",
        "manager": "经理",
        "territory": "区域",
        "rep_territory": "代表所属区域",
        "company": "公司",
        "period": "期间",
        "from": "起始日",
        "to": "截止日（不含）",
        "days": "天",
        "duration": "秒",
        "percent": "1 = 100 %",
        "previous_period": "上期",
        "previous_year": "上年同期",
        "change": "变化",
        "relative": "相对变化，1 = 100 %",
        "empty": "空值原因",
        "as_of": "数据截至",
        "versions": "指标定义版本",
        "until": "统计截至当日结束",
        "definition": "指标定义",
        "version": "版本",
    },
}
_REASONS: Mapping[Language, Mapping[str, str]] = {
    "en": {},
    "zh": {
        NO_FACTS: "没有数据",
        NOT_BEGUN: "期间尚未开始",
        NOTHING_TO_DIVIDE_BY: "分母为零",
        NO_PRIOR: "上期为零",
        COMPARED_WITH_ZERO: "对比值为零",
    },
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column's title in the asked language, with its unit, and what its cells are."""

    title: str
    form: Form


def columns(report: Report, kpis: Sequence[Published], language: Language, currency: str) -> list[Column]:
    """Subject, period and its days, the groups; the KPIs, beside each what it is compared with; and what says how
    to read the line: why values are empty, until when events are counted, versions of definitions."""
    words = _WORDS[language]
    found = [Column(words[report.subject_kind], "text"), Column(words["period"], "text")]
    found += [Column(words["from"], "day"), Column(words["to"], "day")]
    found += [Column(neutral(name), "text") for name in report.group_by]
    for name, definition in zip(names(kpis, language), (k.definition for k in kpis), strict=True):
        found += _of_kpi(name, definition, report.compare, words, currency)
    return [*found, *(Column(words[name], "text") for name in ("empty", "as_of", "versions"))]


def cells(report: Report, place: tuple[str, Window, Sequence[str | None]], found: Sequence[Pair]) -> list[Cell]:
    """The cells of a line but its last two; ``found`` has a value and what it is compared with per KPI."""
    subject, window, group = place
    told: list[Cell] = [neutral(subject), window.name, window.start, window.end, *(v and neutral(v) for v in group)]
    for value, before in found:
        told.append(value.text if value else None)
        if report.compare:
            moved = change(value or NOTHING, before)
            told += [before.text if before else None, moved.change, moved.relative]
    return told


def why_empty(report: Report, titles: Sequence[str], found: Sequence[Pair], language: Language) -> str | None:
    """Why values of a line are empty, or what is said of what they are compared with, each with its KPI; None where
    none is."""
    told = []
    for title, (value, before) in zip(titles, found, strict=True):
        now = value or NOTHING
        told.append((title, now.null_reason))
        if report.compare and before and (now.text is not None or before.text is None):
            told.append((_titled(title, _WORDS[language][report.compare]), change(now, before).null_reason))
    said = [f"{title}: {_REASONS[language].get(reason, reason)}" for title, reason in told if reason]
    return neutral("; ".join(said)) or None


def about(
    report: Report,
    kpis: Sequence[Published],
    used: Sequence[Sequence[int]],
    as_of: dt.datetime | None,
    until: dt.date,
    language: Language,
) -> list[tuple[str, str]]:
    """What a sheet beside the table says: the report's label, until when it counts, and the versions of each KPI that
    are ``used``."""
    words = _WORDS[language]
    told = [(neutral(in_language(report.label, language)), "")]
    told += [(words["until"], until.isoformat()), (words["as_of"], as_of.isoformat() if as_of else "")]
    versions = [
        f"{k.definition.key}, {words['version']} {', '.join(map(str, some))}"
        for k, some in zip(kpis, used, strict=True)
    ]
    return [*told, *((f"{words['definition']}: {t}", v) for t, v in zip(names(kpis, language), versions, strict=True))]


def names(kpis: Sequence[Published], language: Language) -> list[str]:
    """The KPIs' labels in a language, the English one where there is none; with the key where two are called alike."""
    labels = [in_language(k.definition.label, language) for k in kpis]
    keys = [k.definition.key for k in kpis]
    told = [f"{t} [{key}]" if labels.count(t) > 1 else t for t, key in zip(labels, keys, strict=True)]
    return [neutral(t) for t in told]


def in_language(label: Label, language: Language) -> str:
    """The label in a language, or in the one that there is."""
    return label.get(language) or next(iter(label.values()))


def neutral(text: str) -> str:
    """A text that no spreadsheet takes for a formula: one that begins like one gets an apostrophe before it."""
    return f"'{text}" if text.startswith(_RISKY) else text


def _of_kpi(
    name: str, definition: Definition, compare: Compare | None, words: Mapping[str, str], currency: str
) -> list[Column]:
    unit = currency if definition.unit == "money" else words.get(definition.unit)
    form: Form = {"money": "money", "percent": "part"}.get(definition.unit, "number")  # type: ignore[assignment]
    found = [Column(_titled(name, unit), form)]
    if compare:
        found.append(Column(_titled(name, words[compare], unit), form))
        found.append(Column(_titled(name, words["change"], unit), form))
        found.append(Column(_titled(name, words["relative"]), "part"))
    return found


def _titled(name: str, *said: str | None) -> str:
    told = ", ".join(s for s in said if s)
    return f"{name} ({told})" if told else name
