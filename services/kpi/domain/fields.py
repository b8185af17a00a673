"""What a definition may name of a fact: its fields with their types and units, a company's own fields among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.kpi.domain.fact_kinds import FactKind, FieldType
from services.kpi.domain.units import ANY, Unit

ATTRIBUTE = "attributes."
_UNITS: Mapping[str, Unit] = {
    **dict.fromkeys(("amount", "gross_amount", "refund_amount", "cost", "discount", "margin"), "money"),
    **dict.fromkeys(("first_response_seconds", "resolution_seconds", "cycle_seconds"), "duration"),
    **dict.fromkeys(("score", "scale_max"), "score"),
    "cycle_days": "days",
    "quantity": "count",
}
"""What the decimals of our own facts are measured in; a decimal that a company declared may be anything."""


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one kind of fact. ``custom``: the declared types of attributes; an undeclared one is text."""

    kind: FactKind
    custom: Mapping[str, FieldType] = field(default_factory=dict)

    def type(self, name: str | None) -> FieldType | None:
        """A field's type; None when the fact has none of that name."""
        if is_attribute(name):
            return self.custom.get(str(name).removeprefix(ATTRIBUTE), "text")
        return self.kind.fields.get(name or "")

    def hint(self, name: str | None) -> str:
        """What to add to a fault about a field's type: why it may be another one than was meant; else nothing."""
        if is_attribute(name) and str(name).removeprefix(ATTRIBUTE) not in self.custom:
            return "; it is not declared, and so a text (what was declared just now is known here in a moment)"
        return ""

    def units(self, name: str) -> frozenset[Unit]:
        """What a decimal field may be said to be measured in."""
        return frozenset({_UNITS[name]}) if name in _UNITS else ANY

    def anchor(self, name: str) -> bool:
        """Whether a date of this name can put a fact into a period: the kind's own anchors, and declared dates."""
        return name in self.kind.anchors or (is_attribute(name) and self.type(name) == "date")


def is_attribute(name: str | None) -> bool:
    """Whether a field is one of the company's own, ``attributes.NAME``."""
    return name is not None and name.startswith(ATTRIBUTE) and len(name) > len(ATTRIBUTE)
