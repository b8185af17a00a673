"""The stream processors of the field, at the same job on the same broker: they come with a harness of their own.

MERIT_PEERS names its folder (README.md there); where it is missing that is said, and Merit is measured alone.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from rich.console import Console

from benchmarks.place import Place
from benchmarks.samples import Sample
from contracts.topics import Topic

DEDUPING = ("flink-eos-dedupe", "streams-eos-dedupe", "quix-eos-dedupe", "bytewax-alo-dedupe", "faust-alo-dedupe")
"""Those that are given a store of ids, so that a repeated event counts once, as it does in Merit."""
EVENTS_MAX = {"faust-alo-dedupe": 10_000}
"""Who is too slow for all events gets fewer, over the same 90 days, so that there is a whole answer to check."""
SECONDS_MAX = "150"
"""A run is cut after so long; its rate is then that of what was done."""
OUTPUT = "-out"
CHANGELOGS = {"faust-alo-dedupe": ("-totals-changelog", "-seen-changelog")}
"""The topics behind a peer's tables, by the end of their names. Faust makes them as they are made here, but it then
counts partitions that have no leader yet as none, and stops for good: on a slow machine that is every time."""
LOOK_EVERY_SECONDS = 0.05


async def run(place: Place) -> AsyncIterator[Sample]:
    """Each peer once."""
    harness = place.settings.peers / "run.sh"
    if not harness.exists():
        Console().print(f"[bold red]NO PEERS ARE MEASURED: there is no {harness}; set MERIT_PEERS[/]")
        return
    for name in DEDUPING:
        async with _changelogs(place, name):
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


@asynccontextmanager
async def _changelogs(place: Place, name: str) -> AsyncIterator[None]:
    """While the context is open, have the topics behind a peer's tables made before it is up."""
    if name not in CHANGELOGS:
        yield
        return
    making = asyncio.create_task(_make(place, name))
    try:
        yield
    finally:
        making.cancel()
        await asyncio.wait([making])
    if not making.cancelled():
        making.result()


async def _make(place: Place, name: str) -> None:
    """The harness names a run by its second, and makes its output before it starts the peer: that is waited for."""
    admin = AIOKafkaAdminClient(bootstrap_servers=place.settings.servers)
    await admin.start()
    try:
        before, outputs = set(await admin.list_topics()), set[str]()
        while not outputs:
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            new = set(await admin.list_topics()) - before
            outputs = {topic for topic in new if topic.startswith(f"peers-{name}-") and topic.endswith(OUTPUT)}
    finally:
        await admin.close()
    runs = [output.removesuffix(OUTPUT) for output in outputs]
    topics = [Topic(run + end, {}, {}, name, (name,), compacted=True) for run in runs for end in CHANGELOGS[name]]
    await place.bus.create(topics)


async def _row(place: Place, name: str) -> dict[str, Any]:
    """What the harness says of one run. Its broker is ours: the address is given."""
    told = {
        "PEERS_KAFKA": place.settings.servers,
        "PEERS_EVENTS": str(min(place.settings.events, EVENTS_MAX.get(name, place.settings.events))),
        "PEERS_LIMIT_S": SECONDS_MAX,
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
