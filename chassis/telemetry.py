"""What is under way, in W3C ``traceparent`` words, and spans of it for whoever keeps them.

Spans are recorded here and handed to a keeper when they end: a sampled one, and any that failed or moved money.
Without a keeper a span costs next to nothing. chassis.telemetry_export has the keepers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Literal, Protocol, TypeAlias

from chassis.clock import random_hex, stamp_ns
from chassis.span import TRACEPARENT, Kind, Span, Value, parse

LINKS_MAX = 64
"""How many different causes a span names; the others are counted in ``merit.links.left_out``."""

_current: ContextVar[str] = ContextVar("traceparent", default="")
_service: ContextVar[str] = ContextVar("service", default="merit")


class Keeper(Protocol):
    """Takes spans that ended; must not block."""

    def keep(self, span: Span) -> None:
        """Take a span."""
        ...

    def samples(self, trace_id: str) -> bool:
        """Whether a trace that begins here is to be kept whole."""
        ...


_keeper: Keeper | None = None
_system = "postgresql_log"


def keep_with(keeper: Keeper | None) -> None:
    """From now on hand spans to this keeper; None: record none."""
    global _keeper
    _keeper = keeper


def name_log(system: Literal["kafka", "postgresql_log"]) -> None:
    """Say which log this process stands on: ``messaging.system`` of its spans and metrics."""
    global _system
    _system = system


def messaging_system() -> str:
    """``kafka`` or ``postgresql_log``."""
    return _system


def recording() -> bool:
    """Whether anyone keeps spans: to skip what only a span would need."""
    return _keeper is not None


def name_service(name: str) -> None:
    """Say on whose behalf this task works from here on."""
    _service.set(name)


def service_name() -> str:
    """On whose behalf this task works."""
    return _service.get()


def enter(traceparent: str | None, fresh: str) -> str:
    """Make this request's trace current; ``fresh`` is random hex if the caller sent none. Returns the traceparent."""
    if not traceparent or not TRACEPARENT.match(traceparent):
        digits = fresh.rjust(32, "0")[-32:]  # the randomness of an id is at its end
        traceparent = f"00-{digits}-{digits[16:]}-01"
    _current.set(traceparent)
    return traceparent


def current_traceparent() -> str:
    """The traceparent of what is under way; empty outside of any request or record."""
    return _current.get()


def current_trace_id() -> str:
    """32 hex digits, or empty outside of any request or record."""
    found = TRACEPARENT.match(_current.get())
    return found.group(1) if found else ""


class Recording:
    """A span that is under way, as a context: inside it is the current one (unless it is a client's). An exception
    makes it a failed one."""

    __slots__ = ("_always", "_token", "span")

    def __init__(self, span: Span, always: bool) -> None:
        self.span, self._always = span, always
        self._token: Token[str] | None = None

    def __enter__(self) -> Recording:
        if self.span.kind != "client":  # a look into the database causes nothing: what surrounds it does
            self._token = _current.set(self.span.traceparent)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._token is not None:
            _current.reset(self._token)
        if kind is not None and not self.span.error:
            self.span.error = kind.__name__  # its text might tell of what it was about
        self.end()

    @property
    def traceparent(self) -> str:
        return self.span.traceparent

    def set(self, name: str, value: Value) -> None:
        """Say more about it."""
        self.span.attributes[name] = value

    def name(self, name: str) -> None:
        """Call it by what is known of it now."""
        self.span.name = name

    def fail(self, error: str) -> None:
        """Say that it failed, by the class of an exception or by a status; what was said first stands."""
        self.span.error = self.span.error or error

    def insist(self) -> None:
        """Have it kept even where its trace is not sampled."""
        self._always = True

    def end(self) -> None:
        """Hand it over."""
        self.span.end_ns = stamp_ns()
        if _keeper is not None and (self.span.sampled or self.span.error or self._always):
            _keeper.keep(self.span)


class _Off:
    """What a span is while nobody keeps them."""

    __slots__ = ()

    def __enter__(self) -> _Off:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    @property
    def traceparent(self) -> str:
        return _current.get()

    def set(self, name: str, value: Value) -> None:
        """Nothing is kept."""

    def name(self, name: str) -> None:
        """Nothing is kept."""

    def fail(self, error: str) -> None:
        """Nothing is kept."""

    def insist(self) -> None:
        """Nothing is kept."""

    def end(self) -> None:
        """Nothing is kept."""


OFF = _Off()
AnySpan: TypeAlias = Recording | _Off


def span(
    name: str,
    kind: Kind = "internal",
    attributes: Mapping[str, Value] | None = None,
    *,
    links: Iterable[str] | None = None,
    parent: str | None = None,
    start_ns: int = 0,
    always: bool = False,
) -> AnySpan:
    """A step of the work, to be entered as a context.

    Its parent is ``parent`` (a traceparent), or what is under way; with ``links`` it begins a trace of its own that
    names its causes. ``always``: kept even where its trace is not sampled (errors are, anyway).
    """
    if _keeper is None:
        return OFF
    said = dict(attributes) if attributes else {}
    causes: tuple[str, ...] = ()
    if links is not None:
        causes = _causes(links, said)
    above = parse(parent if parent is not None else "" if links is not None else _current.get())
    if above is not None:
        trace_id, parent_id, sampled = above
    else:
        trace_id, parent_id = random_hex(32), ""
        sampled = any(c.endswith("1") for c in causes) if causes else _keeper.samples(trace_id)
    made = Span(name, kind, _service.get(), trace_id, random_hex(16), parent_id, sampled, start_ns or stamp_ns())
    made.attributes, made.links = said, causes
    return Recording(made, always)


def inner_span(name: str, kind: Kind, attributes: Mapping[str, Value]) -> AnySpan:
    """A span below what is under way; none where nothing is: a loop that looks for work leaves no traces."""
    return OFF if _keeper is None or not _current.get() else span(name, kind, attributes)


def _causes(links: Iterable[str], attributes: dict[str, Value]) -> tuple[str, ...]:
    distinct = [link for link in dict.fromkeys(links) if TRACEPARENT.match(link)]
    if len(distinct) > LINKS_MAX:
        attributes["merit.links.left_out"] = len(distinct) - LINKS_MAX
    return tuple(distinct[:LINKS_MAX])
