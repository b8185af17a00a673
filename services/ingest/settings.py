"""What ingest needs to know, from the environment with the prefix ``INGEST_``."""

from __future__ import annotations

from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings


class IngestSettings(ServiceSettings):
    """Nothing beyond what every service needs: its limits are named constants, not knobs."""

    model_config = SettingsConfigDict(env_prefix="INGEST_", extra="forbid", frozen=True)
