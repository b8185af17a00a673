"""Runs auth's migrations."""

from chassis.db import run_migrations
from services.auth.tables import AuthTable

run_migrations(AuthTable.metadata)
