"""The quarantine as an operator sees it, for the tests of what can be done there."""

from __future__ import annotations

import json
from typing import Any

TYPE = "crm.order.placed.v1"
ACTIONS = {
    "correct": ("PATCH", "", {"data": {"currency": "USD"}}),
    "resubmit": ("POST", "/resubmit", None),
    "discard": ("POST", "/discard", {"reason": "a test of the CRM"}),
}


class Desk:
    """The quarantine as an operator sees it."""

    def __init__(self, door: Any, **who: Any) -> None:
        self.door, self.who = door, who

    async def kept(self, *events: dict[str, Any]) -> list[str]:
        """Send events that are not accepted; the ids of their entries."""
        return [result["quarantine_id"] for result in (await self.door.send(*events)).json()["results"]]

    async def act(self, action: str, entry: str, body: Any = None, **headers: str) -> Any:
        method, path, usual = ACTIONS[action]
        async with self.door.client(**self.who) as client:
            content = json.dumps(usual if body is None else body)  # unlike httpx it can write half a surrogate pair
            headers = {"content-type": "application/json"} | headers
            return await client.request(method, f"/v1/quarantine/{entry}{path}", content=content, headers=headers)

    async def correct(self, entry: str, patch: Any) -> Any:
        answer = await self.act("correct", entry, patch)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def see(self, entry: str) -> Any:
        return (await self.door.get(f"/v1/quarantine/{entry}")).json()

    async def require(self, *pointers: str) -> None:
        async with self.door.client() as client:
            assert (await client.put(f"/v1/event-types/{TYPE}", json={"required": list(pointers)})).status_code == 200
