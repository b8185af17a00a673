"""Hands the house's rules the files that they judge, one test per file, so that a failing one names itself."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = ("contracts", "chassis", "services", "gateway", "merit")
NOT_OURS = {"__pycache__", "dist", "build", "node_modules"}
TEXT = {".py", ".md", ".toml", ".yaml", ".yml", ".json", ".lock", ".in", ".ini", ".txt", ".mako", ".sh", ".html", ""}
EXACT = ("domain", "store", "translate.py", "store.py", "tables.py")
"""Rooms of kpi and incentive in which every number is money or a KPI."""


def files() -> list[Path]:
    """Every file of the project: what hidden folders hold (environments, caches, history) is not of it, nor is the
    file ``.git`` by which a linked work tree points to its history."""
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = sorted(f for f in folders if f == ".ci" or not (f.startswith(".") or f in NOT_OURS))
        found += [Path(folder, name) for name in sorted(names) if name != ".git"]
    return found


def inside(path: Path, *folders: str) -> bool:
    """Whether a file lies in one of the project's top folders."""
    return path.relative_to(ROOT).parts[0] in folders


def exact(path: Path) -> bool:
    """Whether a module computes or carries money or KPIs."""
    parts = path.relative_to(ROOT).parts
    if parts[0] == "contracts" or parts[:1] + parts[2:3] == ("services", "domain"):
        return True
    return parts[:2] in {("services", "kpi"), ("services", "incentive")} and parts[2] in EXACT


@cache
def kinds() -> dict[str, list[Path]]:
    """What each parameter name stands for."""
    everything = files()
    modules = [p for p in everything if p.suffix == ".py"]
    product = [p for p in modules if inside(p, *PRODUCT)]
    return {
        "folder": [p.parent for p in everything if p.parent != ROOT],
        "text_file": [p for p in everything if p.suffix in TEXT and p.name != "LICENSE"],
        "module": modules,
        "product_module": product,
        "test_module": [p for p in modules if inside(p, "tests")],
        "exact_module": [p for p in product if exact(p)],
        "spoken_module": [p for p in product if inside(p, "contracts", "chassis") or "domain" in p.parts],
        "markdown": [p for p in everything if p.suffix == ".md"],
        "decision": [p for p in everything if p.parent == ROOT / "docs" / "decisions" and p.name != "README.md"],
        "service": sorted(p.parent for p in everything if p.parent.parent == ROOT / "services" and p.suffix == ".py"),
    }


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrise each rule over the files that it speaks of."""
    for name, paths in kinds().items():
        if name in metafunc.fixturenames:
            unique = sorted(set(paths))
            metafunc.parametrize(name, unique, ids=[str(p.relative_to(ROOT)) for p in unique])


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's top folder."""
    return ROOT
