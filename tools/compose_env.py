"""Write a random secret to .env for each one that docker-compose.yml demands; those that are there stay."""

from __future__ import annotations

import re
import secrets
import sys
from pathlib import Path

DEMANDED = re.compile(r"\$\{([A-Z_]+):\?")
SECRET_BYTES = 24
"""As hexadecimal digits: nothing in them has to be escaped in an address."""


def main() -> None:
    """Write to .env, or to the file that is named as the argument."""
    demanded = set(DEMANDED.findall(Path("docker-compose.yml").read_text(encoding="utf-8")))
    place = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(".env")
    there = place.read_text(encoding="utf-8") if place.exists() else ""
    missing = sorted(demanded - set(re.findall(r"^([A-Z_]+)=", there, re.MULTILINE)))
    lines = "".join(f"{name}={secrets.token_hex(SECRET_BYTES)}\n" for name in missing)
    gap = "" if not there or there.endswith("\n") else "\n"
    place.touch(mode=0o600)
    place.write_text(there + gap + lines, encoding="utf-8")
    place.chmod(0o600)
    print(f"{place}: {len(missing)} secrets written, {len(demanded) - len(missing)} were there")


main()
