"""What the written parts keep: decisions with their check, links that lead somewhere, no word of a workplace."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
DECISION_LINES_MAX = 60
HERE = Path(__file__)
# Written in two parts, so that this file does not find itself.
HOSTS = [a + b for a, b in (("pypi", ".org"), ("python", "hosted.org"), ("npm", "js.org"), ("docker", ".io"))]
HOSTS += [a + b for a, b in (("ghcr", ".io"), ("quay", ".io"), ("crates", ".io"), ("proxy.golang", ".org"))]
HOSTS += [a + b for a, b in (("repo1", ".maven"), ("repo.", "maven"), ("files.", "python"))]
WORKPLACE = [a + b for a, b in (("/work", "/main"), ("/work", "/shared"), ("pg", "shared"), ("brief", ".md"))]
WORKPLACE += [a + b for a, b in (("../", "shared/"), ("issues", " show"), ("before", "-stop"), ("co-", "founder"))]
WORKPLACE += [
    a + b for a, b in (("/home/", "user"), ("/root", "/"), ("Clau", "de"), ("Anth", "ropic"), ("Chat", "GPT"))
]


def test_no_file_names_a_registry(text_file):
    """Any mirror must do: where packages come from is the machine's own business."""
    found = [host for host in HOSTS if host in text_file.read_text(encoding="utf-8")]
    assert not found, f"names {found}: leave the host to the machine's own settings"


def test_no_file_tells_of_the_place_where_it_was_written(text_file):
    found = [word for word in WORKPLACE if word in text_file.read_text(encoding="utf-8")]
    assert not found, f"says {found}: the project stands for itself; write what a newcomer can follow"


def test_links_lead_somewhere(markdown, root):
    for match in LINK.finditer(markdown.read_text(encoding="utf-8")):
        target = (match.group(1) or match.group(2)).partition("#")[0]
        if target and not re.match(r"[a-z]+:", target):
            path = (markdown.parent / target).resolve()
            assert path.is_relative_to(root), f"{target} leaves the project"
            assert path.exists(), f"{target} does not exist"


@pytest.mark.parametrize("section", ["Context", "Decision", "Consequences", "Check"])
def test_a_decision_has_its_parts(decision, section):
    assert f"\n## {section}\n" in decision.read_text(encoding="utf-8"), f"an ADR says its {section.lower()}"


def test_a_decision_fits_on_a_page_and_ends_with_the_check_that_keeps_it(decision, root):
    text = decision.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= DECISION_LINES_MAX, "one page"
    check = text.rpartition("\n## ")[2]
    assert check.startswith("Check\n"), "the last section is the check: what goes red when the decision is not kept"
    named = re.findall(r"`([\w./-]+)`", check)
    there = [name for name in named if (root / name.split("::")[0]).exists()]
    assert there, f"the check names no file of the project (found {named})"


def test_every_decision_is_in_the_index(decision):
    assert f"({decision.name})" in (decision.parent / "README.md").read_text(encoding="utf-8")


def test_every_library_has_a_line_in_the_decision_on_libraries(root):
    wanted = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    page = (root / "docs" / "decisions" / "libraries-taken-and-not-taken.md").read_text(encoding="utf-8")
    table = set(re.findall(r"[\w-]+", " ".join(line for line in page.splitlines() if line.startswith("|"))))
    missing = {re.split(r"[^\w-]", name)[0] for name in wanted} - table
    assert not missing, f"say in the table what {sorted(missing)} is for, and what was not taken instead"


def test_the_walls_have_no_exception(root):
    assert "ignore_imports" not in (root / ".importlinter").read_text(encoding="utf-8"), "move the code instead"


def test_the_readme_names_the_commands_that_there_are(root):
    readme, makefile = ((root / name).read_text(encoding="utf-8") for name in ("README.md", "Makefile"))
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)`", readme)) | set(re.findall(r"^make ([a-z-]+)", readme, re.MULTILINE))
    assert named >= {"run", "test"}, "the README tells a newcomer `make run` and `make test`"
    assert named <= targets, f"the README names {sorted(named - targets)}, which the Makefile does not have"
