"""kpi's settings, from the environment with the prefix KPI_."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings


class KpiSettings(ServiceSettings):
    """What kpi needs to know; ``batch_records_max`` bounds one transaction of the worker.

    ``fiscal_month``: the first month of the fiscal year, which has the number of the year that it ends in;
    one that is not told is as it was told last, and January at first.
    """

    model_config = SettingsConfigDict(env_prefix="KPI_")

    batch_records_max: int = 10_000
    fiscal_month: int | None = Field(default=None, ge=1, le=12)
