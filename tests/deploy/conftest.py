"""Hands each test one container after the other, from compose and from the overlays."""

from __future__ import annotations

import pytest

from tests.deploy import reading


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrise over every overlay."""
    if "overlay" in metafunc.fixturenames:
        metafunc.parametrize("overlay", reading.OVERLAYS)
    if "place" in metafunc.fixturenames:
        metafunc.parametrize("place", ("compose", *reading.OVERLAYS))


@pytest.fixture
def containers(place: str) -> list[reading.Container]:
    """Our containers in one place."""
    return reading.in_compose() if place == "compose" else reading.in_kubernetes(place)
