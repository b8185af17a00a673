"""The stream processors of the field, at the same job on the same broker: they come with a harness of their own.

MERIT_PEERS names its folder (README.md there); where it is missing that is said, and Merit is measured alone.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator
from typing import Any

from rich.console import Console

from benchmarks.place import Place
from benchmarks.samples import Sample

DEDUPING = ("flink-eos-dedupe", "streams-eos-dedupe", "quix-eos-dedupe", "bytewax-alo-dedupe", "faust-alo-dedupe")
"""Those that are given a store of ids, so that a repeated event counts once, as it does in Merit."""
SECONDS_MAX = {"faust-alo-dedupe": "45"}
"""Cut after so long; the rate is that of what was done by then."""
LIMIT = "150"


async def run(place: Place) -> AsyncIterator[Sample]:
    """Each peer once."""
    harness = place.settings.peers / "run.sh"
    if not harness.exists():
        Console().print(f"[bold red]NO PEERS ARE MEASURED: there is no {harness}; set MERIT_PEERS[/]")
        return
    for name in DEDUPING:
        found = await _row(place, name)
        if found.get("failed"):
            Console().print(f"[bold red]{name} FAILED:[/] {str(found.get('log'))[-600:]}")
            continue
        cpu = {"peer": float(found["cpu_s"]), "kafka": float(found["kafka_cpu_s"])}
        told = {
            "correct": found["correct"],
            "cut": found["cut"],
            "announced": found["written"],
            "peer_mib": found["rss_mb"],
        }
        yield Sample(name, "peer", found["events"], found["seconds"], cpu, told)


async def _row(place: Place, name: str) -> dict[str, Any]:
    """What the harness says of one run. Its broker is ours: the address is given."""
    told = {
        "PEERS_KAFKA": place.settings.servers,
        "PEERS_EVENTS": str(place.settings.events),
        "PEERS_LIMIT_S": SECONDS_MAX.get(name, LIMIT),
        "PEERS_WORK": str(place.settings.folder / "peers"),
    }
    line = (str(place.settings.peers / "run.sh"), name, "--runs", "1")
    process = await asyncio.create_subprocess_exec(
        *line, env=os.environ | told, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    output = (await process.communicate())[0].decode(errors="replace")
    for text in output.splitlines():
        if text.startswith('{"peer"'):
            row: dict[str, Any] = json.loads(text)
            return row
    return {"failed": True, "log": output}
