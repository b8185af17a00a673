"""What a number is measured in, and what comes of adding, multiplying and dividing such numbers."""

from __future__ import annotations

from typing import Literal, get_args

Unit = Literal["money", "count", "days", "duration", "percent", "score"]
"""``percent`` is a part (0.5 is 50 %); ``duration`` is in seconds."""
Units = frozenset[Unit]
"""The units that a number may be said to have; none at all means that the arithmetic makes no sense."""
ANY: Units = frozenset(get_args(Unit))
"""Of a plain number, and of a decimal that a company declared."""
_PURE: Units = frozenset({"percent", "count"})
_PARTS: Units = frozenset({"percent", "count", "score"})


def added(left: Units, right: Units) -> Units:
    """Of a sum or a difference: both are of one kind."""
    return left & right


def multiplied(left: Units, right: Units) -> Units:
    """Of a product: one of the two is a pure number."""
    return (right if left & _PURE else frozenset()) | (left if right & _PURE else frozenset())


def divided(left: Units, right: Units) -> Units:
    """Of a quotient: of two of one kind a part, else so much of the left per one of the right."""
    if left & right:
        return _PARTS | (left if right & _PURE else frozenset())
    return left
