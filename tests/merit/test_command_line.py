"""What a person at the terminal reads when something is amiss: one sentence, exit code 2, no traceback."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from merit import service_user
from merit.__main__ import main
from merit.commands import closing
from merit.home import Home
from merit.verify import Check


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str


class Terminal:
    """Runs the command in this process, as the installed ``merit`` does."""

    def __init__(self, captured: pytest.CaptureFixture[str]) -> None:
        self._captured = captured

    def __call__(self, *arguments: str) -> Done:
        code = main(list(arguments))
        return Done(code, *self._captured.readouterr())

    def refused(self, *arguments: str) -> str:
        """The one sentence on stderr of a command that could not be done."""
        done = self(*arguments)
        assert done.code == 2, done
        assert done.stdout == ""
        assert len(done.stderr.splitlines()) == 1, done.stderr
        return done.stderr.strip()


@pytest.fixture
def merit(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    for name in ("MERIT_HOME", "MERIT_PORT", "MERIT_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return Terminal(capsys)


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty current folder."""
    with tempfile.TemporaryDirectory(prefix="merit-cli-") as path:
        monkeypatch.chdir(path)
        yield Path(path)


def test_help_is_for_newcomers(merit: Terminal) -> None:
    done = merit("--help")
    assert done.code == 0
    for command in ("up", "import", "token", "verify", "MERIT_HOME"):
        assert command in done.stdout
    assert "MERIT_PORT" in merit("up", "--help").stdout


def test_a_port_in_use(merit: Terminal, folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = merit.refused("up", "--home", str(folder / "home"), "--port", str(port))
    assert said == f"The port {port} cannot be used (Address already in use): choose another with --port."
    assert not (folder / "home").exists()


def test_a_home_in_use(merit: Terminal, folder: Path, free_port: int) -> None:
    home = Home.at(folder / "home")
    with home.lock():
        said = merit.refused("up", "--home", str(home.folder), "--port", str(free_port))
    assert said.startswith(f"The home {home.folder} is in use by another Merit (process {os.getpid()})")


def test_a_read_only_home(merit: Terminal, folder: Path, free_port: int) -> None:
    place = folder / "locked"
    place.mkdir(mode=0o500)
    if os.access(place, os.W_OK):  # as root permissions do not bind: take a file system that nobody may write
        place = Path("/sys")
        if not place.is_dir():
            pytest.skip("running as root, and there is no /sys to be refused by")
    said = merit.refused("up", "--home", str(place / "home"), "--port", str(free_port))
    assert said.startswith(f"The home {place}/home cannot be written")


def test_another_zone_than_the_home_has(merit: Terminal, folder: Path, free_port: int) -> None:
    home = Home.at(folder / "home")
    with home.lock():
        home.installation("Asia/Tokyo", "JPY")
    up = ("up", "--home", str(home.folder), "--port", str(free_port))
    assert "was made with the time zone Asia/Tokyo, not UTC" in merit.refused(*up, "--zone", "UTC")
    assert "was made with the currency JPY, not EUR" in merit.refused(*up, "--currency", "EUR")


def test_a_sample_that_the_home_cannot_have_or_be_without(merit: Terminal, folder: Path, free_port: int) -> None:
    home = Home.at(folder / "home")
    with home.lock():
        home.installation("UTC", "EUR")
    up = ("up", "--home", str(home.folder), "--port", str(free_port), "--sample")
    said = "The sample adventureworks is in USD and this home in EUR: use --sample none."
    assert merit.refused(*up, "adventureworks") == said
    (home.folder / "sample").write_text("adventureworks 0123")
    assert "was made with the sample adventureworks, which cannot be taken out" in merit.refused(*up, "none")
    new = ("up", "--home", str(folder / "new"), "--currency", "EUR", "--sample", "adventureworks")
    assert merit.refused(*new) == said
    assert not (folder / "new").exists()


def test_a_home_says_how_to_name_it(folder: Path) -> None:
    assert Home.at(Path(".merit")).option == ""
    assert Home.at(folder / "my home").option == f" --home '{folder}/my home'"


def test_a_verification_ends_with_its_sum() -> None:
    good, bad = Check("a", True, 3, ""), Check("b", False, 1, "lost")
    assert closing([good, good]) == "2 checks, all hold"
    assert closing([good, bad]) == "1 of 2 checks failed"
    assert closing([]) == "nothing was checked"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("up", "--zone", "Mars/Base"), "'Mars/Base' is no IANA time zone."),
        (("up", "--currency", "euro"), "'euro' is no ISO 4217 currency code."),
        (("token",), "Say whose token: --as PERSON, or --role ROLE."),
        (("token", "--as", "289", "--role", "admin"), "Say whose token: --as PERSON, or --role ROLE."),
    ],
)
def test_a_choice_that_cannot_be(
    merit: Terminal, arguments: tuple[str, ...], says: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert merit.refused(*arguments) == says


def test_users_can_be_made_also_on_an_ordinary_users_path(monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/usr/sbin/useradd").exists():
        pytest.skip("this system makes its users in another way")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert Path(service_user.useradd() or "").name == "useradd"


@pytest.mark.parametrize("arguments", [("verify",), ("token", "--role", "admin")])
def test_nobody_to_talk_to(
    merit: Terminal, arguments: tuple[str, ...], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert merit.refused(*arguments).startswith(f"No Merit runs on the home {folder}/.merit")


def test_a_broken_mapping_before_anything_is_asked(merit: Terminal, folder: Path) -> None:
    (folder / "m.yaml").write_text("columns: {a: text}\noutputs: [{resource: peopel, item: {}}]\n")
    (folder / "f.csv").write_text("a\n1\n")
    said = merit.refused("import", "f.csv", "--mapping", "m.yaml")
    assert said == "m.yaml, line 2, column 22: 'peopel' is no resource; did you mean 'people'?"


def test_a_merit_elsewhere_needs_a_token(merit: Terminal, folder: Path) -> None:
    (folder / "m.yaml").write_text("columns: {a: text}\noutputs: [{resource: teams, item: {team_id: x, name: y}}]\n")
    (folder / "f.csv").write_text("a\n1\n")
    elsewhere = ("--url", "http://127.0.0.1:1")
    assert "MERIT_TOKEN" in merit.refused("import", "f.csv", "--mapping", "m.yaml", *elsewhere)
    assert "MERIT_TOKEN" in merit.refused("verify", *elsewhere)
