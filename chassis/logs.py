"""The log of a process: one JSON line per event with the trace id, or plain text (``LOG_FORMAT`` json or text)."""

from __future__ import annotations

import datetime as dt
import logging
import os
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import msgspec

from chassis.telemetry import current_trace_id, service_name

FORMATS = ("json", "text")
UVICORN = ("uvicorn", "uvicorn.error", "uvicorn.access")
QUIET = ("aiokafka", "httpx", "httpcore", "asyncio")
"""Libraries that tell of every step: from them warnings are enough."""
STACK_CHARACTERS_MAX = 8_000
SPARED_SECONDS = 10.0
SPARED_MAX = 1_000


class LogFormatInvalid(Exception):
    """``LOG_FORMAT`` names no format."""


class JsonLines(logging.Formatter):
    """One line of JSON; ``fields`` in ``extra`` stand beside the message."""

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, Any] = {
            "time": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "service": service_name(),
            "message": record.getMessage(),
            "trace_id": current_trace_id(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[0]:
            told["error"] = record.exc_info[0].__name__
            told["stack"] = self.formatException(record.exc_info)[-STACK_CHARACTERS_MAX:]
        return msgspec.json.encode({name: value for name, value in told.items() if value != ""}).decode()


class Sparing(logging.Filter):
    """Of what a library says again and again (that a broker is away, say), the same is passed on every ten seconds."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(QUIET):
            return True
        same = record.name, str(record.msg)
        if record.created - self._said.get(same, 0.0) < SPARED_SECONDS:
            return False
        if len(self._said) >= SPARED_MAX:
            self._said.clear()
        self._said[same] = record.created
        return True


class PlainText(logging.Formatter):
    """For people: the time, who speaks, and the trace id where there is one."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        trace_id = current_trace_id()
        return super().format(record) + (f" [trace {trace_id}]" if trace_id else "")


def configure(environment: Mapping[str, str] = os.environ, stream: TextIO | None = None) -> None:
    """Send everything that is logged in this process, by libraries too, through one formatter to standard error.

    Raises LogFormatInvalid.
    """
    chosen = environment.get("LOG_FORMAT", "json")
    if chosen not in FORMATS:
        raise LogFormatInvalid(f"LOG_FORMAT: {chosen!r} is none of {', '.join(FORMATS)}")
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines() if chosen == "json" else PlainText())
    handler.addFilter(Sparing())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for name in UVICORN:  # its own configuration would keep them from the root, or silence them
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
        logging.getLogger(name).setLevel(logging.NOTSET)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
