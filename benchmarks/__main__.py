"""Runs stages and shows their tables: ``python -m benchmarks [STAGE …]``; ``make bench`` does it."""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import logging
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Any

import uvloop
from rich.console import Console

from benchmarks import machine, place
from benchmarks.http_load import WrongAnswer
from benchmarks.report import Report
from benchmarks.samples import Sample, Stage
from benchmarks.settings import Settings, SettingsWrong
from benchmarks.stages import STAGES
from benchmarks.usage import pace_ms
from merit.home import MeritError
from tools.cluster.supervisor import ProcessFailed

WIDTH = 220
"""Of tables that go into a file."""


def main(arguments: list[str] | None = None) -> int:
    """Run the stages that are named (none: all); returns the exit code."""
    known = {stage.name: stage for stage in STAGES}
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=Settings.__doc__)
    parser.add_argument("stage", nargs="*", help=f"of {', '.join(known)}; none: all")
    names = parser.parse_args(arguments).stage
    if unknown := set(names) - set(known):
        parser.error(f"there is no stage {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    try:
        settings = Settings.of(os.environ)
        uvloop.run(until_told(measure(settings, [known[name] for name in names or known])))
    except asyncio.CancelledError:
        return 130
    except (SettingsWrong, place.CannotRun, MeritError, ProcessFailed, WrongAnswer) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


async def until_told(work: Coroutine[Any, Any, None]) -> None:
    """Do it, but at SIGTERM end what was started for it and stop."""
    task = asyncio.create_task(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await task


async def measure(settings: Settings, stages: list[Stage]) -> None:
    """Measure each stage for all its rounds, show it, and write what is known so far."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # topics that come and go are no news here
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    report = Report(machine.described() | {"pace": f"{pace_ms()} ms"}, f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H:%M:%S%z}")
    async with place.opened(settings) as here:
        for stage in stages:
            samples: list[Sample] = []
            for number in range(1, settings.rounds + 1):
                async for sample in stage.run(here):
                    samples.append(sample)
                    console.print(
                        f"{stage.name} {number}/{settings.rounds}: {sample.case}: {sample.rate:,.0f} events/s"
                    )
                    await asyncio.sleep(0.5)
            report.stages.append((stage, samples))
            report.show(console)
            page = report.write(settings.out)
    console.print(f"written to {page} and, with every sample, to {page.with_suffix('.json')}")


if __name__ == "__main__":
    sys.exit(main())
