"""Every role of every service is deployed, in every place, and no command that does not exist."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache

import pytest

from tests.deploy.reading import SETTINGS

BY_HAND = {"check", "first-admin"}
"""Commands that somebody runs when it is needed."""


@cache
def commands(module: str) -> set[str]:
    """What a command line says that it takes."""
    done = subprocess.run([sys.executable, "-m", module, "--help"], capture_output=True, text=True, check=True)
    found = re.search(r"\{([a-z,-]+)\}", done.stdout)
    assert found, done.stdout
    return set(found[1].split(","))


@pytest.mark.parametrize("service", SETTINGS)
def test_every_role_of_a_service_is_deployed(service, containers):
    module = "gateway" if service == "gateway" else f"services.{service}"
    deployed = [one.command for one in containers if one.arguments[0] == module]
    assert sorted(deployed) == sorted(commands(module) - BY_HAND)


def test_nothing_else_is_deployed(containers):
    assert {one.service for one in containers} == set(SETTINGS)
    assert all(len(one.arguments) == 2 for one in containers)
