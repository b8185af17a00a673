"""Print the targets of the Makefile with the sentence that stands beside each."""

import re
import sys
from pathlib import Path

TARGET = re.compile(r"^([a-z-]+):[^#]*## (.+)$", re.MULTILINE)

print("make what?\n")
for name, sentence in TARGET.findall(Path(sys.argv[1]).read_text(encoding="utf-8")):
    print(f"  make {name:8} {sentence}")
