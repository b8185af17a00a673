"""incentive's settings, from the environment with the prefix INCENTIVE_."""

from __future__ import annotations

from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings


class IncentiveSettings(ServiceSettings):
    """What incentive needs to know; ``batch_records_max`` bounds one transaction of the worker."""

    model_config = SettingsConfigDict(env_prefix="INCENTIVE_")

    batch_records_max: int = 2_000
