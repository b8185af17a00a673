"""Make .venv from the lock files: a pinned uv first, then everything else through it, each checked by its hash."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

VENV = Path(".venv")
BIN = VENV / "bin"
DISTRUST = "\nIf uv distrusts a certificate that this machine trusts: export UV_SYSTEM_CERTS=1, and try again."


def main() -> None:
    say("Making .venv (once; it needs the network) ...")
    if run([sys.executable, "-m", "venv", str(VENV)]):
        sys.exit("Python's venv module does not work here: on Debian and Ubuntu install python3-venv, then try again.")
    needed([str(BIN / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check", "--require-hashes",
            "-r", "tools/uv.lock"])  # fmt: skip
    uv = [str(BIN / "uv"), "pip", "install", "-q", "--python", str(BIN / "python"), "--link-mode", "copy"]
    needed([*uv, "--require-hashes", "-r", "requirements.lock"], DISTRUST)
    needed([*uv, "--no-deps", "--no-build-isolation", "-e", "."])
    (VENV / ".ready").touch()


def say(text: str) -> None:
    sys.stderr.write(text + "\n")


def run(command: list[str]) -> int:
    return subprocess.run(command, check=False).returncode


def needed(command: list[str], hint: str = "") -> None:
    if run(command):
        sys.exit(f"This step failed, see above: {' '.join(command)}{hint}")


main()
