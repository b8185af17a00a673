"""Runs kpi's migrations."""

from chassis.db import run_migrations
from services.kpi.tables import KpiTable

run_migrations(KpiTable.metadata)
