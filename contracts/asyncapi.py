"""One AsyncAPI 3 document of everything that is sent: made from the registry and the types, committed and served.

Merit is the application that it describes: what it *receives* comes over HTTP, what it *sends* lies on topics.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from contracts import golden
from contracts.envelope import BATCH, STRUCTURED
from contracts.json_schema import data_type, envelope_schema
from contracts.topics import ACCEPTED_FROM_CRM, EVENT_TYPES, TOPICS, Topic, object_key

Document = dict[str, Any]

HOUR_MS = 3_600_000
DESCRIPTION = """Performance assessment on top of any CRM. A CRM sends its events over HTTP, as CloudEvents 1.0; what
follows from them is announced on topics, as CloudEvents in structured mode. Per key the order of a topic is the order
in which things happened to one object. A record can come more than once: `source` and `id` identify an event.
Within a major version a schema only grows: readers pass over fields that they do not know."""


@cache
def document() -> Document:
    """The whole document; do not change it."""
    return {
        "asyncapi": "3.0.0",
        "id": "https://merit.dev/asyncapi",
        "info": {
            "title": "Merit",
            "version": "1.0.0",
            "description": DESCRIPTION,
            "license": {"name": "MIT"},
        },
        "defaultContentType": STRUCTURED,
        "servers": {
            "gateway": _server("http", "localhost:8080") | {"security": [_ref("securitySchemes", "token")]},
            "log": _server("kafka", "localhost:9092"),
        },
        "channels": {"events": _door(), **{topic.name: _channel(topic) for topic in TOPICS}},
        "operations": {"receive-events": _receive(), **{f"send-{topic.name}": _send(topic) for topic in TOPICS}},
        "components": {
            "messages": {name: _message(name) for name in EVENT_TYPES},
            "schemas": _schemas(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _server(protocol: str, host: str) -> Document:
    return {"host": "{host}", "protocol": protocol, "variables": {"host": {"default": host}}}


def _ref(kind: str, name: str) -> Document:
    return {"$ref": f"#/components/{kind}/{name}"}


def _door() -> Document:
    return {
        "address": "/v1/events",
        "title": "Events of CRMs",
        "description": f"`POST /v1/events`: one event ({STRUCTURED}, or in binary mode), or up to 1,000 ({BATCH}).",
        "servers": [{"$ref": "#/servers/gateway"}],
        "messages": {name: _ref("messages", name) for name in ACCEPTED_FROM_CRM},
    }


def _receive() -> Document:
    return {
        "action": "receive",
        "channel": {"$ref": "#/channels/events"},
        "title": "Take events in",
        "bindings": {"http": {"method": "POST", "bindingVersion": "0.3.0"}},
        "messages": [{"$ref": f"#/channels/events/messages/{name}"} for name in ACCEPTED_FROM_CRM],
    }


def _channel(topic: Topic) -> Document:
    settings: Document = {"cleanup.policy": ["compact" if topic.compacted else "delete"]}
    if not topic.compacted:
        settings["retention.ms"] = -1 if topic.retention_hours is None else topic.retention_hours * HOUR_MS
    kafka = {
        "topic": topic.name,
        "partitions": topic.partitions,
        "topicConfiguration": settings,
        "bindingVersion": "0.5.0",
    }
    readers = ", ".join(topic.consumers)
    return {
        "address": topic.name,
        "title": topic.name,
        "description": f"Written by {topic.producer}, read by {readers}. Poison goes to {topic.dead_letters}.",
        "servers": [{"$ref": "#/servers/log"}],
        "bindings": {"kafka": kafka},
        "messages": {name: _ref("messages", name) for name in topic.events},
    }


def _send(topic: Topic) -> Document:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "title": f"{topic.producer} announces",
        "messages": [{"$ref": f"#/channels/{topic.name}/messages/{name}"} for name in topic.events],
    }


def _message(event_type: str) -> Document:
    words = (data_type(event_type).__doc__ or "").strip()
    key = {"type": "string", "description": f"`{object_key(event_type)}` of the data"}
    return {
        "name": event_type,
        "title": event_type,
        "summary": words.split("\n\n")[0].split(". ")[0],
        "description": words,
        "contentType": STRUCTURED,
        "headers": _ref("schemas", "Headers"),
        "payload": _ref("schemas", event_type),
        "bindings": {"kafka": {"key": key, "bindingVersion": "0.5.0"}},
        "examples": [{"payload": golden.example(event_type)}],
    }


def _schemas() -> Document:
    """An event of each type is a CloudEvent with that type's data. Data types stand under their own names."""
    types = [data_type(name) for name in EVENT_TYPES]
    references, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    envelope = {name: value for name, value in envelope_schema().items() if name != "$schema"}
    events = {
        name: {
            "title": name,
            "allOf": [_ref("schemas", "CloudEvent")],
            "required": ["data"],
            "properties": {"type": {"const": name}, "data": reference},
        }
        for name, reference in zip(EVENT_TYPES, references, strict=True)
    }
    return {"CloudEvent": envelope, "Headers": _HEADERS, **events, **components}


_HEADERS: Document = {
    "type": "object",
    "description": "What stands beside an event: over HTTP its media type, on a topic the record's headers.",
    "properties": {
        "content-type": {"type": "string", "description": "the event's form"},
        "traceparent": {"type": "string", "description": "W3C Trace Context of whoever sent it"},
    },
}
