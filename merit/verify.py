"""The promises of a live system, checked and told line by line."""

from __future__ import annotations

from dataclasses import dataclass

from merit.api import Api

CHECKS = ("events", "kpis", "ledger", "awards")
ROLE = "auditor"


@dataclass(frozen=True)
class Check:
    """One promise: whether it holds, how many things were looked at, and what was found."""

    name: str
    ok: bool
    examined: int
    detail: str

    def __str__(self) -> str:
        found = f": {self.detail}" if self.detail else ""
        return f"{'ok    ' if self.ok else 'FAILED'} {self.name} ({self.examined} examined){found}"


async def verify(api: Api) -> list[Check]:
    """Ask each service to check its promises on what it holds now. Raises MeritError when one does not answer."""
    found: list[Check] = []
    for part in CHECKS:
        for line in await api.get(ROLE, f"/v1/verification/{part}"):
            found.append(Check(str(line["check"]), bool(line["ok"]), int(line["examined"]), str(line["detail"])))
    return found
