"""A door that judges as Merit's own does and takes nothing in: what an import would send, and every fault of it."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from pydantic import BaseModel, ValidationError

from merit.home import MeritError
from merit.importing.batches import FAULTY, SOUND
from merit.importing.door import LOCAL, Refused
from services.auth.translate import MembershipsBody, PeopleBody, TeamsBody
from services.incentive.routes.parameters import Parameters
from services.incentive.routes.targets import Targets
from services.ingest.domain.custom_fields import CustomField
from services.ingest.domain.door import Door as Rules
from services.ingest.domain.faults import NotAnEvent
from services.ingest.domain.judge import judge
from services.ingest.domain.text import TooDeep

SHOWN_EACH = 2
_BODIES: Mapping[str, type[BaseModel]] = {
    "people": PeopleBody,
    "teams": TeamsBody,
    "memberships": MembershipsBody,
    "targets": Targets,
    "payee_parameters": Parameters,
}
_Loc = Sequence[str | int]


@dataclass
class DryRun:
    """Judges events by the rules of the door, and items by the shapes of the API; keeps the first of each kind.

    Whether an item fits what Merit already holds (an unknown manager, say) only Merit can tell.
    """

    rules: Rules
    installation: str = LOCAL
    heard: Callable[[str, dict[str, Any]], None] = lambda kind, thing: None
    """Called with every event and item that is sound, and its type or resource."""
    first: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    async def reach(self) -> None:
        """There is nobody to reach."""

    async def events(self, batch: list[bytes]) -> dict[str, Any]:
        """What the 202's body would say, save that nothing is known to be a duplicate."""
        return {"position": "", "results": [self._judged(index, raw) for index, raw in enumerate(batch)]}

    def _judged(self, index: int, raw: bytes) -> dict[str, Any]:
        event = msgspec.json.decode(raw)
        self._keep(event["type"], event)
        try:
            faults = judge(raw, self.rules).faults
        except (NotAnEvent, TooDeep) as error:
            return {"index": index, "outcome": FAULTY, "faults": [{"pointer": "", "detail": str(error)}]}
        if not faults:
            self.heard(event["type"], event)
        said = [{"pointer": fault.pointer, "detail": fault.detail} for fault in faults]
        return {"index": index, "outcome": FAULTY if said else SOUND, "faults": said}

    async def items(self, resource: str, items: list[dict[str, Any]]) -> list[str]:
        """An outcome for each item. Raises Refused with a pointer per fault."""
        try:
            _BODIES[resource].model_validate({"items": items})
        except ValidationError as error:
            faults = [{"pointer": _pointer(e["loc"]), "detail": e["msg"]} for e in error.errors()]
            raise Refused(422, {"detail": "not valid", "errors": faults}) from error
        for item in items:
            self._keep(resource, item)
            self.heard(resource, item)
        return [SOUND] * len(items)

    def _keep(self, kind: str, thing: dict[str, Any]) -> None:
        kept = self.first.setdefault(kind, [])
        if len(kept) < SHOWN_EACH:
            kept.append(thing)


def rules(zone: ZoneInfo, now: dt.datetime, catalogue: Sequence[Mapping[str, Any]] = ()) -> Rules:
    """The rules of an installation in a zone; ``catalogue``: what its API says of its event types."""
    required = {entry["type"]: entry["required"] for entry in catalogue}
    fields = {entry["type"]: msgspec.convert(entry["custom_fields"], list[CustomField]) for entry in catalogue}
    return Rules(zone, now.astimezone(zone).date(), required, fields)


def _pointer(place: _Loc) -> str:
    return "".join(f"/{step}" for step in place)


@contextmanager
def traceless(journals: Path) -> Iterator[Path]:
    """A folder with copies of the journals of earlier imports: a dry run tells what has changed, and leaves nothing."""
    with TemporaryDirectory(prefix="merit-import-") as scratch:
        try:
            for path in journals.glob("*.journal"):
                shutil.copy(path, scratch)
        except OSError as error:
            raise MeritError(f"The journals of earlier imports in {journals} cannot be read ({error}).") from error
        yield Path(scratch)
