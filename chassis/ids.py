"""The bytes of an id that comes in over HTTP, for types of pydantic's: JSON Schema counts characters only."""

from __future__ import annotations

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from contracts.envelope import ID_BYTES_MAX, ID_LIMIT


def _checked(text: str) -> str:
    if len(text.encode()) > ID_BYTES_MAX:
        raise PydanticCustomError("string_too_long", "String should have " + ID_LIMIT)
    return text


IN_BYTES = AfterValidator(_checked)
"""Holds a text to what several ids may have that share a row of an index (contracts.envelope.Identifier)."""
