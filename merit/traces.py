"""``merit traces``: recent traces, and one of them as a tree that follows the links from a request to the ledger."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from rich.markup import escape
from rich.table import Table
from rich.tree import Tree

from chassis.span import Span, parse

LISTED_MAX = 30
FOLLOWERS_MAX = 20
"""How many of what one step caused are drawn; the rest is counted."""
SHOWN = {
    "messaging.batch.message_count": "{} records",
    "merit.ledger.entries": "{} ledger entries",
    "http.response.status_code": "{}",
    "messaging.destination.partition.id": "partition {}",
    "messaging.consumer.group.name": "group {}",
}
"""The attributes that a line of the tree tells, in words."""


@dataclass
class Forest:
    """Spans by id, with what is below each (its own children) and what each caused (by links, in other traces)."""

    spans: dict[str, Span] = field(default_factory=dict)
    children: dict[str, list[Span]] = field(default_factory=dict)
    caused: dict[str, list[Span]] = field(default_factory=dict)

    @classmethod
    def of(cls, spans: Iterable[Span]) -> Forest:
        """Put spans in order of their start; those that link to the same cause as the span above them are its steps."""
        made = cls({span.span_id: span for span in sorted(spans, key=lambda s: s.start_ns)})
        for span in made.spans.values():
            if span.parent_id in made.spans:
                made.children.setdefault(span.parent_id, []).append(span)
            above = made.spans.get(span.parent_id)
            for link in span.links:
                if (found := parse(link)) and not (above and link in above.links):
                    made.caused.setdefault(found[1], []).append(span)
        return made

    def roots(self, trace_id: str) -> list[Span]:
        """What a trace begins with: steps whose parent is not kept here."""
        return [s for s in self.spans.values() if s.trace_id == trace_id and s.parent_id not in self.spans]

    def requests(self) -> list[Span]:
        """Requests from outside, the newest first."""
        return [s for s in reversed(self.spans.values()) if s.kind == "server" and s.parent_id not in self.spans]


def listing(forest: Forest, zone: ZoneInfo) -> Table:
    """The newest requests, a line each."""
    table = Table(box=None, pad_edge=False)
    for column in ("when", "trace", "what", "took", "outcome"):  # an id that is cut cannot be asked for: only
        folds = column == "what"  # the route gives way in a narrow terminal
        table.add_column(column, justify="right" if column == "took" else "left", no_wrap=not folds, overflow="fold")
    for span in forest.requests()[:LISTED_MAX]:
        when = dt.datetime.fromtimestamp(span.start_ns / 1e9, zone)
        status = str(span.attributes.get("http.response.status_code", ""))
        table.add_row(f"{when:%H:%M:%S}", span.trace_id, escape(span.name), _took(span), status)
    return table


def tree(forest: Forest, trace_id: str) -> Tree | None:
    """One trace, with all that it caused; None when nothing of it is kept."""
    roots = forest.roots(trace_id)
    if not roots:
        return None
    drawn = Tree(f"trace {trace_id}", guide_style="dim")
    seen: set[str] = set()
    for root in roots:
        _draw(forest, drawn, root, roots[0].start_ns, seen, "")
    return drawn


def _draw(forest: Forest, at: Tree, span: Span, since_ns: int, seen: set[str], mark: str) -> None:
    line = at.add(mark + _line(span, since_ns))
    if span.span_id in seen:
        line.add("[dim](shown above)[/dim]")
        return
    seen.add(span.span_id)
    for child in forest.children.get(span.span_id, ()):
        _draw(forest, line, child, since_ns, seen, "")
    followers = forest.caused.get(span.span_id, [])
    for follower in followers[:FOLLOWERS_MAX]:
        _draw(forest, line, follower, since_ns, seen, "[cyan]⇢[/cyan] ")
    if (more := len(followers) - FOLLOWERS_MAX) > 0:
        line.add(f"[dim]⇢ and {more} more[/dim]")


def _line(span: Span, since_ns: int) -> str:
    told = [words.format(span.attributes[name]) for name, words in SHOWN.items() if name in span.attributes]
    if span.error:
        told.append(f"[red]{escape(span.error)}[/red]")
    offset = (span.start_ns - since_ns) / 1e6
    rest = f" [dim]{', '.join(told)}[/dim]" if told else ""
    return f"[bold]{escape(span.name)}[/bold] [dim]{escape(span.service)}[/dim] {_took(span)} at {offset:+.1f} ms{rest}"


def _took(span: Span) -> str:
    return f"{(span.end_ns - span.start_ns) / 1e6:.1f} ms"
