"""Running as root: PostgreSQL refuses to, so it runs as a system user of its own, made when it is missing."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple, TypedDict

from merit.home import MeritError

NAME = "merit-postgres"
SYSTEM_FOLDERS = "/usr/sbin:/sbin"
"""Where useradd is; `su` and containers can leave root with a user's PATH."""
REFUSED = f"PostgreSQL will not run as root, and its user {NAME} cannot be made: run Merit as an ordinary user."


class User(NamedTuple):
    """A user of the operating system."""

    uid: int
    gid: int


class Options(TypedDict, total=False):
    """What subprocess takes to run as another user."""

    user: int
    group: int
    extra_groups: list[int]


def needed() -> User | None:
    """The user to run PostgreSQL as; None when we are an ordinary user ourselves. Raises MeritError."""
    if os.geteuid() != 0:
        return None
    try:
        found = pwd.getpwnam(NAME)
    except KeyError:
        found = _make()
    return User(found.pw_uid, found.pw_gid)


def _make() -> pwd.struct_passwd:
    tool = useradd()
    if tool is None:
        raise MeritError(REFUSED)
    done = subprocess.run(
        [tool, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", NAME], capture_output=True, check=False
    )
    if done.returncode:
        raise MeritError(REFUSED)
    return pwd.getpwnam(NAME)


def useradd() -> str | None:
    """Where the tool is that makes users; None when there is none."""
    return shutil.which("useradd", path=os.pathsep.join((os.environ.get("PATH", os.defpath), SYSTEM_FOLDERS)))


def options(user: User | None) -> Options:
    """How subprocess runs as this user."""
    return Options(user=user.uid, group=user.gid, extra_groups=[]) if user else Options()


def give(path: Path, user: User | None) -> None:
    """Make the user the owner of a file or folder."""
    if user:
        os.chown(path, user.uid, user.gid)


def open_way(*paths: Path) -> None:
    """Let other users pass through (not list) the folders that lead to these paths, and say so for each one."""
    for path in paths:
        for folder in reversed(path.resolve().parents):
            if _allow(folder, stat.S_IXOTH):
                print(f"Merit runs as root: {NAME} may now pass through {folder} (o+x).", file=sys.stderr)


def open_tree(folder: Path) -> None:
    """Let other users read (and run) a folder that came out of a package, whatever umask it was installed with."""
    for path in (folder, *folder.rglob("*")):
        if path.exists() and not path.is_symlink():
            runs = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            _allow(path, stat.S_IROTH | (stat.S_IXOTH if runs else 0))


def _allow(path: Path, bits: int) -> bool:
    """Add what is missing of these permissions; whether anything was."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & bits == bits:
        return False
    path.chmod(mode | bits)
    return True
