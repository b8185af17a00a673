"""Who set a cluster up is told the first secret once, by a command, and signs in with it."""

from __future__ import annotations

import asyncio
import subprocess

from tests.cluster.conftest import Story


async def test_the_first_admin_signs_in_with_the_secret_that_is_told_once(story: Story) -> None:
    told = dict(line.split("=", 1) for line in (await first_admin(story)).splitlines())
    async with story.cluster.client() as http:
        answer = await http.post("/oauth/token", data={"grant_type": "client_credentials"} | told)
        assert answer.status_code == 200, answer.text
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        assert (await http.get("/v1/people", headers=headers)).status_code == 200
    assert "already" in await first_admin(story)


async def first_admin(story: Story) -> str:
    api = story.cluster.supervisor.specs["auth-api"]
    line = [*api.line[:-1], "first-admin"]
    environment = dict(api.environment)
    done = await asyncio.to_thread(subprocess.run, line, env=environment, capture_output=True, text=True, check=True)
    return str(done.stdout)
