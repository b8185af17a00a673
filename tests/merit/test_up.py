"""``merit up`` as a process of its own: it says where it is, ends cleanly, and has everything when it comes back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from merit.__main__ import main

TERMINAL_COLUMNS = 80
UP_SECONDS_MAX, DOWN_SECONDS_MAX = 90, 40


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="merit-up-") as folder:
        yield Path(folder) / "home"


@contextmanager
def up(home: Path, port: int, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Merit until the block ends; what it printed up to the line that says it stays."""
    process = subprocess.Popen(
        [sys.executable, "-m", "merit", "up", "--port", str(port), "--home", str(home), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"COLUMNS": "160"},
    )
    try:
        assert process.stdout
        printed = ""
        while "Merit stays up" not in printed:
            line = process.stdout.readline()
            assert line, f"it ended by itself: {printed}"
            printed += line
        yield process, printed
    finally:
        process.terminate()
        process.communicate(timeout=DOWN_SECONDS_MAX)


def secret_in(printed: str) -> str:
    return next(line.split()[-2] for line in printed.splitlines() if "client_secret  " in line)


def test_it_comes_up_signs_in_ends_cleanly_and_comes_back(
    home: Path, free_port: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"http://127.0.0.1:{free_port}"
    with up(home, free_port, "--sample", "none") as (process, printed):
        assert f"{url}/docs" in printed
        command = printed[printed.index("curl ") :].splitlines()[:4]
        assert [len(line) <= TERMINAL_COLUMNS for line in command] == [True] * 4
        assert [line.endswith(" \\") for line in command] == [True, True, True, False]
        signed = subprocess.run("\n".join(command), shell=True, capture_output=True, text=True, check=True)
        assert "access_token" in signed.stdout
        form = {"grant_type": "client_credentials", "client_id": "admin", "client_secret": secret_in(printed)}
        token = httpx.post(f"{url}/oauth/token", data=form).json()["access_token"]
        person = {"items": [{"person_id": "p1", "name": "Ada", "active": True, "roles": ["rep"]}]}
        headers = {"Authorization": f"Bearer {token}"}
        assert httpx.post(f"{url}/v1/people", json=person, headers=headers).is_success
        process.send_signal(signal.SIGINT)
        assert process.wait(DOWN_SECONDS_MAX) == 0
    assert "fast shutdown" in (home / "postgres" / "log").read_text()

    begun = time.monotonic()
    with up(home, free_port) as (process, printed):
        assert time.monotonic() - begun < UP_SECONDS_MAX
        assert "client_secret" not in printed
        assert main(["token", "--role", "admin", "--home", str(home)]) == 0
        headers = {"Authorization": f"Bearer {capsys.readouterr().out.strip()}"}
        assert httpx.get(f"{url}/v1/people/p1", headers=headers).json()["name"] == "Ada"
        assert [p["person_id"] for p in httpx.get(f"{url}/v1/people", headers=headers).json()["items"]] == ["p1"]
        assert f"merit token --role admin --home {home}" in printed
        assert main(["token", "--as", "nobody", "--home", str(home)]) == 2
        assert main(["verify", "--home", str(home)]) == 0
        told = capsys.readouterr().out
        assert "FAILED" not in told
        assert told.endswith(" checks, all hold\n")
        assert main(["token", "--role", "auditor", "--home", str(home)]) == 0
        monkeypatch.setenv("MERIT_TOKEN", capsys.readouterr().out.strip())
        assert main(["verify", "--url", url]) == 0
        assert [line.split(" (")[0] for line in capsys.readouterr().out.splitlines()] == [
            line.split(" (")[0] for line in told.splitlines()
        ]
        process.send_signal(signal.SIGTERM)
        assert process.wait(DOWN_SECONDS_MAX) == 0
    assert "database system was not properly shut down" not in (home / "postgres" / "log").read_text()


def test_a_home_in_another_currency_starts_without_the_sample(home: Path, free_port: int) -> None:
    with up(home, free_port, "--currency", "EUR") as (_, printed):
        assert "is in USD and this home in EUR: Merit starts without a sample." in printed
        assert "Importing" not in printed
    assert (home / "sample").read_text() == "none"
