"""HTTP → use case → HTTP."""

from __future__ import annotations

from services.auth.domain.faults import NotValid
from services.auth.handlers.clients import ClientExists
from services.auth.handlers.directory import UnknownPerson
from services.auth.routes import directory, oauth

ERROR_STATUS: dict[type[Exception], int] = {
    NotValid: 422,
    UnknownPerson: 404,
    ClientExists: 409,
}
ROUTERS = (directory.router, oauth.router)
