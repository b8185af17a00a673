"""The official AsyncAPI parser takes the committed document, and would not take one with a fault."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.clients import toolchains
from tests.clients.conftest import Running

DOCUMENT = Path(__file__).parents[2] / "contracts" / "asyncapi.json"


async def test_the_official_parser_finds_nothing_wrong() -> None:
    program = toolchains.javascript("parse_asyncapi")
    assert await program.run(json.loads(DOCUMENT.read_text(encoding="utf-8"))) == []


async def test_it_would_say_so() -> None:
    broken: Any = copy.deepcopy(json.loads(DOCUMENT.read_text(encoding="utf-8")))
    broken["channels"]["crm-sales"]["bindings"]["kafka"]["partitions"] = "six"
    program = toolchains.javascript("parse_asyncapi")
    with pytest.raises(AssertionError, match="type must be integer"):
        await program.run(broken)


async def test_the_gateway_serves_it_to_everybody(running: Running) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"{running.url}/asyncapi.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == json.loads(DOCUMENT.read_text(encoding="utf-8"))
