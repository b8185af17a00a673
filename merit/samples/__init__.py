"""The sample data that Merit ships: what to import, in which order, and the plans that pay on it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import as_file, files
from importlib.resources.abc import Traversable
from pathlib import Path

import yaml


@dataclass(frozen=True)
class Sample:
    """A folder of CSV files and mappings. ``steps`` are imported in this order: what others refer to comes first."""

    name: str
    currency: str
    steps: tuple[tuple[str, str], ...]
    plans: tuple[str, ...]


ADVENTUREWORKS = Sample(
    "adventureworks",
    "USD",
    (
        ("sales_team.csv", "people.yaml"),
        ("sales_team.csv", "managers.yaml"),
        ("SalesTerritoryHistory.csv", "territories.yaml"),
        ("SalesPersonQuotaHistory.csv", "quotas.yaml"),
        ("SalesPerson.csv", "pay.yaml"),
        ("SalesOrderHeader.csv", "orders.yaml"),
    ),
    ("standard", "accelerator"),
)
SAMPLES: Mapping[str, Sample] = {sample.name: sample for sample in (ADVENTUREWORKS,)}


YAML = ".yaml"


@contextmanager
def folder(sample: Sample) -> Iterator[Path]:
    """The sample's files as real files."""
    with as_file(files("merit.samples") / sample.name) as path:
        yield path


def mapping_names() -> list[str]:
    """The names of the mappings that are shipped for the exports of others, without their data."""
    return sorted(entry.name.removesuffix(YAML) for entry in _mappings().iterdir() if entry.name.endswith(YAML))


@contextmanager
def mapping(name: str) -> Iterator[Path]:
    """A shipped mapping as a real file."""
    with as_file(_mappings() / (name + YAML)) as path:
        yield path


def _mappings() -> Traversable:
    return files("merit.samples") / "mappings"


def plan(path: Path, key: str) -> object:
    """A plan's document."""
    document: object = yaml.safe_load((path / "plans" / f"{key}.yaml").read_text(encoding="utf-8"))
    return document


def fingerprint(path: Path) -> str:
    """A hash of all the sample's files: a newer sample is imported again."""
    hashed = hashlib.blake2b(digest_size=16)
    for file in sorted(p for p in path.rglob("*") if p.is_file()):
        hashed.update(file.name.encode() + b"\0" + file.read_bytes())
    return hashed.hexdigest()
