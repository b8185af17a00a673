"""How far a caller sees; it goes into every query."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sight:
    """What a caller may see: everything, one person's own facts, or those dated in one manager's tree."""

    own: str | None = None
    tree: str | None = None

    @property
    def everything(self) -> bool:
        return self.own is None and self.tree is None


ALL = Sight()
