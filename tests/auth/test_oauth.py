"""Getting a token: client credentials by RFC 6749, the keys, the metadata, and the owner's own tokens."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any
from urllib.parse import urlencode

import pytest

from contracts.access import format_grants
from services.auth import __main__ as auth_root
from services.auth.domain.roles import ROLES
from services.auth.handlers.tokens import CannotIssue

FORM = {"content-type": "application/x-www-form-urlencoded"}


def basic(client_id: str, secret: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}


def claims_of(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return found


async def make_client(auth: Any, admin: str, **fields: Any) -> tuple[str, str]:
    body = {"client_id": "importer", "roles": ["integration"]} | fields
    answer = await auth.ask("POST", "/v1/clients", admin, json=body)
    assert answer.status_code == 201, answer.text
    return body["client_id"], answer.json()["client_secret"]


async def ask_token(auth: Any, headers: dict[str, str] | None = None, **form: str) -> Any:
    return await auth.http.post("/oauth/token", headers=FORM | (headers or {}), content=urlencode(form))


def refused(answer: Any, status: int, error: str) -> None:
    assert (answer.status_code, answer.json()["error"]) == (status, error), answer.text
    assert answer.json()["error_description"]
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("way", ["basic", "form"])
async def test_a_client_gets_a_token_that_opens_routes(auth: Any, admin: str, way: str) -> None:
    client_id, secret = await make_client(auth, admin, client_id="reader", roles=["analyst"])
    said = {} if way == "basic" else {"client_id": client_id, "client_secret": secret}
    headers = basic(client_id, secret) if way == "basic" else {}
    answer = await ask_token(auth, headers, grant_type="client_credentials", **said)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 600)
    assert body["scope"] == format_grants(ROLES["analyst"])
    assert answer.headers["cache-control"] == "no-store"
    assert (await auth.ask("GET", "/v1/people", body["access_token"])).status_code == 200


async def test_what_is_in_a_token(auth: Any, admin: str) -> None:
    source = "https://crm.example"
    client = await make_client(auth, admin, source=source, granted={"kpis.read": "all"})
    token = (await ask_token(auth, basic(*client), grant_type="client_credentials")).json()["access_token"]
    claims, now = claims_of(token), int(auth.clock.now().timestamp())
    assert claims.pop("jti")
    assert claims.pop("scope").split() == [
        "event_types.read:source",
        "event_types.write:source",
        "events.send:all",
        "kpis.read:all",
        "quarantine.read:source",
        "quarantine.write:source",
    ]
    assert claims == {
        "iss": "https://merit.test",
        "aud": "merit",
        "sub": "importer",
        "client_id": "importer",
        "iat": now,
        "exp": now + 600,
        "roles": ["integration"],
        "source": source,
    }


async def test_a_token_can_be_narrowed_but_not_widened(auth: Any, admin: str) -> None:
    client = await make_client(auth, admin)
    good = await ask_token(auth, basic(*client), grant_type="client_credentials", scope="events.send:all")
    assert good.json()["scope"] == "events.send:all"
    for scope in ("events.send:all people.write:all", "quarantine.read:all", "kpis.read:all", "openid"):
        refused(
            await ask_token(auth, basic(*client), grant_type="client_credentials", scope=scope), 400, "invalid_scope"
        )


async def test_wrong_client_and_wrong_secret_look_alike(auth: Any, admin: str) -> None:
    client_id, secret = await make_client(auth, admin)
    answers = [
        await ask_token(auth, basic(*pair), grant_type="client_credentials")
        for pair in ((client_id, secret + "x"), ("nobody", secret), (client_id, "x" * 10_000))
    ]
    for answer in answers:
        refused(answer, 401, "invalid_client")
        assert answer.headers["www-authenticate"].startswith("Basic")
    assert len({answer.text for answer in answers}) == 1


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": "password", "username": "a", "password": "b"}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code"}, "unsupported_grant_type"),
    ],
)
async def test_other_grants_are_not_served(auth: Any, admin: str, form: dict[str, str], error: str) -> None:
    refused(await ask_token(auth, basic(*await make_client(auth, admin)), **form), 400, error)


async def test_two_ways_to_sign_in_are_one_too_many(auth: Any, admin: str) -> None:
    client_id, secret = await make_client(auth, admin)
    both = await ask_token(
        auth, basic(client_id, secret), grant_type="client_credentials", client_id=client_id, client_secret=secret
    )
    refused(both, 400, "invalid_request")
    other = await ask_token(auth, basic(client_id, secret), grant_type="client_credentials", client_id="other")
    refused(other, 400, "invalid_request")


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"content-type": "application/json"}, b'{"grant_type": "client_credentials"}'),
        (FORM, b"grant_type=client_credentials&grant_type=client_credentials"),
        (FORM, b"\xff\xfe"),
        (FORM, b"grant_type=%ff"),
        (FORM, b"a=1&" * 30),
        (FORM, b"x=" + b"y" * 20_000),
    ],
)
async def test_bodies_that_are_no_form(auth: Any, headers: dict[str, str], body: bytes) -> None:
    refused(await auth.http.post("/oauth/token", headers=headers, content=body), 400, "invalid_request")


@pytest.mark.parametrize(
    "header", ["Basic", "Basic !!!", "Basic bm9jb2xvbg==", "Bearer x", "Basic Og==", "Basic /////w=="]
)
async def test_broken_basic_headers(auth: Any, header: str) -> None:
    answer = await ask_token(auth, {"authorization": header}, grant_type="client_credentials")
    refused(answer, 401, "invalid_client")


async def test_a_null_character_in_the_client_id(auth: Any) -> None:
    answer = await ask_token(auth, grant_type="client_credentials", client_id="a\0b", client_secret="x")
    refused(answer, 401, "invalid_client")


async def test_a_secret_is_kept_as_an_argon2id_hash_only(auth: Any, admin: str) -> None:
    _, secret = await make_client(auth, admin)
    assert len(secret) >= 40
    async with auth.database.transaction(readonly=True) as conn:
        kept = await conn.fetchval("select secret_hash from client where client_id = 'importer'")
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,")
    assert secret not in kept


async def test_a_client_id_is_given_once(auth: Any, admin: str) -> None:
    await make_client(auth, admin)
    answer = await auth.ask("POST", "/v1/clients", admin, json={"client_id": "importer", "roles": ["integration"]})
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (409, "client-exists")


@pytest.mark.parametrize(
    ("fields", "pointer", "code"),
    [
        ({"roles": []}, "/roles", "roles-required"),
        ({"roles": ["integration", "king"]}, "/roles/1", "unknown-role"),
        ({"person_id": "nobody"}, "/person_id", "unknown-person"),
        ({"roles": ["rep"]}, "/person_id", "person-required"),
        ({"roles": ["finance", "manager"]}, "/person_id", "person-required"),
        ({"granted": {"earnings.read": "all"}}, "/granted/earnings.read", "not-grantable"),
        ({"roles": ["admin"], "granted": {"kpis.read": "all"}}, "/granted/kpis.read", "not-grantable"),
        ({"granted": {"kpis.read": "everything"}}, "/granted/kpis.read", "literal_error"),
        ({"secret": "mine"}, "/secret", "extra_forbidden"),
        ({"client_id": "a b"}, "/client_id", "string_pattern_mismatch"),
    ],
)
async def test_clients_that_make_no_sense(
    auth: Any, admin: str, fields: dict[str, Any], pointer: str, code: str
) -> None:
    body = {"client_id": "importer", "roles": ["integration"]} | fields
    answer = await auth.ask("POST", "/v1/clients", admin, json=body)
    assert answer.status_code == 422
    assert (pointer, code) in [(e["pointer"], e["code"]) for e in answer.json()["errors"]]


async def test_a_persons_client_speaks_for_them_until_they_leave(auth: Any, admin: str) -> None:
    people = [{"person_id": "p1", "name": "P", "roles": ["rep"]}]
    await auth.ask("POST", "/v1/people", admin, json={"items": people})
    client = await make_client(auth, admin, client_id="script", roles=["rep", "manager"], person_id="p1")
    token = (await ask_token(auth, basic(*client), grant_type="client_credentials")).json()["access_token"]
    assert claims_of(token)["person_id"] == "p1"
    assert "earnings.read:tree" in claims_of(token)["scope"].split()
    await auth.ask("POST", "/v1/people", admin, json={"items": [people[0] | {"active": False}]})
    refused(await ask_token(auth, basic(*client), grant_type="client_credentials"), 401, "invalid_client")


async def test_twenty_sign_ins_at_once_do_not_hold_up_the_loop(auth: Any, admin: str) -> None:
    client = await make_client(auth, admin)
    asked = [asyncio.create_task(ask_token(auth, basic(*client), grant_type="client_credentials")) for _ in range(20)]
    loop = asyncio.get_running_loop()
    worst = 0.0
    while not all(task.done() for task in asked):
        before = loop.time()
        assert (await auth.http.get("/livez")).status_code == 200
        worst = max(worst, loop.time() - before)
        await asyncio.sleep(0.005)
    assert {task.result().status_code for task in asked} == {200}
    assert worst < 0.5


async def test_more_than_the_queue_holds_is_refused_at_once(auth: Any, admin: str) -> None:
    client = await make_client(auth, admin)
    answers = await asyncio.gather(
        *(ask_token(auth, basic(*client), grant_type="client_credentials") for _ in range(100))
    )
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {200, 503}
    assert all("retry-after" in answer.headers for answer in answers if answer.status_code == 503)


async def test_the_keys_show_no_private_part_and_stay(auth: Any) -> None:
    answer = await auth.http.get("/.well-known/jwks.json")
    (key,) = answer.json()["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    assert "max-age" in answer.headers["cache-control"]
    bus, verifier = auth.notebook, auth.service.app.state.verifier
    again = await auth_root.build(auth.settings, bus=bus, clock=auth.clock, verifier=verifier)
    assert (await auth.http.get("/.well-known/jwks.json")).json()["keys"] == [key]
    await again.close()


async def test_a_retired_key_is_published_until_its_tokens_are_over(auth: Any) -> None:
    old = await auth.token(role="analyst")
    async with auth.database.transaction() as conn:
        await conn.execute("update signing_key set retired_at = $1", auth.clock.now())
    again = await auth_root.build(
        auth.settings, bus=auth.notebook, clock=auth.clock, verifier=auth.service.app.state.verifier
    )
    await again.close()
    keys = (await auth.http.get("/.well-known/jwks.json")).json()["keys"]
    assert len(keys) == 2
    auth.clock.pass_seconds(30)
    assert claims_of(old)["jti"] != claims_of(await auth.token(role="analyst"))["jti"]
    for token in (old, await auth.token(role="analyst")):
        assert (await auth.ask("GET", "/v1/people", token)).status_code == 200
    auth.clock.pass_seconds(600)
    keys_later = (await auth.http.get("/.well-known/jwks.json")).json()["keys"]
    assert len(keys_later) == 1


async def test_the_metadata_leads_to_the_endpoints(auth: Any) -> None:
    document = (await auth.http.get("/.well-known/oauth-authorization-server")).json()
    assert document["issuer"] == "https://merit.test"
    assert document["grant_types_supported"] == ["client_credentials"]
    assert (await auth.http.get(document["jwks_uri"])).status_code == 200
    assert (await auth.http.post(document["token_endpoint"])).status_code == 400


async def test_the_owner_of_the_machine_takes_tokens_from_the_key(auth: Any, admin: str) -> None:
    people = [
        {"person_id": "p1", "name": "P", "roles": ["rep", "manager"]},
        {"person_id": "gone", "name": "G", "roles": ["rep"], "active": False},
        {"person_id": "none", "name": "N"},
    ]
    await auth.ask("POST", "/v1/people", admin, json={"items": people})
    own = claims_of(await auth.token(person_id="p1"))
    assert (own["sub"], own["person_id"]) == ("p1", "p1")
    assert {"earnings.read:tree", "people.read:tree"} <= set(own["scope"].split())
    narrower = claims_of(await auth.token(person_id="p1", role="rep"))
    assert narrower["scope"] == format_grants(ROLES["rep"])
    machine = claims_of(await auth.token(role="integration", source="/crm"))
    assert (machine["sub"], machine["source"]) == ("role:integration", "/crm")
    for who in ({"person_id": "nobody"}, {"person_id": "gone"}, {"person_id": "none"}, {}, {"role": "king"}):
        with pytest.raises(CannotIssue):
            await auth.token(**who)


async def test_the_first_admin_is_made_once(auth: Any) -> None:
    made = await auth_root.first_admin(auth.settings, auth.clock)
    assert made is not None
    assert await auth_root.first_admin(auth.settings, auth.clock) is None
    headers = basic(made.client_id, made.client_secret)
    token = (await ask_token(auth, headers, grant_type="client_credentials")).json()["access_token"]
    assert (await auth.ask("POST", "/v1/people", token, json={"items": []})).status_code == 200


async def test_service_accounts_are_made_once_per_role(auth: Any) -> None:
    made = await auth_root.service_accounts(auth.settings, auth.clock, source="/sample")
    assert set(made) == {"analyst", "compensation", "finance", "admin", "auditor", "integration"}
    for role, credentials in made.items():
        headers = basic(credentials.client_id, credentials.client_secret)
        answer = await ask_token(auth, headers, grant_type="client_credentials")
        assert answer.json()["scope"] == format_grants(ROLES[role])
    assert await auth_root.service_accounts(auth.settings, auth.clock) == {}


async def test_the_roles_are_shown_as_they_are(auth: Any, admin: str) -> None:
    items = (await auth.ask("GET", "/v1/roles", admin)).json()["items"]
    assert {item["role"]: item["grants"] for item in items} == {role: dict(g) for role, g in ROLES.items()}
