"""Say so when this Python is too old for Merit; written so that even a very old one can read it."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 (it asks the Python that runs it)
    found = sys.executable + " is " + sys.version.split()[0]
    sys.exit("Merit needs Python 3.11 or newer and " + found + ": try `make run PYTHON=python3.12`, say.")
