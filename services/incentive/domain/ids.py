"""Ids derived from what they name, so that nothing can be awarded twice, whoever computes it and when."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence

_write = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def derived(kind: str, *parts: str | int | None) -> str:
    """32 hex digits that only these parts give."""
    text = _write([kind, *parts])
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def is_derived(text: str) -> bool:
    """Whether it has the shape of a derived id."""
    return re.fullmatch("[0-9a-f]{32}", text) is not None


def line_id(
    plan: str, component: str, payee_id: str, window: Sequence[str], currency: str, credit: Sequence[str]
) -> str:
    """A credit's line, or (``credit`` empty) the award of a window. A plan's version is no part of it."""
    return derived("line", plan, component, payee_id, *window, currency, *credit)


def entry_id(line: str, sequence: int) -> str:
    """The ``sequence``-th ledger entry of a line, from 1."""
    return derived("entry", line, sequence)


def target_id(kpi: str, subject_kind: str, subject: str, valid_from: str, valid_to: str) -> str:
    """A target by its natural key."""
    return derived("target", kpi, subject_kind, subject, valid_from, valid_to)
