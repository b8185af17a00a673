"""The client's own record of what it sent and what it was told: written before and after each attempt, and fsynced."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx

from tests.journeys.driver import BATCH, Driver

RETRY_SECONDS = 0.2
PATIENCE_SECONDS = 90.0
UNSURE = (429, 500, 502, 503, 504)
Outcome = Literal["ok", "failed", "unknown"]
Event = dict[str, Any]


FAULTY = "faulty-"
"""How the ids of those events begin that must be kept in quarantine."""


@dataclass
class Client:
    """Sends batches one after the other, each until it is answered for good; the order sent is that of ``sent``, and
    what nothing may follow from is in ``faulty``."""

    driver: Driver
    path: Path
    sent: list[Event] = field(default_factory=list)
    faulty: list[Event] = field(default_factory=list)
    answered: list[dict[str, Any]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    async def send_all(self, batches: Sequence[Sequence[Event]], pause: float = 0.0) -> None:
        """Send them in order."""
        for batch in batches:
            await self.send(batch)
            await asyncio.sleep(pause)

    async def send(self, batch: Sequence[Event]) -> None:
        """Send one batch until it is answered; what is unknown is sent again."""
        self.sent += [event for event in batch if not event["id"].startswith(FAULTY)]
        self.faulty += [event for event in batch if event["id"].startswith(FAULTY)]
        self._write({"sending": [event["id"] for event in batch]})
        deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while (outcome := await self._attempt(batch)) == "unknown":
            assert asyncio.get_running_loop().time() < deadline, "the client gave up"
            await asyncio.sleep(RETRY_SECONDS)
        assert outcome == "ok", f"refused: {self.statuses[-1]}"

    async def _attempt(self, batch: Sequence[Event]) -> Outcome:
        client = await self.driver.as_role("integration")
        try:
            answer = await client.post("/v1/events", json=list(batch), headers={"content-type": BATCH})
        except httpx.TransportError as error:
            self._write({"outcome": "unknown", "error": repr(error)})
            return "unknown"
        self.statuses.append(answer.status_code)
        if answer.status_code == 202:
            body = answer.json()
            self.driver.reached(body["position"])
            found = [{"event": e, **r} for e, r in zip(batch, body["results"], strict=True)]
            self.answered += found
            self._write({"outcome": "ok", "results": [r["outcome"] for r in found]})
            return "ok"
        outcome: Outcome = "unknown" if answer.status_code in UNSURE else "failed"
        self._write({"outcome": outcome, "status": answer.status_code})
        return outcome

    def _write(self, line: dict[str, Any]) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())
