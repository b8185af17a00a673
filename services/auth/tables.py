"""The tables of auth, on a registry of its own; written to by ``store.py`` alone."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import ARRAY, CheckConstraint, Index, Text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from chassis.db import INSTANT
from chassis.outbox import OutboxColumns


class AuthTable(SQLModel, registry=registry()):
    """The base of auth's tables."""


class Person(AuthTable, table=True):
    """A person; ``version`` counts what the others were told of them."""

    person_id: str = Field(primary_key=True)
    name: str
    email: str | None
    title: str | None
    active: bool
    roles: list[str] = Field(sa_type=ARRAY(Text))
    version: int


class Team(AuthTable, table=True):
    """A team's name."""

    team_id: str = Field(primary_key=True)
    name: str


class Membership(AuthTable, table=True):
    """A dated membership; ``valid_to`` is exclusive, null = open."""

    __table_args__ = (
        CheckConstraint("valid_from < valid_to", name="membership_range"),
        Index("membership_of", "kind", "of"),
    )

    person_id: str = Field(primary_key=True, foreign_key="person.person_id")
    kind: str = Field(primary_key=True)
    of: str = Field(primary_key=True)
    valid_from: dt.date = Field(primary_key=True)
    valid_to: dt.date | None


class Client(AuthTable, table=True):
    """Credentials: of the secret only its argon2id hash is kept; ``granted`` is written as a scope claim."""

    client_id: str = Field(primary_key=True)
    secret_hash: str
    roles: list[str] = Field(sa_type=ARRAY(Text))
    granted: str
    person_id: str | None = Field(foreign_key="person.person_id")
    source: str | None
    created_at: dt.datetime = Field(sa_type=INSTANT)


class SigningKey(AuthTable, table=True):
    """A key that tokens are signed with, newest first; a retired one stays published until its tokens are over."""

    __tablename__ = "signing_key"

    kid: str = Field(primary_key=True)
    private_jwk: str
    created_at: dt.datetime = Field(sa_type=INSTANT)
    retired_at: dt.datetime | None = Field(sa_type=INSTANT)


class Outbox(AuthTable, OutboxColumns, table=True):
    """Announcements that wait for the relay."""
