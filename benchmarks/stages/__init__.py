"""The stages of an event's path, in its order: a file each."""

from __future__ import annotations

from benchmarks.samples import Stage
from benchmarks.stages import ingest

STAGES: tuple[Stage, ...] = (ingest.STAGE,)
