"""What the gateway needs to know when it runs on its own, from the environment with the prefix ``GATEWAY_``."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from chassis.serving import DRAIN_SECONDS
from gateway.app import ANSWER_SECONDS_MAX, BODY_BYTES_MAX, RECEIVE_SECONDS_MAX, Limits


class GatewaySettings(BaseSettings):
    """``*_url``: where the services are; ``issuer``: what tokens must name; ``drain_seconds``: how long it
    still takes requests when it is told to stop. Times in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(env_prefix="GATEWAY_", extra="forbid", frozen=True)

    ingest_url: str = "http://ingest:8000"
    kpi_url: str = "http://kpi:8000"
    incentive_url: str = "http://incentive:8000"
    auth_url: str = "http://auth:8000"
    issuer: str = "https://merit.local"
    port: int = Field(default=8080, ge=1, le=65535)
    body_bytes_max: int = Field(default=BODY_BYTES_MAX, gt=0)
    receive_seconds_max: float = Field(default=RECEIVE_SECONDS_MAX, gt=0)
    answer_seconds_max: float = Field(default=ANSWER_SECONDS_MAX, gt=0)
    connections_max: int = Field(default=100, gt=0)
    drain_seconds: float = Field(default=DRAIN_SECONDS, ge=0)

    @property
    def urls(self) -> dict[str, str]:
        """Each service's address."""
        return {"ingest": self.ingest_url, "kpi": self.kpi_url, "incentive": self.incentive_url, "auth": self.auth_url}

    @property
    def limits(self) -> Limits:
        return Limits(self.body_bytes_max, self.receive_seconds_max, self.answer_seconds_max)
