"""The home: one folder with everything that an installation keeps (the database, its secrets, its business zone)."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

DEFAULT_HOME = ".merit"
INSTALLATION = "installation.json"
SECRET_BYTES = 32
PRIVATE_FOLDER, PRIVATE_FILE = 0o700, 0o600


class MeritError(Exception):
    """Something that the person at the terminal can mend; the text is the one sentence that they read."""


@dataclass(frozen=True)
class Installation:
    """What may not change after the first event: the business time zone and the reporting currency."""

    zone: str
    currency: str


@dataclass(frozen=True)
class Home:
    """A home folder, as an absolute path; it need not exist yet."""

    folder: Path

    @classmethod
    def at(cls, folder: Path) -> Home:
        return cls(Path(os.path.abspath(folder.expanduser())))  # noqa: PTH100 (resolve() would follow links)

    @property
    def option(self) -> str:
        """What a command needs to mean this home: nothing for the default one, else `` --home FOLDER``."""
        return "" if self == Home.at(Path(DEFAULT_HOME)) else f" --home {shlex.quote(str(self.folder))}"

    @property
    def made(self) -> Installation | None:
        """What this home was made with; None when it is new (or not ours to read, which its lock will say)."""
        try:
            return Installation(**json.loads((self.folder / INSTALLATION).read_text()))
        except OSError:
            return None

    @property
    def postgres(self) -> Path:
        return self.folder / "postgres"

    @property
    def imports(self) -> Path:
        """The journals of imports, and rejected rows of the sample."""
        return self.folder / "imports"

    @property
    def traces(self) -> Path:
        """The newest spans, for `merit traces`."""
        return self.folder / "traces"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Make the folder if need be and be its only user while the context is open.

        Raises MeritError when another process has it, or when it cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
            (self.folder / "secrets").mkdir(exist_ok=True, mode=PRIVATE_FOLDER)
            descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
        except OSError as error:
            raise MeritError(
                f"The home {self.folder} cannot be written ({error.strerror}): choose another with --home."
            ) from error
        try:
            self._take(descriptor)
            yield
        finally:
            os.close(descriptor)

    def _take(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 64, 0).decode(errors="replace").strip() or "unknown"
            raise MeritError(
                f"The home {self.folder} is in use by another Merit (process {holder}):"
                " stop that one, or choose another with --home."
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)

    def secret(self, name: str) -> str:
        """A secret of this home, made at its first use and readable by the owner only."""
        path = self.folder / "secrets" / name
        if not path.exists():
            self.write_private(path, secrets.token_urlsafe(SECRET_BYTES))
        return path.read_text()

    def write_private(self, path: Path, text: str) -> None:
        """Write a file that only the owner may read, whole or not at all."""
        fresh = path.with_name(path.name + ".new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)

    def installation(self, zone: str | None, currency: str | None) -> Installation:
        """The zone and currency that this home was made with; on first use they are set (UTC and USD unless given).

        Raises MeritError when another zone or currency is asked for than the home has.
        """
        path = self.folder / INSTALLATION
        if not path.exists():
            made = Installation(zone or "UTC", currency or "USD")
            self.write_private(path, json.dumps({"zone": made.zone, "currency": made.currency}))
        kept = Installation(**json.loads(path.read_text()))
        for what, asked, has in (("time zone", zone, kept.zone), ("currency", currency, kept.currency)):
            if asked is not None and asked != has:
                raise MeritError(
                    f"The home {self.folder} was made with the {what} {has}, not {asked}:"
                    " changing it is a rebuild, so leave it out or choose another home."
                )
        return kept
