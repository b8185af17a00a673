"""Settings that validate themselves, from the environment with a prefix per service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal, TypeVar, cast
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from chassis.serving import DRAIN_SECONDS
from contracts.currencies import MINOR_DIGITS


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name!r} is no IANA time zone")
    return name


def _currency(code: str) -> str:
    if code not in MINOR_DIGITS:
        raise ValueError(f"{code!r} is no ISO 4217 currency code")
    return code


ZoneName = Annotated[str, AfterValidator(_zone)]
CurrencyCode = Annotated[str, AfterValidator(_currency)]


class ServiceSettings(BaseSettings):
    """What every service needs to know; subclasses set ``env_prefix`` and add their own.

    ``database_url``: the run-time role's DSN; ``admin_database_url``: the owner's, for ``migrate`` only.
    ``bus_url``: the log's DSN, or for Kafka its servers (host:port, several separated by commas); ``bus_replicas``: of
    topics that Kafka is told to make (none: the brokers' default); ``bus_member``: a name that this process keeps over
    restarts, so that a quick one moves no partitions (Kafka's static membership; one name per process).
    ``zone`` and ``currency``: the installation's business time zone and reporting currency. ``port``: of the API, and
    of every other process's health. ``drain_seconds``: how long an API that is told to stop still takes requests.
    """

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    database_url: str
    admin_database_url: str | None = None
    bus: Literal["postgres", "kafka"] = "postgres"
    bus_url: str
    bus_replicas: int | None = None
    bus_member: str | None = None
    issuer: str = "https://merit.local"
    jwks_url: str = "http://auth:8000/.well-known/jwks.json"
    zone: ZoneName = "UTC"
    currency: CurrencyCode = "USD"
    connections_max: int = 8
    port: int = Field(default=8000, ge=1, le=65535)
    drain_seconds: float = Field(default=DRAIN_SECONDS, ge=0)

    @property
    def zone_info(self) -> ZoneInfo:
        return ZoneInfo(self.zone)


S = TypeVar("S", bound=BaseSettings)


class SettingsInvalid(Exception):
    """The settings cannot be used; the text says every problem at once, a line each."""


def from_environment(kind: type[S]) -> S:
    """Read settings of this kind from the environment. Raises SettingsInvalid."""
    try:
        return cast("Callable[[], S]", kind)()
    except ValidationError as error:
        prefix = str(kind.model_config.get("env_prefix", ""))
        lines = [f"{prefix}{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors()]
        raise SettingsInvalid("\n".join(lines)) from error
