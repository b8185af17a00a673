"""What of a request's headers goes on to a service, and what is put on every answer."""

from __future__ import annotations

from collections.abc import Iterable

Headers = list[tuple[bytes, bytes]]

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
"""Headers that are about one connection (RFC 9110 §7.6.1): they end here."""
_CLAIMS = (b"x-user-", b"x-person-", b"x-role", b"x-forwarded-", b"x-merit-", b"x-original-", b"x-auth-")
_SPOOFED = frozenset({b"forwarded", b"x-user", b"x-real-ip", b"x-rewrite-url", b"x-http-method-override"})
"""What a client says of itself or of proxies before it: nobody behind the gateway is to believe it by mistake."""

API_POLICY = b"default-src 'none'; frame-ancestors 'none'"
_SECURITY: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_DEFAULTS: tuple[tuple[bytes, bytes], ...] = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", API_POLICY),
)
_HSTS = (b"strict-transport-security", b"max-age=31536000")


def onward(headers: Iterable[tuple[bytes, bytes]], traceparent: str) -> Headers:
    """The request's headers for a service: without spoofed and hop-by-hop ones, with our traceparent.

    Names are lower-case, as ASGI says; ``x_user_id`` counts as ``x-user-id``, as some servers read it. What a
    ``Connection`` header names is hop-by-hop too.
    """
    given = list(headers)
    nominated = {part.strip().lower() for name, value in given if name == b"connection" for part in value.split(b",")}
    kept = [
        (name, value) for name, value in given if name not in nominated and not _ends_here(name.replace(b"_", b"-"))
    ]
    kept.append((b"traceparent", traceparent.encode()))
    return kept


def _ends_here(name: bytes) -> bool:
    return name in HOP_BY_HOP or name in _SPOOFED or name == b"traceparent" or name.startswith(_CLAIMS)


def secured(headers: Iterable[tuple[bytes, bytes]], https: bool) -> Headers:
    """An answer's headers with the security headers; what the service said of caching and content stays."""
    result = list(headers)
    said = {name.lower() for name, _ in result}
    result += _SECURITY
    result += [header for header in _DEFAULTS if header[0] not in said]
    if https:
        result.append(_HSTS)
    return result


def value_of(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> list[str]:
    """Every value of a header."""
    return [value.decode("latin-1") for key, value in headers if key == name]
