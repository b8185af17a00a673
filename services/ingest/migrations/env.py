"""Runs ingest's migrations."""

from chassis.db import run_migrations
from services.ingest.tables import IngestTable

run_migrations(IngestTable.metadata)
