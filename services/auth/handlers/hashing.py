"""Secrets are hashed with argon2id in a few threads of their own: it takes tens of milliseconds of pure work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from chassis.problems import Problem

MEMORY_KIB = 19 * 1024
PASSES = 2
LANES = 1
WAITING_MAX = 64
T = TypeVar("T")
_NOBODY = "a client that does not exist"


@dataclass
class Hasher:
    """A bounded pool of hashing threads: what does not fit into its queue is refused at once, with 503."""

    threads: int
    _waiting: int = 0
    _nobodys_hash: str | None = None
    _argon2: PasswordHash = field(init=False)
    _pool: ThreadPoolExecutor = field(init=False)

    def __post_init__(self) -> None:
        hasher = Argon2Hasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)
        self._argon2 = PasswordHash((hasher,))
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="argon2id")

    async def hash(self, secret: str) -> str:
        """The argon2id hash of a secret, with a salt of its own. Raises Problem 503."""
        return await self._run(lambda: self._argon2.hash(secret))

    async def verify(self, secret: str, hashed: str | None) -> bool:
        """Whether the secret has this hash; without a hash it takes as long, and is false. Raises Problem 503."""
        if hashed is not None:
            known = hashed
            return await self._run(lambda: self._argon2.verify(secret, known))
        if self._nobodys_hash is None:
            self._nobodys_hash = await self.hash(_NOBODY)
        nobody = self._nobodys_hash
        await self._run(lambda: self._argon2.verify(secret, nobody))
        return False

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=False)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= WAITING_MAX:
            raise Problem(503, "busy", "too many secrets wait to be checked")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._waiting -= 1
