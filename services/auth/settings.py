"""What auth needs to know, from the environment with the prefix ``AUTH_``."""

from __future__ import annotations

from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings


class AuthSettings(ServiceSettings):
    """``issuer`` is the address that tokens name and that clients find the token endpoint under."""

    model_config = SettingsConfigDict(env_prefix="AUTH_", extra="forbid", frozen=True)

    hashing_threads: int = 2
