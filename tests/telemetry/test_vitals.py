"""Health, lag and the metrics' own rules."""

from __future__ import annotations

import ast
import asyncio
import datetime as dt
import re
from collections import Counter
from pathlib import Path

import httpx

from chassis import metric_names, progress
from chassis.app import create
from chassis.bus import At, Partition, Record
from chassis.clock import SystemClock
from chassis.lag import OutboxWatch, tell_lag
from chassis.metric_names import CONSUMER_LAG, CONSUMER_LAG_SECONDS, OUTBOX_AGE, OUTBOX_ROWS
from chassis.metrics import SERIES_MAX, Gauge, Histogram, declared
from chassis.metrics import Counter as MetricCounter

ROOT = Path(__file__).parents[2]
PERSONAL = re.compile(r"person|user|email|payee|rep|customer|key|amount|name$")


class SomeLog:
    """A log with two partitions; the first unread record of each is so many seconds old."""

    def __init__(self, ends: dict[int, int], age_seconds: float) -> None:
        self._ends, self._age = ends, dt.timedelta(seconds=age_seconds)

    async def ends(self, topic: str) -> dict[Partition, int]:
        return {Partition(topic, number): end for number, end in self._ends.items()}

    async def read(self, start: At, records_max: int) -> list[Record]:
        return [Record(start.partition, start.offset, b"k", b"v", (), dt.datetime.now(dt.UTC) - self._age)]


async def test_lag_is_told_in_records_and_in_the_age_of_the_oldest_that_is_unread():
    log, read = SomeLog({0: 10, 1: 5}, 42), {Partition("t", 0): 7, Partition("t", 1): 5}
    await tell_lag(log, SystemClock(), "g", ["t"], read)  # type: ignore[arg-type]
    assert CONSUMER_LAG.values["g", "t"] == 3
    assert 42 <= CONSUMER_LAG_SECONDS.values["g", "t"] < 45
    await tell_lag(log, SystemClock(), "g", ["t"], read | {Partition("t", 0): 10})  # type: ignore[arg-type]
    assert (CONSUMER_LAG.values["g", "t"], CONSUMER_LAG_SECONDS.values["g", "t"]) == (0, 0)


class Seconds(SystemClock):
    """A clock that a test moves."""

    at = 100.0

    def monotonic(self) -> float:
        return self.at


class Rows:
    """A connection that sees an outbox of these ids."""

    def __init__(self, *ids: int) -> None:
        self._ids = ids

    async def fetchrow(self, query: str) -> dict[str, int | None]:
        oldest, newest = (min(self._ids), max(self._ids)) if self._ids else (None, None)
        return {"rows": len(self._ids), "oldest": oldest, "newest": newest}


async def test_an_outbox_ages_while_its_oldest_row_stays_and_is_young_again_when_it_is_carried():
    clock = Seconds()
    watch = OutboxWatch(clock)
    ages = []
    for ids in [(1, 2), (1, 2, 3), (3, 4), (), (5,)]:
        await watch.tell(Rows(*ids), "some")  # type: ignore[arg-type]
        ages.append((OUTBOX_ROWS.values["some",], OUTBOX_AGE.values["some",]))
        clock.at += 10
    assert ages == [(2, 0), (3, 10), (2, 10), (0, 0), (1, 0)]


async def test_livez_fails_for_a_loop_that_does_not_turn_and_never_for_a_database():
    async def never_ready() -> None:
        raise RuntimeError("the database is down")

    app = create("Merit some", "", verifier=None, clock=SystemClock(), ready=never_ready, stuck_seconds=0.2)  # type: ignore[arg-type]
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://merit") as client:
        progress.beat("a worker of a test")
        try:
            assert (await client.get("/startupz")).status_code == 200
            assert (await client.get("/readyz")).status_code == 500
            await asyncio.sleep(0.3)
            stuck = await client.get("/livez")
            assert (stuck.status_code, stuck.json()["type"].rsplit("/", 1)[1]) == (503, "stuck")
            assert "a worker of a test" in stuck.json()["detail"]
        finally:
            progress.ended("a worker of a test")
        assert "a worker of a test" not in progress.stuck(0)


def test_metrics_are_named_once_and_say_what_they_are():
    found = list(declared(metric_names))
    assert max(Counter(m.name for m in found).values()) == 1
    for metric in found:
        assert re.fullmatch(r"(http|messaging|db|merit)(\.[a-z_]+)+", metric.name)
        assert metric.description
        assert metric.unit
        labels = {label.rsplit(".", 1)[-1] for label in metric.labels} - {"name"}
        assert not [label for label in labels if PERSONAL.search(label)], metric.labels


def test_only_one_file_declares_metrics():
    for path in [p for top in ("chassis", "services", "gateway", "merit") for p in (ROOT / top).rglob("*.py")]:
        text = path.read_text(encoding="utf-8")
        if path.name != "metric_names.py" and "chassis.metrics import" in text:
            imported = {a.name for n in ast.walk(ast.parse(text)) if isinstance(n, ast.ImportFrom) for a in n.names}
            made = [name for name in ("Gauge", "Histogram") if re.search(rf"\b{name}\($", text, re.MULTILINE)]
            assert not (imported and made), f"{path} declares a metric: put it into chassis/metric_names.py"


def test_a_metric_keeps_a_bounded_number_of_series():
    gauge, counter = Gauge("g", "1", "", ("who",)), MetricCounter("c", "1", "", ("who",))
    histogram = Histogram("h", "s", "", ("who",))
    for n in range(SERIES_MAX + 50):
        gauge.set(n, str(n))
        counter.add(1, str(n))
        histogram.record(0.004, str(n))
    for metric in (gauge, counter, histogram):
        assert len(metric.values) == SERIES_MAX + 1
    assert counter.values["overflow",] == 50
    assert sum(histogram.values["overflow",].counts) == 50
