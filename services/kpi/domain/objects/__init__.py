"""The registry of business objects: which event speaks of which kind, and how each kind becomes facts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.kpi.domain.objects import cases, credit_notes, followups, opportunities, orders, surveys
from services.kpi.domain.objects.object_kind import ObjectKind

_KINDS: tuple[ObjectKind[Any], ...] = (
    orders.KIND,
    credit_notes.KIND,
    opportunities.KIND,
    cases.KIND,
    surveys.KIND,
    followups.KIND,
)
OBJECT_KINDS: Mapping[str, ObjectKind[Any]] = {kind.name: kind for kind in _KINDS}
"""Every kind of business object, by name."""
OF_EVENT: Mapping[str, ObjectKind[Any]] = {type_: kind for kind in _KINDS for type_ in kind.events}
"""The kind of object that an event type speaks of."""
