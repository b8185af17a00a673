"""How often Python looks for objects that only hold one another."""

from __future__ import annotations

import gc

COLLECT_AFTER_OBJECTS = 100_000


def settle() -> None:
    """What start-up made is there to stay and is looked at no more; the rest when so many more came than went.

    A batch makes objects by the ten thousand, hardly a cycle among them: looking at them took a quarter of a worker's
    time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER_OBJECTS)
