"""What the tests of the single-machine product share: an import against a door that remembers what it was sent."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from merit.importing import mapping
from merit.importing.door import Door
from merit.importing.run import Import, Summary

ORDERS = """
source: /shop
columns:
  Id: {type: text, required: true}
  Day: {type: date, required: true}
  Rep: text
  Sum: {type: decimal, required: true}
outputs:
  - event: crm.order.placed.v1
    amend: crm.order.amended.v1
    key: [Id]
    time: ${Day}
    data:
      order_id: ${Id}
      amount: ${Sum}
      currency: USD
      credits:
        - {when: Rep, rep_id: "${Rep}", share: "1"}
"""


@dataclass
class RememberingDoor:
    """Answers as Merit's API does: an event that it knows is a duplicate; what ``quarantine`` names is kept aside."""

    events: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    items: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    quarantine: Callable[[dict[str, Any]], bool] = lambda event: False
    refuse_item: Callable[[dict[str, Any]], bool] = lambda item: False
    busy: int = 0
    """How many requests are answered 503 before the next one is taken."""
    requests: int = 0

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/livez":
            return httpx.Response(200)
        self.requests += 1
        if self.busy:
            self.busy -= 1
            return httpx.Response(503, headers={"Retry-After": "0"})
        body = json.loads(request.content)
        if request.url.path == "/v1/events":
            results = [{"index": i, "outcome": self._take(event)} for i, event in enumerate(body)]
            return httpx.Response(202, json={"position": f"crm-sales.0.{len(self.events)}", "results": results})
        bad = [i for i, item in enumerate(body["items"]) if self.refuse_item(item)]
        if bad:
            errors = [{"pointer": f"/items/{i}/of", "code": "no", "detail": "unknown"} for i in bad]
            return httpx.Response(422, json={"detail": "not valid", "errors": errors})
        self.items.setdefault(request.url.path, []).extend(body["items"])
        return httpx.Response(200, json={"items": [{"outcome": "created"} for _ in body["items"]]})

    def _take(self, event: dict[str, Any]) -> str:
        if self.quarantine(event):
            return "quarantined"
        content = {name: value for name, value in event.items() if name != "importid"}
        known = self.events.setdefault((event["source"], event["id"]), content)
        if known is content:
            return "accepted"
        return "duplicate" if known == content else "conflict"

    def of(self, order: str) -> list[dict[str, Any]]:
        """The events of an order, in the order of their arrival."""
        return [event for event in self.events.values() if event["data"]["order_id"] == order]

    def standing(self, order: str) -> dict[str, Any]:
        """The order's data as it stands: the highest revision."""
        data: dict[str, Any] = max(self.of(order), key=lambda e: e["data"].get("revision", 0))["data"]
        return data


@dataclass
class Desk:
    """A folder with a mapping and a file, imported to a remembering door as often as a test likes."""

    folder: Path
    door: RememberingDoor = field(default_factory=RememberingDoor)
    runs: int = 0

    def mapping(self, text: str) -> mapping.ImportMapping:
        path = self.folder / "mapping.yaml"
        path.write_text(text, encoding="utf-8")
        return mapping.load(path)

    async def run(self, rows: str | bytes, text: str = ORDERS, name: str = "file.csv", zone: str = "UTC") -> Summary:
        """Import these rows."""
        file = self.folder / name
        file.write_bytes(rows if isinstance(rows, bytes) else rows.encode())
        return await self.import_path(file, text, zone)

    async def import_path(self, path: Path, text: str, zone: str = "UTC") -> Summary:
        """Import a file or a folder that is there already."""
        self.runs += 1

        async def token(role: str) -> str:
            return role

        transport = httpx.MockTransport(self.door.answer)
        async with httpx.AsyncClient(transport=transport, base_url="http://merit") as http:
            door = Door(http, token)
            job = Import(path, self.mapping(text), door, self.folder / "journals", f"run-{self.runs}", zone)
            return await job.run()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
