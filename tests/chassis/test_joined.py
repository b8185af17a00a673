"""Calls that share one call: who gets which answer, what is refused, and who is disturbed by whom."""

from __future__ import annotations

import asyncio

import pytest

from chassis.joined import Joined


class Doubler:
    """Doubles numbers when it is let; 0 is more than it can bear."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.let = asyncio.Event()

    async def __call__(self, numbers: list[int]) -> list[int]:
        self.groups.append(numbers)
        await self.let.wait()
        if 0 in numbers:
            raise ZeroDivisionError
        return [2 * number for number in numbers]


def joined(work: Doubler) -> Joined[int, int]:
    return Joined(work, size_max=4, waiting_max=7, refusal=OverflowError)


async def test_what_comes_meanwhile_goes_together_within_the_limit_and_each_gets_its_own_answers() -> None:
    work = Doubler()
    call = joined(work)
    calls = [asyncio.ensure_future(call(numbers)) for numbers in ([1], [2, 3], [4, 5], [6, 7])]
    await asyncio.sleep(0)
    work.let.set()
    assert await asyncio.gather(*calls, call([])) == [[2], [4, 6], [8, 10], [12, 14], []]
    assert work.groups == [[1, 2, 3], [4, 5, 6, 7]]


async def test_beyond_what_may_wait_a_call_is_refused_at_once_and_a_large_one_goes_alone() -> None:
    work = Doubler()
    call = joined(work)
    large = asyncio.ensure_future(call([1] * 9))
    await asyncio.sleep(0)
    waiting = [asyncio.ensure_future(call([n] * 3)) for n in (1, 2)]
    await asyncio.sleep(0)
    with pytest.raises(OverflowError):
        await call([3] * 2)
    work.let.set()
    assert await large == [2] * 9
    assert await asyncio.gather(*waiting) == [[2] * 3, [4] * 3]


async def test_a_failure_is_told_to_its_group_only_and_who_gives_up_disturbs_nobody() -> None:
    work = Doubler()
    call = joined(work)
    failing = [asyncio.ensure_future(call([n])) for n in (0, 1)]
    await asyncio.sleep(0)
    leaving, staying = asyncio.ensure_future(call([2])), asyncio.ensure_future(call([3]))
    await asyncio.sleep(0)
    leaving.cancel()
    work.let.set()
    told = await asyncio.gather(*failing, return_exceptions=True)
    assert [type(error) for error in told] == [ZeroDivisionError] * 2
    assert await staying == [6]
    await call.close()


async def test_who_waits_when_it_is_cancelled_is_refused_and_not_cancelled_with_it() -> None:
    call = Joined(cancelled, size_max=4, waiting_max=7, refusal=OverflowError)
    with pytest.raises(OverflowError, match="closed"):
        await call([1])
    with pytest.raises(asyncio.CancelledError):
        await call.close()


async def cancelled(numbers: list[int]) -> list[int]:
    raise asyncio.CancelledError
