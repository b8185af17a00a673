"""Run the faults with many seeds on both logs; each result is a line of a table, which is counted at the end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

EXTRA = ("-o", "python_files=test_*.py broker_restarts.py")
"""What takes minutes, and is therefore not found by `make test`."""
USUAL = {"MERIT_FAULT_SEEDS": "20", "MERIT_FAULT_LOGS": "postgres,kafka", "MERIT_FAULT_TABLE": "faults.tsv"}
told = USUAL | {name: os.environ[name] for name in USUAL if name in os.environ}
table = Path(told["MERIT_FAULT_TABLE"])
table.unlink(missing_ok=True)
environment = os.environ | told | {"MERIT_REQUIRE_KAFKA": "1"}
line = [sys.executable, "-m", "pytest", "tests/faults", *EXTRA, *sys.argv[1:]]
code = subprocess.run(line, env=environment, check=False).returncode
outcomes = Counter(line.split("\t")[0] for line in table.read_text(encoding="utf-8").splitlines())
print(f"{table}: {', '.join(f'{count} {outcome}' for outcome, count in sorted(outcomes.items()))}")
sys.exit(code)
