"""The rules of customer-service events: scores on their scale, credits of surveys, when things are due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from contracts import service
from services.ingest.domain import credit_rules, when_rules
from services.ingest.domain.door import DATA, Door, Rule
from services.ingest.domain.faults import Fault
from services.ingest.domain.said import Said


def _score(event: Said, door: Door) -> Sequence[Fault]:
    score, highest = event.data.score, event.data.scale_max or service.SCALE_MAX
    if Decimal(score) <= highest:
        return ()
    return [Fault("/data/score", "score-above-scale", f"{score} lies above the scale, which ends at {highest}")]


BY_TYPE: Mapping[str, tuple[Rule, ...]] = {
    service.CASE_OPENED: (when_rules.OPENED_AT,),
    service.CASE_RESPONDED: (when_rules.OPENED_AT, when_rules.BEGAN_FIRST),
    service.CASE_RESOLVED: (when_rules.OPENED_AT, when_rules.BEGAN_FIRST),
    service.SURVEY_ANSWERED: (Rule(DATA + "|/data/(score|scale_max)", _score), *credit_rules.OF_NO_AMOUNT),
    service.FOLLOWUP_SCHEDULED: (when_rules.DUE_AT,),
}
"""The rules of each service event beyond those of every event; what is missing here has none."""
