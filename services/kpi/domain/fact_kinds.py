"""The registry of facts: which kinds there are, their fields, the dates that can count, and what makes them.

Tables, the SQL that fills and folds them, definitions and their filters all follow this one description.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

FieldType = Literal["text", "decimal", "boolean", "date", "instant"]

COMMON: Mapping[str, FieldType] = {"rep_id": "text", "customer_id": "text", "territory": "text", "credited": "boolean"}
"""The fields of every fact; ``credited`` says that it has a rep. ``attributes.NAME`` stands beside them."""
KEY_COLUMNS = ("object_id", "entry", "line")
SHARED_COLUMNS = (*KEY_COLUMNS, "rep_id", "customer_id", "territory", "attributes")


@dataclass(frozen=True, slots=True)
class FactKind:
    """One kind of fact. A row is one credit of one entry of a business object; ``line`` numbers the credits.

    ``objects``: the kinds of business object whose histories make such facts. An entry whose ``entry_kind`` names
    one of them is of that one, any other is of the first.
    ``object_field``: the field that shows the object's id (column ``object_id``). ``own``: the other columns of the
    kind with their types. ``anchors``: which dates can put a fact into a period, and the column of local days of each;
    the first is the default. ``member_day``: the column whose day decides for whom the fact counts; None = the
    anchor's. ``split``: decimals that are each credit's part of the whole, so that members sum to the team; any other
    field repeats in every row of an (object, entry), and a subject must take it once.
    ``counted``: only rows of this ``entry_kind`` are things to count, the others only add to sums; ``counted_by``: the
    columns that tell two such things apart.
    ``money``: the amounts, kept in the reporting currency by the rate of the day in the first of the columns
    ``valued_on`` that has one (domain.exchange); ``currency`` is the one in which they were told.
    """

    name: str
    table: str
    objects: tuple[str, ...]
    object_field: str
    own: Mapping[str, FieldType]
    anchors: Mapping[str, str]
    member_day: str | None = None
    split: frozenset[str] = frozenset()
    counted: str | None = None
    counted_by: tuple[str, ...] = ("object_id",)
    several_credits: bool = False
    money: frozenset[str] = frozenset()
    valued_on: tuple[str, ...] = ()

    @property
    def fields(self) -> dict[str, FieldType]:
        """What a definition may name, with its type."""
        days: dict[str, FieldType] = {a: "date" for a in self.anchors if a not in self.own}
        return {self.object_field: "text", **self.own, **COMMON, **days}

    @property
    def day_columns(self) -> tuple[str, ...]:
        """The columns of local days, each once."""
        days = (*self.anchors.values(), *([self.member_day] if self.member_day else []))
        return tuple(dict.fromkeys(days))

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column but ``partition``, in the order of the kind's row in ``domain.facts``."""
        return (*SHARED_COLUMNS, *self.own, *self.day_columns)

    def column(self, field: str) -> str:
        """The column of a field, other than ``credited`` and attributes, which have none."""
        return "object_id" if field == self.object_field else field


_ORDER_OBJECTS = ("order", "credit_note")
_DAY = {"day": "day"}
_ORDER_AMOUNTS = frozenset({"amount", "gross_amount", "refund_amount"})
_LINE_AMOUNTS = frozenset({"amount", "cost", "discount", "margin"})

_KINDS = (
    FactKind(
        name="order",
        table="order_fact",
        objects=_ORDER_OBJECTS,
        object_field="order_id",
        own={
            "entry_kind": "text",  # order, refund, credit_note: the latter two have negative amounts
            "amount": "decimal",
            "gross_amount": "decimal",  # of order rows
            "refund_amount": "decimal",  # of refund rows, positive
            "currency": "text",
            "opportunity_id": "text",
        },
        anchors=_DAY,
        member_day="order_day",
        split=_ORDER_AMOUNTS,
        counted="order",
        several_credits=True,
        money=_ORDER_AMOUNTS,
        valued_on=("order_day",),
    ),
    FactKind(
        name="order_line",
        table="order_line_fact",
        objects=_ORDER_OBJECTS,
        object_field="order_id",
        own={
            "entry_kind": "text",  # as of order
            "product": "text",
            "category": "text",
            "quantity": "decimal",
            "amount": "decimal",
            "cost": "decimal",
            "discount": "decimal",
            "margin": "decimal",  # amount less cost
            "currency": "text",
        },
        anchors=_DAY,
        member_day="order_day",
        split=_LINE_AMOUNTS | {"quantity"},
        counted="order",
        counted_by=("object_id", "entry"),
        several_credits=True,
        money=_LINE_AMOUNTS,
        valued_on=("order_day",),
    ),
    FactKind(
        name="opportunity",
        table="opportunity_fact",
        objects=("opportunity",),
        object_field="opportunity_id",
        own={
            "status": "text",  # open, won, lost
            "stage": "text",
            "product": "text",
            "amount": "decimal",
            "currency": "text",
            "opened_at": "instant",
            "won_at": "instant",
            "lost_at": "instant",
            "closed_at": "instant",
            "cycle_days": "decimal",  # difference of local days, opened to won
            "cycle_seconds": "decimal",
        },
        anchors={
            "opened_at": "opened_day",
            "won_at": "won_day",
            "lost_at": "lost_day",
            "closed_at": "closed_day",
        },
        money=frozenset({"amount"}),
        valued_on=("closed_day", "opened_day"),
    ),
    FactKind(
        name="payment",
        table="payment_fact",
        objects=("order",),
        object_field="order_id",
        own={
            "entry_kind": "text",  # payment, reversal: the latter has a negative amount
            "payment_id": "text",
            "invoice_id": "text",
            "amount": "decimal",
            "currency": "text",
        },
        anchors=_DAY,
        member_day="order_day",
        split=frozenset({"amount"}),
        counted="payment",
        counted_by=("object_id", "entry"),
        several_credits=True,
        money=frozenset({"amount"}),
        valued_on=("day",),
    ),
    FactKind(
        name="case",
        table="case_fact",
        objects=("case",),
        object_field="case_id",
        own={
            "status": "text",  # open, responded, resolved
            "category": "text",
            "opened_at": "instant",
            "responded_at": "instant",
            "resolved_at": "instant",
            "first_response_seconds": "decimal",
            "resolution_seconds": "decimal",
        },
        anchors={"opened_at": "opened_day", "responded_at": "responded_day", "resolved_at": "resolved_day"},
    ),
    FactKind(
        name="survey",
        table="survey_fact",
        objects=("survey",),
        object_field="survey_id",
        own={
            "score": "decimal",
            "scale_max": "decimal",
            "satisfied": "boolean",  # at or above the scale's threshold; null for a scale without one
            "order_id": "text",
            "case_id": "text",
        },
        anchors=_DAY,
        several_credits=True,
    ),
    FactKind(
        name="followup",
        table="followup_fact",
        objects=("followup",),
        object_field="followup_id",
        own={
            "status": "text",  # scheduled, completed, cancelled
            "outcome": "text",
            "due_at": "instant",
            "completed_at": "instant",
            "scheduled_at": "instant",
        },
        anchors={"due_at": "due_day", "completed_at": "completed_day"},
    ),
)
FACT_KINDS: Mapping[str, FactKind] = {kind.name: kind for kind in _KINDS}
"""Every kind of fact, by the name that a definition's ``over`` says."""
MAIN_FACT: Mapping[str, FactKind] = {o: kind for kind in reversed(_KINDS) for o in kind.objects}
"""The kind of fact that every standing object of a kind has: it says for whom the object counts."""
