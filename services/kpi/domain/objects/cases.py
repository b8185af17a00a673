"""Customer-service cases: opened, responded, resolved, each at its earliest.

A case begins when its latest event that states ``opened_at`` says, else with its earliest ``opened``; until either is
known it waits. Every other field, its rep included, is what the latest event says that has it.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

from msgspec import Struct, structs

from contracts import service
from contracts.envelope import Envelope
from contracts.topics import CRM_SERVICE
from services.kpi.domain.facts import CaseFact
from services.kpi.domain.objects.moments import Moment, earliest, happened, latest, packing, seconds, stated
from services.kpi.domain.objects.object_kind import WAITING, ObjectKind, Standing
from services.kpi.domain.objects.tellings import Tellings, attributes_of, fields_of, tell

EVENTS = {
    service.CASE_OPENED: service.CaseOpened,
    service.CASE_RESPONDED: service.CaseResponded,
    service.CASE_RESOLVED: service.CaseResolved,
}
CaseEvent = service.CaseOpened | service.CaseResponded | service.CaseResolved


class CaseHistory(Struct, frozen=True, array_like=True):
    """``stated``: the beginning that the latest event states; the others: the earliest of each."""

    case_id: str
    told: Tellings = ()
    stated: Moment | None = None
    opened: Moment | None = None
    responded: Moment | None = None
    resolved: Moment | None = None


def learn(history: CaseHistory | None, event: Envelope, data: CaseEvent, zone: ZoneInfo) -> CaseHistory:
    """What is known after one more event of this case; learning it again changes nothing."""
    known = history or CaseHistory(data.case_id)
    moment = happened(event, data, zone)
    begun = latest(known.stated, stated(moment.said, data.opened_at, zone)) if data.opened_at else known.stated
    known = structs.replace(known, told=tell(known.told, moment.said, data, ("category",)), stated=begun)
    match data:
        case service.CaseOpened():
            return structs.replace(known, opened=earliest(known.opened, moment))
        case service.CaseResponded():
            return structs.replace(known, responded=earliest(known.responded, moment))
    return structs.replace(known, resolved=earliest(known.resolved, moment))


def stand(history: CaseHistory) -> Standing:
    """One fact, once it is known when the case began."""
    begun = history.stated or history.opened
    if begun is None:
        return Standing(WAITING, [])
    status = "resolved" if history.resolved else "responded" if history.responded else "open"
    return Standing(status, [_fact(history, status, begun)])


def _fact(history: CaseHistory, status: str, begun: Moment) -> CaseFact:
    said, responded, resolved = fields_of(history.told), history.responded, history.resolved
    return CaseFact(
        object_id=history.case_id,
        entry="case",
        line=0,
        rep_id=said["rep_id"],
        customer_id=said.get("customer_id"),
        territory=said.get("territory"),
        attributes=attributes_of(history.told),
        status=status,
        category=said.get("category"),
        opened_at=begun.at,
        responded_at=responded.at if responded else None,
        resolved_at=resolved.at if resolved else None,
        first_response_seconds=seconds(begun, responded),
        resolution_seconds=seconds(begun, resolved),
        opened_day=begun.day,
        responded_day=responded.day if responded else None,
        resolved_day=resolved.day if resolved else None,
    )


pack, unpack = packing(CaseHistory)
KIND: ObjectKind[CaseHistory] = ObjectKind(
    name="case",
    topic=CRM_SERVICE.name,
    id_field="case_id",
    events=EVENTS,
    learn=learn,
    stand=stand,
    pack=pack,
    unpack=unpack,
)
