"""All that Merit must answer, as flat tables, and what differs between an answer and the truth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from tests.oracle import history, incentives, kpis, numbers
from tests.oracle.adventureworks import Company
from tests.oracle.directory import Directory
from tests.oracle.history import Book
from tests.oracle.incentives import Component, Line, Parameters
from tests.oracle.kpis import Facts
from tests.oracle.periods import Window

Cell = tuple[str, Window]
"""A subject and a window."""
Earning = tuple[str, str, str, Window]
"""A payee, a plan, a component and a window."""


@dataclass(frozen=True)
class Truth:
    """What the oracle made of a company."""

    company: Company
    book: Book
    facts: Mapping[tuple[str, str], Facts]
    lines: list[Line]

    def value(self, kpi: str, kind: str, cell: Cell, grain: str | None) -> str | None:
        """The KPI of any subject and window; of a subject without facts, too."""
        return kpis.value(kpi, self.facts.get((kind, cell[0]), Facts()), cell[1], grain)

    def expected(self, kpi: str, kind: str, windows: list[Window], grain: str | None) -> dict[Cell, str | None]:
        """What an answer for all subjects must list: every window of each subject that has something in one of them."""
        subjects = [
            subject
            for (of_kind, subject), facts in self.facts.items()
            if of_kind == kind and any(facts.concerns(kpi, window) for window in windows)
        ]
        return {(s, w): self.value(kpi, kind, (s, w), grain) for s in subjects for w in windows}

    def differences(
        self, kpi: str, kind: str, windows: list[Window], grain: str | None, answered: Mapping[Cell, str | None]
    ) -> list[str]:
        """What is missing in the answer or wrong; nothing when it is true. It may list subjects that have nothing."""
        expected = self.expected(kpi, kind, windows, grain)
        for cell in answered.keys() - expected.keys():
            expected[cell] = self.value(kpi, kind, cell, grain)
        return [f"{kpi} of {kind} {told}" for told in different(expected, answered)]

    def earnings(self) -> dict[Earning, str]:
        """The net of each payee, plan, component and window in which it is not zero."""
        return {key: numbers.cents(amount) for key, amount in incentives.nets(self.lines).items()}

    def earned_by_order(self) -> dict[tuple[Earning, str | None], Fraction]:
        """The lines, summed per order; ``None`` is the award of a window as a whole."""
        sums: dict[tuple[Earning, str | None], Fraction] = {}
        for line in self.lines:
            key = (line.payee, line.plan, line.component, line.window), line.order_id
            sums[key] = sums.get(key, Fraction(0)) + line.amount
        return {key: amount for key, amount in sums.items() if amount}


def truth(company: Company, components: Iterable[Component]) -> Truth:
    """Work everything out from scratch."""
    book = history.read(company.events, company.zone)
    parameters = Parameters(company.parameters)
    return Truth(
        company=company,
        book=book,
        facts=kpis.collect(book, Directory(company.memberships)),
        lines=incentives.lines(book, company.targets, parameters, components),
    )


def different(expected: Mapping[Any, object], answered: Mapping[Any, object]) -> list[str]:
    """A sentence for each key whose values differ, or that only one side has."""
    nothing = "nothing"
    return [
        f"{key}: should be {expected.get(key, nothing)}, is {answered.get(key, nothing)}"
        for key in sorted(expected.keys() | answered.keys(), key=str)
        if expected.get(key, nothing) != answered.get(key, nothing)
    ]
