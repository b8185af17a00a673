"""People, teams and dated memberships over HTTP, and what the others are told."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import pytest

from contracts import directory
from contracts.envelope import decode

PEOPLE = [
    {"person_id": "ceo", "name": "Ken", "roles": ["manager"]},
    {"person_id": "boss", "name": "Stephen", "roles": ["manager"], "email": "s@example.test", "title": "Manager"},
    {"person_id": "rep", "name": "Linda", "roles": ["rep"]},
    {"person_id": "other", "name": "José", "roles": ["rep"]},
]


def manager(person: str, of: str, valid_from: str, valid_to: str | None = None) -> dict[str, Any]:
    return {"person_id": person, "kind": "manager", "of": of, "valid_from": valid_from, "valid_to": valid_to}


@pytest.fixture
async def people(auth: Any, admin: str) -> None:
    answer = await auth.ask("POST", "/v1/people", admin, json={"items": PEOPLE})
    assert answer.status_code == 200, answer.text
    await auth.announced()


async def put(auth: Any, admin: str, *items: dict[str, Any]) -> Any:
    return await auth.ask("POST", "/v1/memberships", admin, json={"items": list(items)})


def pointers(answer: Any) -> list[tuple[str, str]]:
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return [(error["pointer"], error["code"]) for error in answer.json()["errors"]]


async def test_people_are_inserted_changed_and_left_alone(auth: Any, admin: str, people: None) -> None:
    again = [PEOPLE[0], PEOPLE[1] | {"title": "Director"}, {"person_id": "new", "name": "New"}]
    answer = await auth.ask("POST", "/v1/people", admin, json={"items": again})
    assert [item["outcome"] for item in answer.json()["items"]] == ["unchanged", "changed", "created"]
    assert [item["key"] for item in answer.json()["items"]] == ["ceo", "boss", "new"]


async def test_a_field_left_out_stays_as_it_is(auth: Any, admin: str, people: None) -> None:
    item = {"person_id": "boss", "name": "Stephen J."}
    answer = await auth.ask("POST", "/v1/people", admin, json={"items": [item]})
    assert answer.json()["items"] == [{"key": "boss", "outcome": "changed"}]
    person = (await auth.ask("GET", "/v1/people/boss", admin)).json()
    assert (person["name"], person["roles"], person["email"]) == ("Stephen J.", ["manager"], "s@example.test")
    item = {"person_id": "boss", "name": "Stephen J.", "email": None, "roles": []}
    await auth.ask("POST", "/v1/people", admin, json={"items": [item]})
    person = (await auth.ask("GET", "/v1/people/boss", admin)).json()
    assert (person["roles"], person["email"], person["title"]) == ([], None, "Manager")


async def test_a_fault_keeps_the_whole_list_out(auth: Any, admin: str) -> None:
    items = [
        {"person_id": "a", "name": "A"},
        {"person_id": "b", "name": "B", "roles": ["rep", "king"]},
        {"person_id": "a", "name": "A"},
    ]
    answer = await auth.ask("POST", "/v1/people", admin, json={"items": items})
    assert pointers(answer) == [("/items/2/person_id", "repeated"), ("/items/1/roles/1", "unknown-role")]
    assert (await auth.ask("GET", "/v1/people", admin)).json()["items"] == []
    assert await auth.announced() == []


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"salary": 1}, "/items/0/salary"),
        ({"name": ""}, "/items/0/name"),
        ({"name": "a\u0000b"}, "/items/0/name"),
        ({"email": "nobody"}, "/items/0/email"),
        ({"person_id": "x" * 257}, "/items/0/person_id"),
        ({"person_id": "元" * 171}, "/items/0/person_id"),
        ({"active": "perhaps"}, "/items/0/active"),
    ],
)
async def test_what_a_person_cannot_be(auth: Any, admin: str, change: dict[str, Any], pointer: str) -> None:
    answer = await auth.ask("POST", "/v1/people", admin, json={"items": [PEOPLE[0] | change]})
    assert [p for p, _ in pointers(answer)] == [pointer]


async def test_more_than_a_thousand_items_are_refused(auth: Any, admin: str) -> None:
    items = [{"team_id": str(i), "name": "T"} for i in range(1001)]
    answer = await auth.ask("POST", "/v1/teams", admin, json={"items": items})
    assert pointers(answer) == [("/items", "too_long")]


async def test_each_change_is_announced_with_the_whole_history(auth: Any, admin: str, people: None) -> None:
    await put(auth, admin, manager("rep", "boss", "2011-01-01"))
    await put(auth, admin, manager("rep", "boss", "2011-01-01", "2013-01-01"), manager("rep", "ceo", "2013-01-01"))
    records = await auth.announced()
    assert [(topic, record.key) for topic, record in records] == [("directory-people", b"rep")] * 2
    event = decode(records[1][1].value)
    assert (event.type, event.id, event.subject) == (directory.PERSON, "rep.3", "rep")
    assert msgspec.json.decode(event.data, type=directory.Person) == directory.Person(
        "rep",
        version=3,
        roles=["rep"],
        memberships=[
            directory.Membership("manager", "boss", dt.date(2011, 1, 1), dt.date(2013, 1, 1)),
            directory.Membership("manager", "ceo", dt.date(2013, 1, 1)),
        ],
    )


async def test_names_and_addresses_stay_here(auth: Any, admin: str, people: None) -> None:
    items = [PEOPLE[1] | {"name": "Somebody", "email": "new@example.test"}]
    answer = await auth.ask("POST", "/v1/people", admin, json={"items": items})
    assert answer.json()["items"][0]["outcome"] == "changed"
    assert await auth.announced() == []
    await auth.ask("POST", "/v1/people", admin, json={"items": [items[0] | {"active": False}]})
    ((_, record),) = await auth.announced()
    assert b"Somebody" not in record.value
    assert b"example.test" not in record.value


async def test_sending_memberships_again_changes_nothing(auth: Any, admin: str, people: None) -> None:
    item = manager("rep", "boss", "2011-01-01")
    first = await put(auth, admin, item)
    assert first.json()["items"] == [{"key": "rep/manager/2011-01-01", "outcome": "created"}]
    await auth.announced()
    assert (await put(auth, admin, item)).json()["items"][0]["outcome"] == "unchanged"
    assert await auth.announced() == []


async def test_a_manager_that_was_wrong_from_the_start_is_corrected(auth: Any, admin: str, people: None) -> None:
    await put(auth, admin, manager("rep", "boss", "2011-01-01"))
    answer = await put(auth, admin, manager("rep", "ceo", "2011-01-01"))
    assert answer.json()["items"][0]["outcome"] == "changed"
    listed = (await auth.ask("GET", "/v1/memberships", admin)).json()["items"]
    assert listed == [manager("rep", "ceo", "2011-01-01")]


async def test_what_cannot_be(auth: Any, admin: str, people: None) -> None:
    await auth.ask("POST", "/v1/teams", admin, json={"items": [{"team_id": "east", "name": "East"}]})
    answer = await put(
        auth,
        admin,
        manager("nobody", "boss", "2011-01-01"),
        manager("rep", "nobody", "2011-01-01"),
        {"person_id": "rep", "kind": "team", "of": "west", "valid_from": "2011-01-01"},
        manager("other", "boss", "2011-01-01", "2011-01-01"),
    )
    assert pointers(answer) == [
        ("/items/0/person_id", "unknown-person"),
        ("/items/1/of", "unknown-person"),
        ("/items/2/of", "unknown-team"),
        ("/items/3/valid_to", "empty-range"),
    ]


async def test_two_managers_on_one_day_and_circles_are_refused(auth: Any, admin: str, people: None) -> None:
    await put(auth, admin, manager("rep", "boss", "2011-01-01"), manager("boss", "ceo", "2012-01-01"))
    assert pointers(await put(auth, admin, manager("rep", "ceo", "2013-01-01"))) == [("/items/0", "overlap")]
    assert pointers(await put(auth, admin, manager("ceo", "rep", "2011-06-01", "2012-01-02"))) == [
        ("/items/0/of", "cycle")
    ]
    assert pointers(await put(auth, admin, manager("other", "other", "2011-06-01"))) == [("/items/0/of", "cycle")]
    assert (await put(auth, admin, manager("ceo", "rep", "2011-06-01", "2012-01-01"))).status_code == 200


async def test_two_teams_at_once_are_fine(auth: Any, admin: str, people: None) -> None:
    teams = [{"team_id": "east", "name": "East"}, {"team_id": "bikes", "name": "Bikes"}]
    await auth.ask("POST", "/v1/teams", admin, json={"items": teams})
    items = [{"person_id": "rep", "kind": "team", "of": t["team_id"], "valid_from": "2011-01-01"} for t in teams]
    assert (await put(auth, admin, *items)).status_code == 200
    again = items[0] | {"valid_from": "2012-01-01"}
    assert pointers(await put(auth, admin, again)) == [("/items/0", "overlap")]


async def test_a_manager_sees_the_tree_as_dated(auth: Any, admin: str, people: None) -> None:
    await put(
        auth,
        admin,
        manager("boss", "ceo", "2011-01-01"),
        manager("rep", "boss", "2011-01-01", "2013-01-01"),
        manager("rep", "other", "2013-01-01"),
    )
    boss = await auth.token(person_id="boss")
    seen = (await auth.ask("GET", "/v1/people", boss)).json()["items"]
    assert [p["person_id"] for p in seen] == ["boss"]  # in 2014 the rep is elsewhere
    listed = (await auth.ask("GET", "/v1/memberships", boss)).json()["items"]
    assert [(m["person_id"], m["of"]) for m in listed] == [("boss", "ceo"), ("rep", "boss")]
    assert (await auth.ask("GET", "/v1/people/rep", boss)).status_code == 404
    assert (await auth.ask("GET", "/v1/people/nobody", boss)).status_code == 404
    ceo = await auth.token(person_id="ceo")
    seen = (await auth.ask("GET", "/v1/people", ceo)).json()["items"]
    assert [p["person_id"] for p in seen] == ["boss", "ceo"]
    auth.clock.at = dt.datetime(2012, 6, 1, tzinfo=dt.UTC)
    ceo = await auth.token(person_id="ceo")
    assert (await auth.ask("GET", "/v1/people/rep", ceo)).json()["memberships"] == [
        manager("rep", "boss", "2011-01-01", "2013-01-01")
    ]


async def test_teams_in_sight(auth: Any, admin: str, people: None) -> None:
    teams = [{"team_id": "east", "name": "East"}, {"team_id": "west", "name": "West"}]
    await auth.ask("POST", "/v1/teams", admin, json={"items": teams})
    team = {"person_id": "rep", "kind": "team", "of": "east", "valid_from": "2011-01-01"}
    await put(auth, admin, manager("rep", "boss", "2011-01-01"), team)
    assert (await auth.ask("GET", "/v1/teams", await auth.token(person_id="boss"))).json()["items"] == teams[:1]
    assert (await auth.ask("GET", "/v1/teams", await auth.token(role="analyst"))).json()["items"] == teams


async def test_a_rep_has_no_business_in_the_directory(auth: Any, people: None) -> None:
    rep = await auth.token(person_id="rep")
    for path in ("/v1/people", "/v1/people/rep", "/v1/teams", "/v1/memberships", "/v1/roles"):
        assert (await auth.ask("GET", path, rep)).status_code == 403


async def test_pages_continue_where_they_ended(auth: Any, admin: str, people: None) -> None:
    await put(auth, admin, *(manager(p, "ceo", "2011-01-01") for p in ("boss", "rep", "other")))
    for path, key in (("/v1/people", "person_id"), ("/v1/memberships", "person_id")):
        whole = (await auth.ask("GET", path, admin)).json()
        assert whole["next_cursor"] is None
        walked: list[Any] = []
        cursor: dict[str, str] = {}
        for _ in range(10):
            page = (await auth.ask("GET", path, admin, params={"limit": "2"} | cursor)).json()
            assert len(page["items"]) <= 2
            walked += page["items"]
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
        assert walked == whole["items"]
        assert [item[key] for item in walked] == sorted(item[key] for item in walked)


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "cursor=xxx", "cursor=WzFd", "order=name", "cursor=%00"])
async def test_a_query_that_is_none_is_refused(auth: Any, admin: str, query: str) -> None:
    assert (await auth.ask("GET", f"/v1/people?{query}", admin)).status_code == 422


async def test_the_filter_of_memberships(auth: Any, admin: str, people: None) -> None:
    await put(auth, admin, manager("rep", "boss", "2011-01-01"), manager("other", "boss", "2011-01-01"))
    answer = await auth.ask("GET", "/v1/memberships?person_id=other&kind=manager", admin)
    assert answer.json()["items"] == [manager("other", "boss", "2011-01-01")]
    assert (await auth.ask("GET", "/v1/memberships?kind=team", admin)).json()["items"] == []
