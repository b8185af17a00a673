"""A GET route whose parameters are one model, read without FastAPI's machinery of dependencies."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, get_args, get_origin

import msgspec
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.responses import Response

from chassis.app import refuse_unknown


class QueryRoute(APIRoute):
    """For routes that are asked most: ``async def (request, caller, query, …)``, with a ``caller`` that depends on
    ``requires``, a ``query`` model, and texts of the path.

    FastAPI would take the model apart and look for each field by itself, which takes as long as two statements of the
    database. What is described and what is refused are the same.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        [caller], [query] = self.dependant.dependencies, self.dependant.query_params
        model: type[BaseModel] = query.field_info.annotation  # type: ignore[assignment]
        assert (caller.name, query.name) == ("caller", "query")
        assert caller.call is not None
        assert all(field.field_info.annotation is str for field in self.dependant.path_params)
        names = {field.alias or name: _is_list(field.annotation) for name, field in model.model_fields.items()}
        verified: Callable[[Request], Coroutine[Any, Any, Any]] = caller.call
        endpoint = self.endpoint

        async def handle(request: Request) -> Response:
            given = request.query_params
            refuse_unknown(given, names)
            who = await verified(request)
            said = {n: given.getlist(n) if is_list else given[n] for n, is_list in names.items() if n in given}
            try:
                asked = model.model_validate(said)
            except ValidationError as error:
                faults = error.errors(include_url=False)
                raise RequestValidationError([f | {"loc": ("query", *f["loc"])} for f in faults]) from error
            answer = await endpoint(request=request, caller=who, query=asked, **request.path_params)
            return Response(msgspec.json.encode(answer), media_type="application/json")

        return handle


def _is_list(annotation: Any) -> bool:
    """Whether a parameter may stand several times: a list, or a list or nothing."""
    return any(get_origin(some) is list for some in (annotation, *get_args(annotation)))
