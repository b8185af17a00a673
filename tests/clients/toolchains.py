"""Programs in other languages: what each stands on is fetched once, by its own package client, from a committed lock.

What was fetched lies in ``MERIT_CLIENTS_HOME`` (else the user's cache folder), outside the project, and is fetched
anew when the lock changes. Where a tool is missing the test is skipped, loudly; with MERIT_REQUIRE_CLIENTS=1 it fails.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "merit-clients"
HOME = Path(os.environ.get("MERIT_CLIENTS_HOME") or CACHE)
FETCH_SECONDS_MAX = 300
RUN_SECONDS_MAX = 60


@dataclass(frozen=True)
class Program:
    """A program of another language: JSON in on standard input, JSON lines out."""

    line: list[str]
    environment: dict[str, str] = field(default_factory=dict)

    async def run(self, told: Any, *arguments: str) -> list[Any]:
        """What it prints; it must end well, within RUN_SECONDS_MAX."""
        process = await asyncio.create_subprocess_exec(
            *self.line,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=os.environ | self.environment,
        )
        try:
            async with asyncio.timeout(RUN_SECONDS_MAX):
                out, err = await process.communicate(json.dumps(told).encode())
        finally:
            if process.returncode is None:
                process.kill()
        assert process.returncode == 0, (out + err).decode()
        return [json.loads(line) for line in out.splitlines()]


def require(tool: str) -> str:
    """Where a tool lies. Skips the test, or fails it, when it is not installed."""
    if found := shutil.which(tool):
        return found
    if os.environ.get("MERIT_REQUIRE_CLIENTS") == "1":
        pytest.fail(f"`{tool}` is not installed", pytrace=False)
    pytest.skip(f"NOTHING IS TESTED WITH `{tool}`: it is not installed")


def javascript(name: str) -> Program:
    """A program of ``javascript/``, with the packages of its package-lock.json."""
    node, npm = require("node"), require("npm")
    source = HERE / "javascript"
    lock = source / "package-lock.json"

    def fetch(folder: Path) -> None:
        for file in (source / "package.json", lock):
            shutil.copy(file, folder)
        _call([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(folder)], folder)

    modules = _fetched("javascript", [lock], fetch) / "node_modules"
    return Program([node, str(source / f"{name}.js")], {"NODE_PATH": str(modules)})


def go() -> Program:
    """The program of ``go/``, with the modules of its go.sum."""
    tool, source = require("go"), HERE / "go"

    def fetch(folder: Path) -> None:
        _call([tool, "build", "-mod=readonly", "-trimpath", "-o", str(folder / "send"), "."], source)

    built = _fetched("go", sorted(source.iterdir()), fetch)
    return Program([str(built / "send")])


def java(name: str) -> Program:
    """A program of ``java/``, with the jars of its pom.xml, which must be those of libs.sha256."""
    tool, maven, source = require("java"), require("mvn"), HERE / "java"
    pom, sums = source / "pom.xml", source / "libs.sha256"

    def fetch(folder: Path) -> None:
        goal = ["dependency:copy-dependencies", f"-DoutputDirectory={folder}"]
        _call([maven, "-q", "-B", "-f", str(pom), *goal], folder)
        found = {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in folder.iterdir()}
        wanted = dict(reversed(line.split()) for line in sums.read_text(encoding="utf-8").splitlines())
        assert found == wanted, "the jars are not those of libs.sha256"

    jars = _fetched("java", [pom, sums], fetch)
    return Program([tool, "-XX:TieredStopAtLevel=1", "-cp", f"{jars}/*", str(source / f"{name}.java")])


def _fetched(language: str, locks: list[Path], fetch: Callable[[Path], None]) -> Path:
    """The folder of what a language's programs stand on, filled the first time."""
    digest = hashlib.sha256(b"".join(lock.read_bytes() for lock in locks)).hexdigest()[:12]
    folder = HOME / f"{language}-{digest}"
    if not folder.exists():
        HOME.mkdir(parents=True, exist_ok=True)
        arriving = Path(tempfile.mkdtemp(prefix=f"{language}-", dir=HOME))
        try:
            fetch(arriving)
            arriving.rename(folder)
        except OSError:
            if not folder.exists():  # else somebody was faster
                raise
        finally:
            shutil.rmtree(arriving, ignore_errors=True)
    return folder


def _call(line: list[str], folder: Path) -> None:
    more: dict[str, Any] = {"env": os.environ | {"GOTOOLCHAIN": "local"}, "timeout": FETCH_SECONDS_MAX}
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False, **more)
    assert done.returncode == 0, f"{' '.join(line)}\n{done.stdout}{done.stderr}"
