"""Answered surveys: the latest answer of a survey stands, on its own day, once per rep that it is credited to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from zoneinfo import ZoneInfo

from msgspec import Struct

from contracts import service
from contracts.envelope import Envelope
from contracts.orders import Said
from contracts.topics import CRM_SERVICE
from services.kpi.domain.facts import Fact, SurveyFact
from services.kpi.domain.objects.moments import happened, packing
from services.kpi.domain.objects.object_kind import ObjectKind, Standing

SATISFIED_FROM: Mapping[int, int] = {2: 2, 5: 4, 7: 6, 10: 9}
"""The lowest score of a satisfied customer, by where the scale ends; another scale needs a definition of its own."""


class SurveyHistory(Struct, frozen=True, array_like=True):
    """The answer that stands."""

    said: Said
    day: dt.date
    answer: service.SurveyAnswered


def learn(
    history: SurveyHistory | None, event: Envelope, data: service.SurveyAnswered, zone: ZoneInfo
) -> SurveyHistory:
    """What is known after one more answer; learning it again changes nothing."""
    moment = happened(event, data, zone)
    new = SurveyHistory(moment.said, moment.day, data)
    return new if history is None or history.said < new.said else history


def stand(history: SurveyHistory) -> Standing:
    """A fact per credit without overlay; of nobody where there is none."""
    answer = history.answer
    reps: list[str | None] = [c.rep_id for c in answer.credits if not c.overlay]
    facts: list[Fact] = [_fact(history, line, rep_id) for line, rep_id in enumerate(reps or [None])]
    return Standing("answered", facts)


def _fact(history: SurveyHistory, line: int, rep_id: str | None) -> SurveyFact:
    answer = history.answer
    score, threshold = Decimal(answer.score), SATISFIED_FROM.get(answer.scale_max)
    return SurveyFact(
        object_id=answer.survey_id,
        entry="survey",
        line=line,
        rep_id=rep_id,
        customer_id=answer.customer_id,
        territory=answer.territory,
        attributes=answer.attributes,
        score=score,
        scale_max=Decimal(answer.scale_max),
        satisfied=None if threshold is None else score >= threshold,
        order_id=answer.order_id,
        case_id=answer.case_id,
        day=history.day,
    )


pack, unpack = packing(SurveyHistory)
KIND: ObjectKind[SurveyHistory] = ObjectKind(
    name="survey",
    topic=CRM_SERVICE.name,
    id_field="survey_id",
    events={service.SURVEY_ANSWERED: service.SurveyAnswered},
    learn=learn,
    stand=stand,
    pack=pack,
    unpack=unpack,
    restating=None,
)
