"""The golden examples go through the door as they say they do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from contracts.topics import ACCEPTED_FROM_CRM

EXAMPLES = Path(__file__).parents[2] / "contracts" / "examples"
CASES = {
    f"{name}/{path.stem}": json.loads(path.read_bytes())
    for name in ACCEPTED_FROM_CRM
    for path in sorted((EXAMPLES / name).glob("*.json"))
}


@pytest.mark.parametrize("case", CASES)
async def test_a_golden_example_gets_the_outcome_that_it_shows(door: Any, case: str) -> None:
    example = CASES[case]
    if "/invalid-" not in case:
        assert await door.outcomes(example) == ["accepted"]
        return
    (result,) = (await door.send(example["event"])).json()["results"]
    assert result["outcome"] == "quarantined"
    assert {(f["pointer"], f["code"]) for f in result["faults"]} == {
        (f["pointer"], f["code"]) for f in example["faults"]
    }
    assert example["why"]
