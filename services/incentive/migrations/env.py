"""Runs incentive's migrations."""

from chassis.db import run_migrations
from services.incentive.tables import IncentiveTable

run_migrations(IncentiveTable.metadata)
