"""Sends events with the official CloudEvents SDK for Python, in each mode; prints one JSON line per request.

In: ``{"url", "token", "structured": [event…], "binary": [event…], "batch": [event…]}`` on standard input.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import httpx
from cloudevents.core.bindings.http import to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

BATCH = "application/cloudevents-batch+json"


def made(event: dict[str, Any]) -> CloudEvent:
    """The SDK's event."""
    return JSONFormat().read(CloudEvent, json.dumps(event).encode())


def main() -> None:
    """Send, and tell."""
    told = json.load(sys.stdin)
    with httpx.Client(headers={"authorization": f"Bearer {told['token']}"}, trust_env=False) as client:

        def send(mode: str, body: bytes | str, headers: dict[str, str]) -> None:
            answer = client.post(told["url"], content=body, headers=headers)
            print(json.dumps({"mode": mode, "status": answer.status_code}))

        for mode, write in (("structured", to_structured), ("binary", to_binary)):
            for event in told[mode]:
                message = write(made(event), JSONFormat())
                send(mode, message.body, dict(message.headers))
        items = [json.loads(to_structured(made(event), JSONFormat()).body) for event in told["batch"]]
        send("batch", json.dumps(items), {"content-type": BATCH})


if __name__ == "__main__":
    main()
