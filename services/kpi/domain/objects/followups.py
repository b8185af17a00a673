"""Follow-ups: due as the latest ``scheduled`` says, done by the earliest ``completed``, in no rate once cancelled.

What comes before its ``scheduled`` waits for it. A due date lasts to its end. Every other field, the rep included, is
what the latest event says that has it.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

from msgspec import Struct, structs

from contracts import service
from contracts.envelope import Envelope
from contracts.topics import CRM_SERVICE
from services.kpi.domain.facts import FollowupFact
from services.kpi.domain.objects.moments import Moment, earliest, ends, happened, latest, packing
from services.kpi.domain.objects.object_kind import WAITING, ObjectKind, Standing
from services.kpi.domain.objects.tellings import Tellings, attributes_of, fields_of, tell

FollowupEvent = service.FollowupScheduled | service.FollowupCompleted | service.FollowupCancelled
EVENTS: dict[str, type[FollowupEvent]] = {
    service.FOLLOWUP_SCHEDULED: service.FollowupScheduled,
    service.FOLLOWUP_COMPLETED: service.FollowupCompleted,
    service.FOLLOWUP_CANCELLED: service.FollowupCancelled,
}


class FollowupHistory(Struct, frozen=True, array_like=True):
    """``due`` and ``scheduled``: of the latest ``scheduled``; the others: the earliest of each."""

    followup_id: str
    told: Tellings = ()
    due: Moment | None = None
    scheduled: Moment | None = None
    completed: Moment | None = None
    cancelled: Moment | None = None


def learn(history: FollowupHistory | None, event: Envelope, data: FollowupEvent, zone: ZoneInfo) -> FollowupHistory:
    """What is known after one more event of this follow-up; learning it again changes nothing."""
    known = history or FollowupHistory(data.followup_id)
    moment = happened(event, data, zone)
    known = structs.replace(known, told=tell(known.told, moment.said, data, ("outcome",)))
    match data:
        case service.FollowupScheduled():
            due = latest(known.due, ends(moment.said, data.due_at, zone))
            return structs.replace(known, due=due, scheduled=latest(known.scheduled, moment))
        case service.FollowupCompleted():
            return structs.replace(known, completed=earliest(known.completed, moment))
    return structs.replace(known, cancelled=earliest(known.cancelled, moment))


def stand(history: FollowupHistory) -> Standing:
    """One fact, once it is known when the follow-up is due."""
    if history.due is None or history.scheduled is None:
        return Standing(WAITING, [])
    status = "cancelled" if history.cancelled else "completed" if history.completed else "scheduled"
    return Standing(status, [_fact(history, status, history.due, history.scheduled)])


def _fact(history: FollowupHistory, status: str, due: Moment, scheduled: Moment) -> FollowupFact:
    said, completed = fields_of(history.told), history.completed
    return FollowupFact(
        object_id=history.followup_id,
        entry="followup",
        line=0,
        rep_id=said["rep_id"],
        customer_id=said.get("customer_id"),
        territory=said.get("territory"),
        attributes=attributes_of(history.told),
        status=status,
        outcome=said.get("outcome"),
        due_at=due.at,
        completed_at=completed.at if completed else None,
        scheduled_at=scheduled.at,
        due_day=due.day,
        completed_day=completed.day if completed else None,
    )


pack, unpack = packing(FollowupHistory)
KIND: ObjectKind[FollowupHistory] = ObjectKind(
    name="followup",
    topic=CRM_SERVICE.name,
    id_field="followup_id",
    events=EVENTS,
    learn=learn,
    stand=stand,
    pack=pack,
    unpack=unpack,
)
