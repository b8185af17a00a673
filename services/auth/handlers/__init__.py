"""The use cases of auth: each loads, decides by the domain's rules, and saves and announces in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from chassis.clock import Clock
from chassis.db import Database
from services.auth.handlers.hashing import Hasher


@dataclass(frozen=True)
class Auth:
    """What the use cases stand on. ``new_secret`` draws a secret of at least 128 random bits."""

    database: Database
    clock: Clock
    zone: ZoneInfo
    issuer: str
    hasher: Hasher
    new_secret: Callable[[], str]
