"""The token endpoint (RFC 6749 §4.4, client credentials), the keys, and the server's metadata (RFC 8414)."""

from __future__ import annotations

import base64
import binascii
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from contracts.access import PERMISSIONS
from services.auth.handlers import Auth, keys, tokens
from services.auth.handlers.tokens import OAuthError
from services.auth.translate import Wire

router = APIRouter(tags=["oauth"])

FORM_BYTES_MAX = 16_384
FIELDS_MAX = 20
JWKS_SECONDS = 300
_FORM = "application/x-www-form-urlencoded"
_NOT_KEPT = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_FORM_SCHEMA = {
    "requestBody": {
        "required": True,
        "content": {
            _FORM: {
                "schema": {
                    "type": "object",
                    "required": ["grant_type"],
                    "properties": {
                        "grant_type": {"const": "client_credentials"},
                        "client_id": {"type": "string", "description": "unless HTTP Basic says it"},
                        "client_secret": {"type": "string", "format": "password"},
                        "scope": {"type": "string", "description": "words to narrow the token to"},
                    },
                }
            }
        },
    },
}


class TokenBody(Wire):
    """An access token for the ``Authorization: Bearer`` header; ``scope`` holds its ``permission:scope`` words."""

    access_token: str
    token_type: str = "Bearer"
    expires_in: int
    scope: str


class OAuthErrorBody(Wire):
    """A refusal in the words of RFC 6749 §5.2."""

    error: str
    error_description: str


@router.post(
    "/oauth/token",
    summary="Get an access token",
    response_model=TokenBody,
    responses={400: {"model": OAuthErrorBody}, 401: {"model": OAuthErrorBody}},
    openapi_extra=_FORM_SCHEMA,
)
async def token(request: Request) -> Response:
    """Client credentials, by HTTP Basic or in the form. The token lives ten minutes."""
    auth: Auth = request.app.state.auth
    try:
        form = await _form(request)
        if form.get("grant_type") is None:
            raise OAuthError("invalid_request", "grant_type is missing")
        if form["grant_type"] != "client_credentials":
            raise OAuthError("unsupported_grant_type", "only client_credentials is served")
        client_id, secret = _credentials(request.headers.get("authorization"), form)
        issued = await tokens.exchange(auth, client_id, secret, form.get("scope"))
    except OAuthError as error:
        return _refusal(error)
    body = TokenBody(access_token=issued.access_token, expires_in=issued.expires_in, scope=issued.scope)
    return JSONResponse(body.model_dump(), headers=_NOT_KEPT)


@router.get("/.well-known/jwks.json", summary="The public keys of access tokens")
async def jwks(request: Request) -> Response:
    """A JWKS document (RFC 7517); ask again when a token names a key that is not in it."""
    auth: Auth = request.app.state.auth
    document = await keys.published(auth.database, auth.clock)
    return JSONResponse(document, headers={"Cache-Control": f"public, max-age={JWKS_SECONDS}"})


@router.get("/.well-known/oauth-authorization-server", summary="Where and how to get a token")
async def metadata(request: Request) -> dict[str, Any]:
    """The metadata document of RFC 8414."""
    auth: Auth = request.app.state.auth
    return {
        "issuer": auth.issuer,
        "token_endpoint": f"{auth.issuer}/oauth/token",
        "jwks_uri": f"{auth.issuer}/.well-known/jwks.json",
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "scopes_supported": sorted(PERMISSIONS),
    }


async def _form(request: Request) -> dict[str, str]:
    """The fields of the body, none of them twice. Raises OAuthError."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise OAuthError("invalid_request", f"the body must be {_FORM}")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_BYTES_MAX:
            raise OAuthError("invalid_request", f"the body is over {FORM_BYTES_MAX} bytes")
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=False, max_num_fields=FIELDS_MAX, errors="strict")
    except ValueError as error:
        raise OAuthError("invalid_request", "the form cannot be read") from error
    if len(form := dict(pairs)) != len(pairs):
        raise OAuthError("invalid_request", "a field stands twice")
    return form


def _credentials(authorization: str | None, form: dict[str, str]) -> tuple[str, str]:
    """Client id and secret, from HTTP Basic or from the form, never from both. Raises OAuthError."""
    if authorization is None:
        return _usable(form.get("client_id", ""), form.get("client_secret", ""))
    if "client_secret" in form:
        raise OAuthError("invalid_request", "use one way to sign in, not two")
    scheme, _, encoded = authorization.partition(" ")
    try:
        pair = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, ValueError):
        pair = ""
    client_id, colon, secret = pair.partition(":")
    if scheme.lower() != "basic" or not colon:
        raise OAuthError("invalid_client", "the Authorization header is no HTTP Basic")
    if form.get("client_id", unquote_plus(client_id)) != unquote_plus(client_id):
        raise OAuthError("invalid_request", "the form names another client")
    return _usable(unquote_plus(client_id), unquote_plus(secret))


def _usable(client_id: str, secret: str) -> tuple[str, str]:
    if not client_id or not secret or "\0" in client_id:
        raise OAuthError("invalid_client", "name a client and its secret")
    return client_id, secret


def _refusal(error: OAuthError) -> Response:
    unknown = error.code == "invalid_client"
    headers = _NOT_KEPT | ({"WWW-Authenticate": 'Basic realm="merit"'} if unknown else {})
    body = OAuthErrorBody(error=error.code, error_description=str(error))
    return JSONResponse(body.model_dump(), 401 if unknown else 400, headers)
