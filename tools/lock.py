"""Write requirements.lock and those of tools/ anew: versions and hashes for every platform, and no index's address."""

import subprocess
from pathlib import Path

UV = ".venv/bin/uv"
COMPILE = [UV, "pip", "compile", "--universal", "--generate-hashes", "--no-header", "--no-annotate",
           "--no-emit-index-url", "--no-emit-find-links", "--upgrade", "-q"]  # fmt: skip


def main() -> None:
    subprocess.run([*COMPILE, "pyproject.toml", "--group", "dev", "-o", "requirements.lock"], check=True)
    for wanted in (Path("tools/uv.in"), Path("tools/lint_deploy/requirements.in")):
        lock = str(wanted.with_suffix(".lock"))
        subprocess.run([*COMPILE, str(wanted), "--python-version", "3.11", "-o", lock], check=True)


main()
