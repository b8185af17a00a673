"""Whose pay a caller may see."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sight:
    """``person`` None sees all; else a person sees their own, and with ``tree`` what is dated while others were
    below them. Nobody's id is empty: who has no person behind their token sees nothing."""

    person: str | None = None
    tree: bool = False
