"""One OpenAPI document out of the services' documents, and the check that routes and policies are the same set."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from starlette.types import ASGIApp, Message

from contracts.access import PERMISSIONS
from gateway.policies import GATEWAY, PUBLIC, Policy, PolicyInvalid
from gateway.routing import shape

Document = dict[str, Any]

METHODS = ("get", "put", "post", "delete", "patch", "head", "options", "trace")
_OUT = frozenset({"HTTPValidationError", "ValidationError"})
_PROBLEM_CODES = {"401": "Not authenticated", "403": "Not allowed", "422": "Not valid"}
_PROBLEM: Document = {
    "type": "object",
    "description": "An error (RFC 9457).",
    "required": ["type", "title", "status", "detail", "trace_id"],
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "stable: tell errors apart by it"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "for people"},
        "trace_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "detail"],
                "properties": {
                    "pointer": {"type": "string", "description": "JSON pointer (RFC 6901) to what is wrong"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}
DESCRIPTION = """Performance assessment on top of any CRM: events in; KPIs, targets and earnings out.

Get a token from `POST /oauth/token` and send it as `Authorization: Bearer …`. Each route says which permission it
needs; how far the permission reaches (own, source, tree, all) is in the token's `scope`. Every error is
`application/problem+json`."""


class ServiceSilent(Exception):
    """A service did not give its OpenAPI document."""


async def fetch(name: str, app: ASGIApp) -> Document:
    """Ask a service for its document, as a request without a network. Raises ServiceSilent."""
    status, body = 0, bytearray()

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status, body
        status = message.get("status", status)
        body += message.get("body", b"")

    try:
        await app(_get("/openapi.json"), receive, send)
        document: Document = json.loads(body) if status == 200 else {}
    except Exception as error:
        raise ServiceSilent(f"{name} gave no OpenAPI document") from error
    if not document:
        raise ServiceSilent(f"{name} answered {status} for its OpenAPI document")
    return document


def _get(path: str) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"accept", b"application/json")],
        "client": None,
        "server": None,
    }


def check_routes(policies: Iterable[Policy], documents: Mapping[str, Document], own: Iterable[str]) -> None:
    """Raise PolicyInvalid, with every line, unless each route has a policy and each policy a route."""
    wanted = {(p.service, p.method, shape(p.path)): str(p) for p in policies}
    there = {
        (service, method.upper(), shape(path)): f"{method.upper()} {path}"
        for service, document in documents.items()
        for path, item in document["paths"].items()
        for method in item
        if method in METHODS
    } | {(GATEWAY, "GET", path): f"GET {path}" for path in own}
    lines = [f"{key[0]}: {route} has no policy" for key, route in sorted(there.items()) if key not in wanted]
    lines += [
        f"{key[0]}: {route} has a policy and no route" for key, route in sorted(wanted.items()) if key not in there
    ]
    if lines:
        raise PolicyInvalid("\n".join(lines))


def merge(policies: Sequence[Policy], documents: Mapping[str, Document], version: str) -> Document:
    """The services' routes that have a policy, as one document; each shows the permission that it needs.

    A schema is named ``service.Name``: two services may use a name, and none is renamed when another one comes.
    """
    merged: Document = {
        "openapi": "3.1.0",
        "info": {"title": "Merit", "version": version, "description": DESCRIPTION},
        "tags": [
            {"name": service, "description": documents[service]["info"].get("description", "")}
            for service in dict.fromkeys(policy.service for policy in policies)
            if service in documents
        ],
        "paths": {},
        "components": {"schemas": {"Problem": _PROBLEM}, "responses": _responses(), "securitySchemes": _security()},
    }
    for service, document in documents.items():
        for name, schema in document.get("components", {}).get("schemas", {}).items():
            if name not in _OUT:
                merged["components"]["schemas"][f"{service}.{name}"] = _renamed(schema, service)
    for policy in policies:
        if found := _operation(policy, documents):
            path, operation = found
            merged["paths"].setdefault(path, {})[policy.method.lower()] = operation
    return merged


def _operation(policy: Policy, documents: Mapping[str, Document]) -> tuple[str, Document] | None:
    """The service's own path and description of a policy's route."""
    for path, item in documents.get(policy.service, {"paths": {}})["paths"].items():
        if shape(path) == shape(policy.path) and policy.method.lower() in item:
            return path, _shown(_renamed(item[policy.method.lower()], policy.service), policy)
    return None


def _shown(operation: Document, policy: Policy) -> Document:
    """The operation with its permission, and the errors that every route of its kind can answer."""
    codes = dict(operation.get("responses", {}))
    if policy.permission == PUBLIC:
        security: list[Document] = []
    else:
        security = [{"oauth2": [policy.permission]}]
        codes |= {code: {"$ref": f"#/components/responses/{code}"} for code in ("401", "403")}
    if "422" in codes:
        codes["422"] = {"$ref": "#/components/responses/422"}
    return operation | {
        "tags": [policy.service],
        "security": security,
        "x-permission": None if policy.permission == PUBLIC else policy.permission,
        "responses": dict(sorted(codes.items())),
    }


def _renamed(node: Any, service: str) -> Any:
    """The same JSON with its schema references pointing to the service's schemas."""
    if isinstance(node, dict):
        return {
            key: _reference(value, service) if key == "$ref" and isinstance(value, str) else _renamed(value, service)
            for key, value in node.items()
        }
    return [_renamed(child, service) for child in node] if isinstance(node, list) else node


def _reference(target: str, service: str) -> str:
    prefix = "#/components/schemas/"
    return f"{prefix}{service}.{target.removeprefix(prefix)}" if target.startswith(prefix) else target


def _responses() -> Document:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {code: {"description": title, "content": content} for code, title in _PROBLEM_CODES.items()}


def _security() -> Document:
    flow = {"tokenUrl": "/oauth/token", "scopes": dict(PERMISSIONS)}
    return {"oauth2": {"type": "oauth2", "flows": {"clientCredentials": flow}}}
