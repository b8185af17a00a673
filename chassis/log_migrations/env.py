"""Runs the embedded log's migrations; its tables are written as SQL, so there is no metadata to compare."""

from sqlalchemy import MetaData

from chassis.db import run_migrations

run_migrations(MetaData())
