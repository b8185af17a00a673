"""The migrations of a small service that only the chassis' tests know."""

from sqlalchemy import MetaData

from chassis.db import run_migrations

run_migrations(MetaData())
