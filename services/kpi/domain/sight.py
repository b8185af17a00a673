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

    def whole(self, kind: str, subject: str) -> bool:
        """Whether the caller sees all of a subject's facts: anyone's, their own, those of the tree they manage."""
        if self.own is not None:
            return (kind, subject) == ("rep", self.own)
        return self.tree is None or (kind in ("rep", "manager") and subject == self.tree)


ALL = Sight()
