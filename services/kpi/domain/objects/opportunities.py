"""Opportunities: open until won or lost. Won by the earliest ``won``, for its rep, whatever ``lost`` follows.

It begins when its latest event that states ``opened_at`` says, else with its earliest ``opened``; until either is known
it waits. Every other field is what the latest event says that has it.
"""

from __future__ import annotations

from decimal import Decimal
from zoneinfo import ZoneInfo

from msgspec import Struct, structs

from contracts import sales
from contracts.envelope import Envelope
from contracts.topics import CRM_SALES
from services.kpi.domain.facts import OpportunityFact
from services.kpi.domain.objects.moments import Moment, earliest, happened, latest, packing, seconds, stated
from services.kpi.domain.objects.object_kind import WAITING, ObjectKind, Standing
from services.kpi.domain.objects.tellings import Tellings, attributes_of, fields_of, tell

EVENTS = {
    sales.OPPORTUNITY_OPENED: sales.OpportunityOpened,
    sales.OPPORTUNITY_UPDATED: sales.OpportunityUpdated,
    sales.OPPORTUNITY_WON: sales.OpportunityWon,
    sales.OPPORTUNITY_LOST: sales.OpportunityLost,
}
OpportunityEvent = sales.OpportunityOpened | sales.OpportunityUpdated | sales.OpportunityWon | sales.OpportunityLost


class Winning(Struct, frozen=True, order=True, array_like=True, gc=False):
    """A ``won`` and the rep that it names."""

    moment: Moment
    rep_id: str


class OpportunityHistory(Struct, frozen=True, array_like=True):
    """``stated``: the beginning that the latest event states; ``opened``, ``won``, ``lost``: the earliest of each."""

    opportunity_id: str
    told: Tellings = ()
    stated: Moment | None = None
    opened: Moment | None = None
    won: Winning | None = None
    lost: Moment | None = None


def learn(
    history: OpportunityHistory | None, event: Envelope, data: OpportunityEvent, zone: ZoneInfo
) -> OpportunityHistory:
    """What is known after one more event of this opportunity; learning it again changes nothing."""
    known = history or OpportunityHistory(data.opportunity_id)
    moment = happened(event, data, zone)
    told = tell(known.told, moment.said, data, ("stage", "product", "amount", "currency"))
    begun = latest(known.stated, stated(moment.said, data.opened_at, zone)) if data.opened_at else known.stated
    known = structs.replace(known, told=told, stated=begun)
    match data:
        case sales.OpportunityOpened():
            return structs.replace(known, opened=earliest(known.opened, moment))
        case sales.OpportunityWon():
            winning = Winning(moment, data.rep_id)
            return structs.replace(known, won=min(known.won or winning, winning))
        case sales.OpportunityLost():
            return structs.replace(known, lost=earliest(known.lost, moment))
    return known


def stand(history: OpportunityHistory) -> Standing:
    """One fact, once it is known when the opportunity began."""
    begun = history.stated or history.opened
    if begun is None:
        return Standing(WAITING, [])
    won = history.won.moment if history.won else None
    lost = None if won else history.lost
    status = "won" if won else "lost" if lost else "open"
    return Standing(status, [_fact(history, status, begun, won, lost)])


def _fact(
    history: OpportunityHistory, status: str, begun: Moment, won: Moment | None, lost: Moment | None
) -> OpportunityFact:
    said, closed = fields_of(history.told), won or lost
    return OpportunityFact(
        object_id=history.opportunity_id,
        entry="opportunity",
        line=0,
        rep_id=history.won.rep_id if history.won else said["rep_id"],
        customer_id=said.get("customer_id"),
        territory=said.get("territory"),
        attributes=attributes_of(history.told),
        status=status,
        stage=said.get("stage"),
        product=said.get("product"),
        amount=Decimal(said["amount"]) if "amount" in said else None,
        currency=said.get("currency"),
        opened_at=begun.at,
        won_at=won.at if won else None,
        lost_at=lost.at if lost else None,
        closed_at=closed.at if closed else None,
        cycle_days=Decimal((won.day - begun.day).days) if won else None,
        cycle_seconds=seconds(begun, won),
        opened_day=begun.day,
        won_day=won.day if won else None,
        lost_day=lost.day if lost else None,
        closed_day=closed.day if closed else None,
    )


pack, unpack = packing(OpportunityHistory)
KIND: ObjectKind[OpportunityHistory] = ObjectKind(
    name="opportunity",
    topic=CRM_SALES.name,
    id_field="opportunity_id",
    events=EVENTS,
    learn=learn,
    stand=stand,
    pack=pack,
    unpack=unpack,
)
