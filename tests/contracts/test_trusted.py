"""A trusted type reads what the struct reads, and what its bounds would refuse."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from contracts import orders, sales
from contracts.topics import ACCEPTED_FROM_CRM, EVENT_TYPES
from contracts.trusted import trusted

EXAMPLES = Path(__file__).parents[2] / "contracts" / "examples"


@pytest.mark.parametrize("event_type", ACCEPTED_FROM_CRM)
def test_every_example_reads_alike_and_is_written_alike(event_type: str) -> None:
    type_ = EVENT_TYPES[event_type]
    for path in (EXAMPLES / event_type).glob("*.json"):
        if not path.name.startswith("invalid"):
            data = json.dumps(json.loads(path.read_text())["data"]).encode()
            read = msgspec.json.decode(data, type=trusted(type_))
            assert isinstance(read, type_)
            assert msgspec.json.encode(read) == msgspec.json.encode(msgspec.json.decode(data, type=type_))


def test_constraints_are_gone_and_the_rest_stays() -> None:
    odd = b'{"order_id": "", "amount": "many", "currency": "?", "credits": [{"rep_id": "", "share": "2"}]}'
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(odd, type=sales.OrderPlaced)
    assert msgspec.json.decode(odd, type=trusted(sales.OrderPlaced)).amount == "many"
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"order_id": "1"}', type=trusted(sales.OrderPlaced))
    assert trusted(orders.Said) is orders.Said
    assert trusted(orders.OrderHistory).__struct_fields__ == orders.OrderHistory.__struct_fields__
