"""``merit traces``: spans in bounded files, and a tree of what a request caused."""

from __future__ import annotations

import io
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.console import Console

from chassis.span import Span
from chassis.span_file import BEFORE, CURRENT, SpanFile, read_spans
from merit.traces import Forest, listing, tree

MS = 1_000_000


def span(name: str, trace: str, id: int, parent: int = 0, *, links: tuple[Span, ...] = (), at: int = 0) -> Span:
    parent_id = f"{parent:016x}" if parent else ""
    kind = "server" if name.startswith("POST") else "internal"
    made = Span(name, kind, "some", trace * 32, f"{id:016x}", parent_id, True, at * MS, (at + 2) * MS)
    made.links = tuple(link.traceparent for link in links)
    return made


REQUEST = span("POST /v1/events", "a", 1, at=1)
SEND = span("send crm-sales", "a", 2, 1, at=2)
POLL = span("poll crm-sales", "b", 3, links=(SEND,), at=3)
PROCESS = span("process crm-sales", "b", 4, 3, links=(SEND,), at=5)
SETTLE = span("settle", "c", 5, links=(PROCESS,), at=9)
OTHER = span("POST /v1/plans", "d", 6, at=4)
ALL = [SETTLE, PROCESS, POLL, SEND, REQUEST, OTHER]


def drawn(what: object, width: int = 200) -> str:
    console = Console(width=width, file=io.StringIO())
    with console.capture() as captured:
        console.print(what)
    return captured.get()


def test_a_tree_follows_parents_and_links_and_shows_each_step_once():
    found = tree(Forest.of(ALL), "a" * 32)
    guides = str.maketrans("│├└─", "    ")
    steps = [line.translate(guides) for line in drawn(found).splitlines()[1:]]
    assert [(len(s) - len(s.lstrip()), s.split(" some")[0].strip()) for s in steps] == [
        (4, "POST /v1/events"),
        (8, "send crm-sales"),
        (12, "⇢ poll crm-sales"),
        (16, "process crm-sales"),
        (20, "⇢ settle"),
    ]
    assert tree(Forest.of(ALL), "e" * 32) is None


def test_requests_are_listed_newest_first():
    text = drawn(listing(Forest.of(ALL), ZoneInfo("UTC")))
    assert text.index("/v1/plans") < text.index("/v1/events")
    assert "settle" not in text


def test_a_narrow_terminal_cuts_neither_ids_nor_routes():
    long = span("POST /v1/earnings/lines/{line_id}/trace", "b", 7, at=5)
    text = drawn(listing(Forest.of([*ALL, long]), ZoneInfo("UTC")), width=80)
    assert "a" * 32 in text
    assert "b" * 32 in text
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_the_files_are_bounded_private_and_survive_a_cut_off_line(tmp_path: Path):
    folder = tmp_path / "traces"
    file = SpanFile(folder, file_bytes_max=2_000)
    for _ in range(50):
        file.write(ALL)
    assert {p.name for p in folder.iterdir()} <= {CURRENT, BEFORE}
    assert sum(p.stat().st_size for p in folder.iterdir()) < 10_000
    assert {p.stat().st_mode & 0o077 for p in (folder, *folder.iterdir())} == {0}
    file.write([REQUEST])
    with (folder / CURRENT).open("a") as cut:
        cut.write('{"name":"half')
    kept = list(read_spans(folder))
    assert kept[-1] == REQUEST
    file.write([SEND])
    assert list(read_spans(folder))[:-1] == kept[: len(list(read_spans(folder))) - 1]
