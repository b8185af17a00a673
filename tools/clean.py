"""Remove the virtual environment and every cache; data in .merit stays."""

import shutil
from pathlib import Path

FOLDERS = (
    ".venv",
    ".venv-deploy",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    ".import_linter_cache",
    ".hypothesis",
    "dist",
)

for folder in [*map(Path, FOLDERS), *Path.cwd().glob("[!.]*/**/__pycache__")]:
    shutil.rmtree(folder, ignore_errors=True)
