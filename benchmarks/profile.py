"""Where the time goes: py-spy looks at Merit's processes while a case runs, if MERIT_BENCH_PROFILE names its program.

For each process it leaves the stacks as they were seen (``.txt``, which flame graph viewers read) and a page of the
functions with their share of the samples, alone and with what they call (``.md``).
"""

from __future__ import annotations

import asyncio
import re
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

RATE = "200"
"""Looks a second."""
SHOWN = 45
LINE = re.compile(r":\d+\)$")
FOLDER = re.compile(
    r"\((?:.*/)?site-packages/|\((?:.*/)?lib/python[\d.]+/|\(/[^)]*?/(?=(?:chassis|services|gateway|contracts)/)"
)


@asynccontextmanager
async def profiled(program: str | None, pids: Mapping[str, int], folder: Path, case: str) -> AsyncIterator[None]:
    """Look at these processes while the context is open; None: look at nothing."""
    if program is None:
        yield
        return
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    stem = re.sub(r"\W+", "-", case.lower())
    pages = {name: folder / f"profile-{stem}-{name}.txt" for name in pids}
    lookers = [
        await asyncio.create_subprocess_exec(
            *(program, "record", "--format", "raw", "--rate", RATE, "--pid", str(pids[name]), "--output", str(page)),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        for name, page in pages.items()
    ]
    try:
        yield
    finally:
        for looker in lookers:
            looker.send_signal(signal.SIGINT)
        await asyncio.gather(*(looker.wait() for looker in lookers))
        for page in pages.values():
            if page.exists():
                page.with_suffix(".md").write_text("\n".join(_summary(page.read_text())) + "\n", encoding="utf-8")


def _summary(stacks: str) -> Iterator[str]:
    alone: Counter[str] = Counter()
    within: Counter[str] = Counter()
    for line in stacks.splitlines():
        frames, _, count = line.rpartition(" ")
        names = [_short(frame) for frame in frames.split(";")]
        alone[names[-1]] += int(count)
        within.update(dict.fromkeys(names, int(count)))
    whole = sum(alone.values()) or 1
    yield f"{whole} samples"
    for title, counted in (("with what it calls", within), ("alone", alone)):
        yield from ("", f"| {title} | function |", "|---:|---|")
        for name, seen in counted.most_common(SHOWN):
            yield f"| {seen / whole:.1%} | {name} |"


def _short(frame: str) -> str:
    """``function (file)``: the line within the function does not matter here."""
    return FOLDER.sub("(", LINE.sub(")", frame))
