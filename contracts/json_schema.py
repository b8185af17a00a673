"""JSON Schemas (2020-12) of whole events, made from the same types that the code reads with.

What a CRM sends is *closed*: a field that no type names is refused, so that a misspelt optional field is a fault and
not a silent loss. What Merit announces stays open, so that a reader is not broken by a field that is added later.
"""

from __future__ import annotations

from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct

from contracts.envelope import ID_CHARACTERS_MAX, ID_LIMIT
from contracts.topics import ACCEPTED_FROM_CRM, EVENT_TYPES

ID_BASE = "https://merit.dev/schemas/"
EXTENSION_NAME = r"^[a-z0-9]+(?![\s\S])"
"""CloudEvents 1.0.2 section 3.1: an attribute's name is lower-case ASCII letters and digits."""
_SCALAR = {"type": ["string", "integer", "boolean", "null"]}
_ID = {"type": "string", "minLength": 1, "maxLength": ID_CHARACTERS_MAX, "description": ID_LIMIT}


@cache
def closed(type_: type[Struct]) -> type[Struct]:
    """The same struct, refusing unknown fields here and in every struct below it; written, it leaves defaults out."""
    hints = get_type_hints(type_, include_extras=True)
    fields = []
    for field in msgspec.structs.fields(type_):
        default: Any = msgspec.NODEFAULT
        if field.default_factory is not msgspec.NODEFAULT:
            default = msgspec.field(default_factory=field.default_factory)
        elif field.default is not msgspec.NODEFAULT:
            default = field.default
        fields.append((field.name, _closed(hints[field.name]), default))
    return msgspec.defstruct(
        type_.__name__,
        [(name, hint) if default is msgspec.NODEFAULT else (name, hint, default) for name, hint, default in fields],
        namespace={"__doc__": type_.__doc__},
        kw_only=True,
        frozen=True,
        forbid_unknown_fields=True,
        omit_defaults=True,
    )


def _closed(hint: Any) -> Any:
    if isinstance(hint, type) and issubclass(hint, Struct):
        return closed(hint)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return Annotated[(_closed(arguments[0]), *arguments[1:])]
    if origin in (Union, UnionType):
        return Union[tuple(a if a is NoneType else _closed(a) for a in arguments)]  # noqa: UP007
    if origin is list:
        return list[_closed(arguments[0])]  # type: ignore[misc]
    return hint


def data_type(event_type: str) -> type[Struct]:
    """The type that an event's data is held to: closed when a CRM sends it, open when Merit does. Raises KeyError."""
    type_ = EVENT_TYPES[event_type]
    return closed(type_) if event_type in ACCEPTED_FROM_CRM else type_


@cache
def event_schema(event_type: str) -> dict[str, Any]:
    """The schema of a whole event of this type, envelope and data. Raises KeyError for an unknown type."""
    type_ = data_type(event_type)
    (reference,), definitions = msgspec.json.schema_components([type_], ref_template="#/$defs/{name}")
    schema = envelope_schema()
    schema["$id"] = f"{ID_BASE}{event_type}.json"
    schema["title"] = event_type
    schema["description"] = (type_.__doc__ or "").strip()
    schema["required"] = ["specversion", "id", "source", "type", "time", "data"]
    schema["properties"] |= {"type": {"const": event_type}, "data": reference}
    return schema | {"$defs": definitions}


def envelope_schema() -> dict[str, Any]:
    """The schema of any event: CloudEvents 1.0 attributes, extensions by their rules, data of any kind."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["specversion", "id", "source", "type", "time"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": _ID,
            "source": _ID,
            "type": _ID,
            "time": {"type": "string", "format": "date-time"},
            "subject": {"anyOf": [{"type": "string", "minLength": 1, "maxLength": 256}, {"type": "null"}]},
            "datacontenttype": {"type": ["string", "null"]},
            "dataschema": {"type": ["string", "null"]},
            "importid": {"type": ["string", "null"]},
            "traceparent": {"type": ["string", "null"]},
            "data": True,
        },
        "propertyNames": {"pattern": EXTENSION_NAME},
        "additionalProperties": dict(_SCALAR),
    }
