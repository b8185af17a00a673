"""Types that read what was checked before: the same structs without the bounds and patterns that the door held them to.

A pattern costs more than all the rest of reading. Who reads what it packed itself takes the trusted type: a subclass of
the struct, whose instances go wherever the struct goes.
"""

from __future__ import annotations

from functools import cache
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct

_Struct = TypeVar("_Struct", bound=Struct)


@cache
def trusted(type_: type[_Struct]) -> type[_Struct]:
    """The struct without constraints, here and in every struct below it; itself where it has none.

    An instance equals another of the same type only, as with any struct.
    """
    hints = get_type_hints(type_, include_extras=True)
    plain = {name: _plain(hint) for name, hint in hints.items() if name in type_.__struct_fields__}
    if all(plain[name] == hints[name] for name in plain):
        return type_
    fields = [_field(field, plain[field.name]) for field in msgspec.structs.fields(type_)]
    made: Any = msgspec.defstruct(type_.__name__, fields, bases=(type_,), kw_only=True)
    found: type[_Struct] = made
    return found


def _field(field: msgspec.structs.FieldInfo, hint: Any) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.name, hint, msgspec.field(default_factory=field.default_factory)
    return (field.name, hint) if field.default is msgspec.NODEFAULT else (field.name, hint, field.default)


def _plain(hint: Any) -> Any:
    if isinstance(hint, type) and issubclass(hint, Struct):
        return trusted(hint)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        kept = [extra for extra in arguments[1:] if not isinstance(extra, Meta) or extra.tz is not None]
        return Annotated[(_plain(arguments[0]), *kept)] if kept else _plain(arguments[0])
    if origin in (Union, UnionType):
        return Union[tuple(map(_plain, arguments))]  # noqa: UP007
    if origin in (list, dict, tuple):
        return origin[tuple(a if a is Ellipsis else _plain(a) for a in arguments)]
    return hint
