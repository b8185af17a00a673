"""The shipped sample, imported step by step as ``merit up`` imports it, from its own files or from changed ones."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from merit import samples
from merit.importing import mapping
from merit.importing.door import Door
from merit.importing.run import Import
from tests.journeys.driver import Driver
from tests.oracle.adventureworks import FILES


async def import_sample(driver: Driver, journals: Path | None = None, files: Path = FILES) -> None:
    """Plans, people, places, targets, parameters and orders, through the public API. ``journals`` remembers what was
    imported, so that a second import sends only what changed; ``files`` holds the CSV files."""
    compensation = await driver.as_role("compensation")
    for key in samples.ADVENTUREWORKS.plans:
        answer = await compensation.put(f"/v1/plans/{key}", json=samples.plan(FILES, key))
        assert answer.is_success, answer.text
    with TemporaryDirectory() as scratch:
        for file, name in samples.ADVENTUREWORKS.steps:
            await import_file(driver, files / file, FILES / name, journals or Path(scratch))


async def import_file(driver: Driver, file: Path, by: Path, journals: Path) -> None:
    """A file, or a folder of them, through a mapping; no row may be rejected."""

    async def token(role: str) -> str:
        return await driver.running.token(role=role)

    async with driver.running.client() as http:
        job = Import(file, mapping.load(by), Door(http, token), journals, "import", "UTC", journals)
        summary = await job.run()
    assert summary.rejected == 0, summary.faults
    driver.reached(summary.position)
