"""kpi with other definitions out of the box: ``python -m benchmarks.kpi_with worker | relay | api``.

MERIT_BENCH_DEFINITIONS names their folder; everything else is services.kpi as it is.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from chassis import process
from services.kpi import __main__ as kpi
from services.kpi.settings import KpiSettings

if __name__ == "__main__":
    kpi.SHIPPED = Path(os.environ["MERIT_BENCH_DEFINITIONS"])
    sys.exit(process.main(kpi.SCHEMA, KpiSettings, kpi.build, kpi.MIGRATIONS, ("worker", "relay")))
