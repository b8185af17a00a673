"""Attacks on access tokens: every one of them is refused alike, and none reaches a key server more than it may."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from joserfc.jws import JWSRegistry

from chassis.problems import Problem
from chassis.tokens import KEYS_REFETCH_SECONDS, KEYS_RETRY_SECONDS, TOKEN_BYTES_MAX, Verifier, requires

ISSUER = "https://merit.test"
KEY = ECKey.generate_key("P-256", private=True)
OTHER = ECKey.generate_key("P-256", private=True)
PUBLIC = {**KEY.as_dict(private=False), "kid": "k1"}


class Keys:
    """auth's JWKS document: counts how often it is read, and may be away."""

    def __init__(self) -> None:
        self.published = [PUBLIC]
        self.reads = 0
        self.away = False

    async def __call__(self) -> Mapping[str, Any]:
        self.reads += 1
        if self.away:
            raise ConnectionRefusedError
        return {"keys": self.published}


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def clock(driven_clock: Any) -> Any:
    return driven_clock


@pytest.fixture
def verifier(keys: Keys, clock: Any) -> Verifier:
    return Verifier(ISSUER, keys, clock)


@pytest.fixture
def claims(clock: Any) -> dict[str, Any]:
    now = int(clock.now().timestamp())
    return {
        "iss": ISSUER,
        "aud": "merit",
        "sub": "rep",
        "jti": "1",
        "iat": now,
        "exp": now + 600,
        "scope": "kpis.read:own",
        "person_id": "rep",
    }


HEADER = {"alg": "ES256", "typ": "at+jwt", "kid": "k1"}


def signed(claims: Mapping[str, Any], header: Mapping[str, Any] = HEADER, key: ECKey = KEY) -> str:
    return jwt.encode(dict(header), dict(claims), key, algorithms=["ES256"])


def segment(value: bytes | Mapping[str, Any]) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def signed_by_hand(header: bytes, payload: bytes) -> str:
    """A token with this very text in it, well signed."""
    text = f"{segment(header)}.{segment(payload)}"
    signature = JWSRegistry.algorithms["ES256"].sign(text.encode(), KEY)
    return f"{text}.{segment(signature)}"


async def refused(verifier: Verifier, token: str) -> None:
    with pytest.raises(Problem) as caught:
        await verifier.verify(f"Bearer {token}")
    assert caught.value.status == 401
    assert caught.value.headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_good_token(verifier: Verifier, claims: dict[str, Any]) -> None:
    caller = await verifier.verify(f"Bearer {signed(claims)}")
    assert (caller.subject, caller.person_id, caller.source) == ("rep", "rep", None)
    assert caller.scope("kpis.read") == "own"
    with pytest.raises(Problem) as caught:
        caller.scope("earnings.read")
    assert caught.value.status == 403


async def test_the_hand_that_signs_in_these_tests_is_good(verifier: Verifier, claims: dict[str, Any]) -> None:
    token = signed_by_hand(json.dumps(HEADER).encode(), json.dumps(claims).encode())
    assert (await verifier.verify(f"bearer {token}")).subject == "rep"


Forge = Callable[[dict[str, Any]], str]
FORGERIES: dict[str, Forge] = {
    "alg none": lambda c: f"{segment({**HEADER, 'alg': 'none'})}.{segment(c)}.",
    "alg None": lambda c: f"{segment({**HEADER, 'alg': 'None'})}.{segment(c)}.{segment(b'x')}",
    "HS256 with the public key": lambda c: hs256(c, json.dumps(PUBLIC).encode()),
    "HS256 with the public key as PEM": lambda c: hs256(c, KEY.as_pem(private=False)),
    "another key under our kid": lambda c: signed(c, key=OTHER),
    "its own key in the header": lambda c: signed(c, {**HEADER, "jwk": OTHER.as_dict(private=False)}, OTHER),
    "jku": lambda c: signed(c, {**HEADER, "jku": "https://evil.test/jwks.json"}),
    "x5u": lambda c: signed(c, {**HEADER, "x5u": "https://evil.test/cert.pem"}),
    "unknown crit": lambda c: signed_by_hand(
        json.dumps({**HEADER, "crit": ["x-evil"], "x-evil": 1}).encode(), json.dumps(c).encode()
    ),
    "typ JWT": lambda c: signed(c, {**HEADER, "typ": "JWT"}),
    "no typ": lambda c: signed(c, {"alg": "ES256", "kid": "k1"}),
    "no kid": lambda c: signed(c, {"alg": "ES256", "typ": "at+jwt"}),
    "unknown kid": lambda c: signed(c, {**HEADER, "kid": "k2"}),
    "kid is a path": lambda c: signed(c, {**HEADER, "kid": "../../dev/null"}),
    "kid is SQL": lambda c: signed(c, {**HEADER, "kid": "k1' or '1'='1"}),
    "kid is no text": lambda c: signed_by_hand(json.dumps({**HEADER, "kid": 1}).encode(), json.dumps(c).encode()),
    "wrong iss": lambda c: signed({**c, "iss": "https://evil.test"}),
    "iss with a slash": lambda c: signed({**c, "iss": ISSUER + "/"}),
    "wrong aud": lambda c: signed({**c, "aud": "payroll"}),
    "aud among others": lambda c: signed({**c, "aud": ["payroll", "merit"]}),
    "missing exp": lambda c: signed({k: v for k, v in c.items() if k != "exp"}),
    "missing iat": lambda c: signed({k: v for k, v in c.items() if k != "iat"}),
    "missing sub": lambda c: signed({k: v for k, v in c.items() if k != "sub"}),
    "missing jti": lambda c: signed({k: v for k, v in c.items() if k != "jti"}),
    "missing aud": lambda c: signed({k: v for k, v in c.items() if k != "aud"}),
    "missing scope": lambda c: signed({k: v for k, v in c.items() if k != "scope"}),
    "empty sub": lambda c: signed({**c, "sub": ""}),
    "expired": lambda c: signed({**c, "iat": c["iat"] - 600, "exp": c["iat"]}),
    "exp is text": lambda c: signed_by_hand(json.dumps(HEADER).encode(), json.dumps({**c, "exp": "9" * 12}).encode()),
    "exp is true": lambda c: signed_by_hand(json.dumps(HEADER).encode(), json.dumps({**c, "exp": True}).encode()),
    "exp is infinite": lambda c: signed_by_hand(
        json.dumps(HEADER).encode(), json.dumps({**c, "exp": float("inf")}).encode()
    ),
    "lives too long": lambda c: signed({**c, "exp": c["iat"] + 601}),
    "iat in the future": lambda c: signed({**c, "iat": c["iat"] + 60, "exp": c["iat"] + 600}),
    "nbf in the future": lambda c: signed({**c, "nbf": c["iat"] + 60}),
    "nbf is text": lambda c: signed_by_hand(json.dumps(HEADER).encode(), json.dumps({**c, "nbf": "now"}).encode()),
    "a claim twice": lambda c: signed_by_hand(
        json.dumps(HEADER).encode(), json.dumps(c).encode()[:-1] + b', "scope": "kpis.read:all"}'
    ),
    "a header twice": lambda c: signed_by_hand(
        json.dumps(HEADER).encode()[:-1] + b', "kid": "k1"}', json.dumps(c).encode()
    ),
    "deeply nested": lambda c: signed_by_hand(json.dumps(HEADER).encode(), b"[" * 4000),
    "a list": lambda c: signed_by_hand(json.dumps(HEADER).encode(), b"[]"),
    "no base64": lambda c: "a.b!.c",
    "not ASCII": lambda c: "ä.ö.ü",
    "two parts": lambda c: signed(c).rpartition(".")[0],
    "four parts": lambda c: signed(c) + ".x",
    "payload changed": lambda c: swapped(signed(c), {**c, "scope": "kpis.read:all"}),
    "signature cut": lambda c: signed(c)[:-4],
    "signature empty": lambda c: signed(c).rpartition(".")[0] + ".",
    "signature of zeros": lambda c: signed(c).rpartition(".")[0] + "." + segment(bytes(64)),
    "a megabyte": lambda c: "a" * 1_000_000,
    "too large and good": lambda c: signed({**c, "padding": "x" * TOKEN_BYTES_MAX}),
    "nothing": lambda c: "",
}


def hs256(claims: Mapping[str, Any], secret: bytes) -> str:
    text = f"{segment({**HEADER, 'alg': 'HS256'})}.{segment(claims)}"
    return f"{text}.{segment(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"


def swapped(token: str, claims: Mapping[str, Any]) -> str:
    header, _, signature = token.split(".")
    return f"{header}.{segment(claims)}.{signature}"


@pytest.mark.parametrize("name", FORGERIES)
async def test_forged_tokens_are_refused_alike(verifier: Verifier, claims: dict[str, Any], name: str) -> None:
    await verifier.verify(f"Bearer {signed(claims)}")
    await refused(verifier, FORGERIES[name](claims))


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic eDp5", "Token x", "Bearer a b"])
async def test_headers_without_a_token(verifier: Verifier, header: str | None) -> None:
    with pytest.raises(Problem) as caught:
        await verifier.verify(header)
    assert caught.value.status == 401


async def test_a_token_that_was_seen_still_ends(verifier: Verifier, claims: dict[str, Any], clock: Any) -> None:
    token = signed(claims)
    await verifier.verify(f"Bearer {token}")
    clock.pass_seconds(599)
    await verifier.verify(f"Bearer {token}")
    clock.pass_seconds(1)
    await refused(verifier, token)


async def test_a_storm_of_unknown_keys_is_one_fetch_per_cooldown(
    verifier: Verifier, keys: Keys, claims: dict[str, Any], clock: Any
) -> None:
    await verifier.verify(f"Bearer {signed(claims)}")
    assert keys.reads == 1
    for i in range(50):
        await refused(verifier, signed(claims, {**HEADER, "kid": f"odd-{i}"}, OTHER))
    assert keys.reads == 1
    clock.pass_seconds(KEYS_REFETCH_SECONDS)
    for i in range(50):
        await refused(verifier, signed(claims, {**HEADER, "kid": f"odder-{i}"}, OTHER))
    assert keys.reads == 2


async def test_bad_signatures_fetch_nothing(verifier: Verifier, keys: Keys, claims: dict[str, Any], clock: Any) -> None:
    await verifier.verify(f"Bearer {signed(claims)}")
    clock.pass_seconds(KEYS_REFETCH_SECONDS)
    await refused(verifier, signed(claims, key=OTHER))
    assert keys.reads == 1


async def test_a_new_key_is_found(verifier: Verifier, keys: Keys, claims: dict[str, Any], clock: Any) -> None:
    await verifier.verify(f"Bearer {signed(claims)}")
    keys.published = [{**OTHER.as_dict(private=False), "kid": "k2"}, PUBLIC]
    clock.pass_seconds(KEYS_REFETCH_SECONDS)
    caller = await verifier.verify(f"Bearer {signed(claims, {**HEADER, 'kid': 'k2'}, OTHER)}")
    assert caller.subject == "rep"


async def test_known_keys_go_on_while_auth_is_away(
    verifier: Verifier, keys: Keys, claims: dict[str, Any], clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    await verifier.verify(f"Bearer {signed(claims)}")
    keys.away = True
    clock.pass_seconds(KEYS_REFETCH_SECONDS)
    await refused(verifier, signed(claims, {**HEADER, "kid": "k2"}, OTHER))
    assert (await verifier.verify(f"Bearer {signed({**claims, 'jti': '2'})}")).subject == "rep"
    assert "could not be read" in caplog.text


async def test_without_any_key_it_is_503_and_heals(
    verifier: Verifier, keys: Keys, claims: dict[str, Any], clock: Any
) -> None:
    keys.away = True
    for _ in range(20):
        with pytest.raises(Problem) as caught:
            await verifier.verify(f"Bearer {signed(claims)}")
        assert caught.value.status == 503
    assert keys.reads == 1
    keys.away = False
    clock.pass_seconds(KEYS_RETRY_SECONDS)
    assert (await verifier.verify(f"Bearer {signed(claims)}")).subject == "rep"


def test_a_route_cannot_ask_for_a_permission_that_does_not_exist() -> None:
    requires("kpis.read")
    with pytest.raises(ValueError, match=r"kpis\.raed"):
        requires("kpis.raed")
