"""A report as data: KPIs of some subjects over windows, split up, narrowed and compared; and what is wrong with one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Annotated, Any

from msgspec import Meta

from contracts.kpi import SubjectKind
from services.kpi.domain.conditions import Condition, Fault
from services.kpi.domain.definitions import BadDefinition, Compare, Key, Label, Shape, shaped
from services.kpi.domain.errors import BadQuestion
from services.kpi.domain.meaning import InForce
from services.kpi.domain.narrowing import GROUP_FIELDS_MAX, check_split, narrowed
from services.kpi.domain.periods import BadPeriod
from services.kpi.domain.saved import Audience, CannotWork, Name
from services.kpi.domain.timing import Timing, windows

KPIS_MAX, SUBJECTS_MAX = 20, 200


class Report(Timing, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """KPIs × subjects × windows. Without ``subjects``: all of the kind that the reader sees and that have a fact."""

    label: Label
    kpis: Annotated[tuple[Key, ...], Meta(min_length=1, max_length=KPIS_MAX)]
    subject_kind: SubjectKind
    subjects: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=SUBJECTS_MAX)] | None = None
    group_by: Annotated[tuple[Name, ...], Meta(max_length=GROUP_FIELDS_MAX)] = ()
    filter: Condition | None = None
    compare: Compare | None = None
    shown_to: Audience = Audience()


def read(body: Any, shape: type[Shape]) -> Shape:
    """A report or leaderboard from plain data. Raises CannotWork: texts that cannot be kept, or its first fault."""
    return shaped(body, shape, CannotWork)


def check_report(report: Report, known: InForce, today: dt.date) -> None:
    """Raise CannotWork with a pointer per fault: unknown KPIs, fields that their facts lack, windows that are none."""
    faults = [*_once(report), *_timing(report, known, today), *_fields(report, known)]
    if faults:
        raise CannotWork(list(dict.fromkeys(faults)))


def kpi_faults(key: str, pointer: str, where: Condition | None, known: InForce) -> Iterator[Fault]:
    """What is wrong with asking a KPI so, each fault with its place in a report or leaderboard."""
    if key not in known.terms:
        yield Fault(pointer, "unknown-kpi", f"no KPI {key!r} is published")
        return
    try:
        if where is not None:
            narrowed(known.terms[key], where, known.custom)
    except BadDefinition as error:
        for f in error.faults:
            yield Fault(f.pointer, f.code, f"of {key}: {f.detail}")


def _once(report: Report) -> Iterator[Fault]:
    for name in ("kpis", "subjects"):
        said = getattr(report, name) or ()
        for n, value in enumerate(said):
            if value in said[:n]:
                yield Fault(f"/{name}/{n}", "repeated", f"{value!r} stands twice")


def _timing(report: Report, known: InForce, today: dt.date) -> Iterator[Fault]:
    try:
        windows(report, today, known.fiscal_month)
    except BadQuestion as error:
        yield Fault("/grain" if report.grain and "grain" in str(error) else "", "windows", str(error))
    except BadPeriod as error:
        said = "/period" if report.period is not None else "/to"
        yield Fault("/grain" if "whole" in str(error) else said, "period", str(error))


def _fields(report: Report, known: InForce) -> Iterator[Fault]:
    for n, key in enumerate(report.kpis):
        faults = list(kpi_faults(key, f"/kpis/{n}", report.filter, known))
        yield from faults
        if key not in known.terms:
            continue
        try:
            check_split(known.terms[key], report.group_by, known.custom)
        except BadDefinition as error:
            yield from (Fault(f.pointer, f.code, f"of {key}: {f.detail}") for f in error.faults)
