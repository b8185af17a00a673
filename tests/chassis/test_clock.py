"""The system's clock: UTC, never back, fresh ids."""

from __future__ import annotations

import datetime as dt

from chassis.clock import SystemClock


def test_now_is_in_utc():
    assert SystemClock().now().utcoffset() == dt.timedelta(0)


def test_monotonic_never_goes_back():
    clock = SystemClock()
    seen = [clock.monotonic() for _ in range(100)]
    assert seen == sorted(seen)


def test_ids_are_fresh_and_long_enough():
    clock = SystemClock()
    ids = {clock.new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert min(map(len, ids)) >= 26
