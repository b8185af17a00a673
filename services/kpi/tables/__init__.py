"""kpi's tables: the schema of record, which a test holds against the migrations."""

from services.kpi.tables import decided, kept, objects, quality, reading, saved
from services.kpi.tables.root import KpiTable

__all__ = ["KpiTable", "decided", "kept", "objects", "quality", "reading", "saved"]
