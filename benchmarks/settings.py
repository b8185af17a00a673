"""What a run is told, by environment variables; the defaults are those of the published figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".merit-bench"
PEERS = ROOT.parent / "shared" / "peers"
KAFKA_PORT = 29292
CONNECTIONS = 16


class SettingsWrong(Exception):
    """A variable holds what it cannot mean; the text says which."""


@dataclass(frozen=True)
class Settings:
    """MERIT_BENCH_EVENTS, _REPS, _ROUNDS (how often each case runs; the median counts), _CONNECTIONS (of the load),
    _FACTS (that KPIs are read over), _READS (of each kind of question), _REPS_MOST and _DEFINITIONS_MOST (of growth),
    _CREDITS and _PAYEES (of the quarter that is recalculated), _HOME (a folder for a database and a log; emptied at the
    end), _OUT (where the results go), MERIT_KAFKA_HOME, MERIT_KAFKA_PORT and KAFKA_BOOTSTRAP_SERVERS as for
    ``make kafka``, MERIT_PEERS (the folder with the peers), MERIT_BENCH_PROFILE (py-spy: benchmarks.profile)."""

    events: int = 300_000
    reps: int = 500
    rounds: int = 3
    connections: int = CONNECTIONS
    facts: int = 10_000_000
    reads: int = 2_000
    reps_most: int = 10_000
    definitions_most: int = 50
    credits: int = 1_000_000
    payees: int = 10_000
    folder: Path = FOLDER
    out: Path = FOLDER / "results"
    kafka: str | None = None
    kafka_home: Path = FOLDER / "kafka"
    kafka_port: int = KAFKA_PORT
    peers: Path = PEERS
    profiler: str | None = None

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Settings:
        """Raises SettingsWrong."""
        folder = Path(environment.get("MERIT_BENCH_HOME") or FOLDER).resolve()
        return cls(
            events=_number(environment, "MERIT_BENCH_EVENTS", cls.events),
            reps=_number(environment, "MERIT_BENCH_REPS", cls.reps),
            rounds=_number(environment, "MERIT_BENCH_ROUNDS", cls.rounds),
            connections=_number(environment, "MERIT_BENCH_CONNECTIONS", cls.connections),
            facts=_number(environment, "MERIT_BENCH_FACTS", cls.facts),
            reads=_number(environment, "MERIT_BENCH_READS", cls.reads),
            reps_most=_number(environment, "MERIT_BENCH_REPS_MOST", cls.reps_most),
            definitions_most=_number(environment, "MERIT_BENCH_DEFINITIONS_MOST", cls.definitions_most),
            credits=_number(environment, "MERIT_BENCH_CREDITS", cls.credits),
            payees=_number(environment, "MERIT_BENCH_PAYEES", cls.payees),
            folder=folder,
            out=Path(environment.get("MERIT_BENCH_OUT") or folder / "results").resolve(),
            kafka=environment.get("KAFKA_BOOTSTRAP_SERVERS") or None,
            kafka_home=Path(environment.get("MERIT_KAFKA_HOME") or folder / "kafka").resolve(),
            kafka_port=_number(environment, "MERIT_KAFKA_PORT", cls.kafka_port),
            peers=Path(environment.get("MERIT_PEERS") or PEERS).resolve(),
            profiler=environment.get("MERIT_BENCH_PROFILE") or None,
        )

    @property
    def servers(self) -> str:
        """Where Kafka listens."""
        return self.kafka or f"127.0.0.1:{self.kafka_port}"


def _number(environment: Mapping[str, str], name: str, otherwise: int) -> int:
    text = environment.get(name) or str(otherwise)
    if not text.replace("_", "").isdecimal() or int(text) < 1:
        raise SettingsWrong(f"{name} is a whole number above 0, not {text!r}")
    return int(text)
