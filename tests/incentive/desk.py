"""Words for the tests of pay: plans as people write them, credits in one line, and what they come to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from services.incentive.domain.facts import Account, Cause, Credit, Parameter, Payee, Target
from services.incentive.domain.plan_reading import read_plan
from services.incentive.domain.plans import Plan
from services.incentive.domain.settlement import lines
from services.incentive.domain.traces import replay
from services.incentive.domain.walk import Line
from services.incentive.domain.windows import ALWAYS, Days

Document = dict[str, Any]
YEAR = Days(dt.date(2026, 1, 1), dt.date(2027, 1, 1))
WORDS = {"basis": "amount", "anchor": "booked", "reversal": "re_rate", "round": "cumulative"}


@dataclass
class Desk:
    """Writes plans and credits for one payee, and says what they earn."""

    targets: list[Target] = field(default_factory=list)
    parameters: list[Parameter] = field(default_factory=list)
    payee: Payee = field(default_factory=lambda: Payee("ann", frozenset({"rep"})))

    def component(self, key: str = "c", kind: str = "commission", **more: object) -> Document:
        """A component over the calendar year with every word that is always the same."""
        words = WORDS if kind != "bonus" else {k: v for k, v in WORDS.items() if k != "basis"}
        return {"key": key, "kind": kind, "window": {"calendar": "year"}, **words, **more}

    def document(self, *components: Document, **more: object) -> Document:
        plan = {"valid_from": "2020-01-01", "assigned_to": {"everyone": True}, "components": list(components)}
        return {**plan, **more}

    def plan(self, *components: Document, version: int = 1, **more: object) -> Plan:
        return read_plan("p", version, self.document(*components, **more))

    def credit(self, amount: object, day: str = "2026-03-05", order: str = "", **more: Any) -> Credit:
        name = order or f"o{day}-{amount}"
        exact = Fraction(str(amount))
        words: dict[str, Any] = {"gross": exact, "overlay": False, "cancelled": False, "currency": "USD"} | more
        causes = (Cause("crm", f"placed-{name}"),)
        credit_id = words.pop("credit_id", self.payee.payee_id)
        anchor = dt.date.fromisoformat(day)
        return Credit(name, credit_id, self.payee.payee_id, anchor, amount=exact, causes=causes, **words)

    def credits(self, amounts: Sequence[object]) -> list[Credit]:
        """Credits on the days of March 2026, in this order."""
        return [self.credit(a, f"2026-03-{i + 1:02}", f"o{i + 1:02}") for i, a in enumerate(amounts)]

    def target(self, value: object, window: Days = YEAR, kpi: str = "sales_amount", currency: str = "USD") -> None:
        self.targets.append(Target(f"t{len(self.targets)}", kpi, window, currency, Fraction(str(value)), 1))

    def parameter(self, name: str, value: str, since: str = "2020-01-01", until: str | None = None) -> None:
        end = dt.date.fromisoformat(until) if until else None
        self.parameters.append(Parameter(name, Fraction(value), dt.date.fromisoformat(since), end, 1))

    @property
    def account(self) -> Account:
        return Account(self.payee, tuple(self.targets), tuple(self.parameters))

    def lines(self, plans: Plan | Sequence[Plan], credits: Sequence[Credit], touched: Days = ALWAYS) -> list[Line]:
        """The lines; each one's trace has been replayed."""
        found = lines(self.account, [plans] if isinstance(plans, Plan) else plans, credits, touched)
        assert [replay(line.trace) for line in found] == [line.amount_minor for line in found]
        return found
