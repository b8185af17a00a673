"""Opportunities, cases, surveys and follow-ups: from the events that were accepted to what each amounts to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracle.history import Event, identify, instant, local_day, said

OBJECTS = {"opportunity": "opportunity_id", "case": "case_id", "survey": "survey_id", "followup": "followup_id"}
"""What an event type is about, and the field that names it."""
THRESHOLDS = {2: 2, 5: 4, 7: 6, 10: 9}
"""From which score on an answer is satisfied, by the end of its scale."""
INSTANT = dt.timedelta(microseconds=1)


@dataclass(frozen=True)
class Thing:
    """One object. ``days``: the local day of each date that can put it into a period, None where it has none yet."""

    kind: str
    name: str
    reps: tuple[str, ...]
    customer: str | None
    territory: str | None
    days: dict[str, dt.date | None]
    numbers: dict[str, Fraction | None] = field(default_factory=dict)
    status: str = ""


@dataclass(frozen=True)
class Moment:
    """A day, and the instant: a day that is said without one begins at its midnight."""

    day: dt.date
    at: dt.datetime


def read(events: Iterable[Event], zone: str) -> tuple[list[Thing], set[str]]:
    """The things that stand, and the names of those that wait for what must come before."""
    place = ZoneInfo(zone)
    by_object: dict[tuple[str, str], list[Event]] = {}
    for event in identify(events)[0]:
        kind = event["type"].split(".")[1]
        if kind in OBJECTS:
            by_object.setdefault((kind, event["data"][OBJECTS[kind]]), []).append(event)
    things, waiting = [], set()
    for (kind, name), of_it in sorted(by_object.items()):
        thing = _STANDS[kind](name, sorted(of_it, key=said), place)
        if thing is None:
            waiting.add(name)
        else:
            things.append(thing)
    return things, waiting


def opportunity(name: str, events: list[Event], zone: ZoneInfo) -> Thing | None:
    """Won by its earliest won, with that event's rep, even if lost follows; else lost by its earliest lost."""
    begun, won, lost = _begun(events, zone), _first(events, "won"), _first(events, "lost")
    if begun is None:
        return None
    ended = won or lost
    closed = _moment(ended, zone) if ended else None
    cycle = (closed.day - begun.day).days if won and closed else None
    return Thing(
        kind="opportunity",
        name=name,
        reps=(won["data"]["rep_id"] if won else _latest(events, "rep_id"),),
        customer=_latest(events, "customer_id"),
        territory=_latest(events, "territory"),
        days={
            "opened_at": begun.day,
            "won_at": closed.day if won and closed else None,
            "lost_at": closed.day if not won and closed else None,
            "closed_at": closed.day if closed else None,
        },
        numbers={
            "amount": _number(_latest(events, "amount")),
            "cycle_days": None if cycle is None else Fraction(cycle),
        },
        status="won" if won else "lost" if lost else "open",
    )


def case(name: str, events: list[Event], zone: ZoneInfo) -> Thing | None:
    """Responded to by its earliest responded, resolved by its earliest resolved; both wait until it is known when it
    began."""
    begun, responded, resolved = _begun(events, zone), _first(events, "responded"), _first(events, "resolved")
    if begun is None:
        return None
    answered, settled = (_moment(e, zone) if e else None for e in (responded, resolved))
    return Thing(
        kind="case",
        name=name,
        reps=(_latest(events, "rep_id"),),
        customer=_latest(events, "customer_id"),
        territory=_latest(events, "territory"),
        days={
            "opened_at": begun.day,
            "responded_at": answered.day if answered else None,
            "resolved_at": settled.day if settled else None,
        },
        numbers={
            "first_response_seconds": _elapsed(begun, answered),
            "resolution_seconds": _elapsed(begun, settled),
        },
    )


def survey(name: str, events: list[Event], zone: ZoneInfo) -> Thing | None:
    """The latest answer of a survey stands."""
    answer = events[-1]
    data = answer["data"]
    score, scale = Fraction(str(data["score"])), data.get("scale_max", 5)
    threshold = THRESHOLDS.get(scale)
    return Thing(
        kind="survey",
        name=name,
        reps=tuple(dict.fromkeys(c["rep_id"] for c in data["credits"] if not c.get("overlay"))),
        customer=data.get("customer_id"),
        territory=data.get("territory"),
        days={"day": local_day(answer, zone)},
        numbers={"score": score, "satisfied": None if threshold is None else Fraction(score >= threshold)},
    )


def followup(name: str, events: list[Event], zone: ZoneInfo) -> Thing | None:
    """Due as its latest scheduled says, a date to its end; done by its earliest completed."""
    scheduled, done = [e for e in events if e["type"].split(".")[2] == "scheduled"], _first(events, "completed")
    if not scheduled:
        return None
    due = scheduled[-1]["data"]["due_at"]
    last = _day(due, zone)
    end = _midnight(last + dt.timedelta(days=1), zone) if len(due) == 10 else _instant(due) + INSTANT
    return Thing(
        kind="followup",
        name=name,
        reps=(_latest(events, "rep_id"),),
        customer=_latest(events, "customer_id"),
        territory=_latest(events, "territory"),
        days={"due_at": last, "completed_at": local_day(done, zone) if done else None},
        numbers={"in_time": Fraction(done is not None and _moment(done, zone).at < end)},
        status="cancelled" if _first(events, "cancelled") else "completed" if done else "scheduled",
    )


_STANDS = {"opportunity": opportunity, "case": case, "survey": survey, "followup": followup}


def _first(events: list[Event], word: str) -> Event | None:
    return next((e for e in events if e["type"].split(".")[2] == word), None)


def _latest(events: list[Event], name: str) -> Any:
    """What the newest event that says it says: what is absent stays as it was."""
    return next((e["data"][name] for e in reversed(events) if e["data"].get(name) is not None), None)


def _begun(events: list[Event], zone: ZoneInfo) -> Moment | None:
    """What the latest event that states ``opened_at`` says, else the earliest opening."""
    text, opened = _latest(events, "opened_at"), _first(events, "opened")
    if text is None:
        return _moment(opened, zone) if opened else None
    day = _day(text, zone)
    return Moment(day, _midnight(day, zone) if len(text) == 10 else _instant(text))


def _moment(event: Event, zone: ZoneInfo) -> Moment:
    """When something happened: at its time, unless its business date is another day, which then begins it."""
    day, at = local_day(event, zone), instant(event)
    return Moment(day, at if at.astimezone(zone).date() == day else _midnight(day, zone))


def _midnight(day: dt.date, zone: ZoneInfo) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), zone).astimezone(dt.UTC)


def _day(text: str, zone: ZoneInfo) -> dt.date:
    return dt.date.fromisoformat(text) if len(text) == 10 else _instant(text).astimezone(zone).date()


def _instant(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text.upper().replace("Z", "+00:00"))


def _elapsed(since: Moment, until: Moment | None) -> Fraction | None:
    """Seconds between two moments."""
    if until is None:
        return None
    return Fraction((until.at - since.at) // INSTANT, 10**6)


def _number(text: str | None) -> Fraction | None:
    return None if text is None else Fraction(text)
