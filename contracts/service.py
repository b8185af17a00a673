"""The customer-service events that a CRM sends: cases, answered surveys, and follow-ups (return visits)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from contracts.envelope import Identifier
from contracts.sales import Amount, Credits, DateOrInstant, EventData, Text

Score = Annotated[int, Meta(ge=0, le=10**9)] | Amount
"""A whole number, or a decimal as text: ``4``, ``"4.5"``."""
SCALE_MAX = 5
"""Where a survey's scale ends that does not say so."""


class _Case(EventData, frozen=True, kw_only=True, omit_defaults=True):
    case_id: Identifier
    rep_id: Identifier
    customer_id: Identifier | None = None
    opened_at: DateOrInstant | None = None
    category: Text | None = None


class CaseOpened(_Case, frozen=True, tag_field=None):
    """A customer asked for help, at ``opened_at``, or at the event's time where that is absent."""


class CaseResponded(_Case, frozen=True, tag_field=None):
    """The customer was answered, at the event's time; the earliest is the first response."""


class CaseResolved(_Case, frozen=True, tag_field=None):
    """The matter was settled, at the event's time."""


class SurveyAnswered(EventData, frozen=True, kw_only=True, omit_defaults=True):
    """A customer gave a score from 0 to ``scale_max``; ``credits`` say shares, and may be empty."""

    survey_id: Identifier
    score: Score
    credits: Credits
    scale_max: Annotated[int, Meta(ge=1, le=1000)] = SCALE_MAX
    customer_id: Identifier | None = None
    order_id: Identifier | None = None
    case_id: Identifier | None = None


class _Followup(EventData, frozen=True, kw_only=True, omit_defaults=True):
    followup_id: Identifier
    rep_id: Identifier
    customer_id: Identifier | None = None
    outcome: Text | None = None


class FollowupScheduled(_Followup, frozen=True, kw_only=True, omit_defaults=True):
    """A return visit is due by ``due_at`` (a date lasts to its end); the latest ``scheduled`` holds."""

    due_at: DateOrInstant


class FollowupCompleted(_Followup, frozen=True, tag_field=None):
    """It was done, at the event's time; the earliest holds."""


class FollowupCancelled(_Followup, frozen=True, tag_field=None):
    """It is no longer due."""


CASE_OPENED, CASE_RESPONDED = "crm.case.opened.v1", "crm.case.responded.v1"
CASE_RESOLVED = "crm.case.resolved.v1"
SURVEY_ANSWERED = "crm.survey.answered.v1"
FOLLOWUP_SCHEDULED, FOLLOWUP_COMPLETED = "crm.followup.scheduled.v1", "crm.followup.completed.v1"
FOLLOWUP_CANCELLED = "crm.followup.cancelled.v1"
