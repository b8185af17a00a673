"""The stages of an event's path, in its order: a file each."""

from __future__ import annotations

from benchmarks.samples import Stage
from benchmarks.stages import consume, copy, delay, growth, ingest, kpi, read, recalculate

STAGES: tuple[Stage, ...] = (
    ingest.STAGE,
    consume.STAGE,
    copy.STAGE,
    kpi.STAGE,
    delay.STAGE,
    read.STAGE,
    growth.STAGE,
    recalculate.STAGE,
)
