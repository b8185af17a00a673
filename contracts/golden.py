"""The golden examples of events, as they are committed under ``contracts/examples``."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

EXAMPLES = resources.files("contracts") / "examples"


@cache
def example(event_type: str) -> dict[str, Any]:
    """The valid example of this type that says the most; do not change it. Raises KeyError for a type without any."""
    folder = EXAMPLES / event_type
    files = [f for f in folder.iterdir() if not f.name.startswith("invalid-")] if folder.is_dir() else []
    if not files:
        raise KeyError(event_type)
    found: dict[str, Any] = json.loads(max((f.read_text(encoding="utf-8") for f in files), key=lambda t: (len(t), t)))
    return found
