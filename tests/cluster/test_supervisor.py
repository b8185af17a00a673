"""What ends by itself is started anew at once, whatever the others do."""

from __future__ import annotations

from pathlib import Path

from tools.cluster.layout import Spec
from tools.cluster.supervisor import Supervisor


class NeverReady:
    """A layout of processes that run, and say nowhere that they are ready."""

    def specs(self) -> list[Spec]:
        return [Spec(name, "http.server", "0", port=1, environment={}) for name in ("one", "two")]


def test_all_that_ended_is_started_anew_though_none_gets_ready(tmp_path: Path) -> None:
    supervisor = Supervisor(NeverReady(), tmp_path)  # type: ignore[arg-type]
    for name, spec in supervisor.specs.items():
        supervisor.processes[name] = supervisor._launch(spec)
    try:
        before = dict(supervisor.processes)
        assert supervisor.mend() == {}
        for process in before.values():
            process.kill()
            process.wait()
        assert supervisor.mend() == {"one": -9, "two": -9}
        assert all(process.poll() is None for process in supervisor.processes.values())
    finally:
        supervisor.kill_all()
