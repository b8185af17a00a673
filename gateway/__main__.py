"""The composition root: ``python -m gateway [serve | check]``, and what ``merit`` builds from."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence

from starlette.types import ASGIApp

from chassis import process
from chassis.app import Service
from chassis.clock import Clock, SystemClock
from chassis.requests import Trace
from chassis.settings import SettingsInvalid, from_environment
from chassis.tokens import Verifier
from gateway import openapi, own, proxy
from gateway.app import Gateway, Limits
from gateway.policies import GATEWAY, POLICIES, Policy, PolicyInvalid, check
from gateway.settings import GatewaySettings


async def build(
    upstreams: Mapping[str, ASGIApp],
    verifier: Verifier,
    clock: Clock,
    *,
    limits: Limits | None = None,
    policies: Sequence[Policy] = POLICIES,
) -> ASGIApp:
    """The gateway over services that run in this process: ``ingest``, ``kpi``, ``incentive`` and ``auth``.

    Raises PolicyInvalid, naming each of them, for a service's route without a policy and a policy without a route,
    and ServiceSilent for a service that does not describe itself.
    """
    _check_table(policies, upstreams)
    routes = own.routes(policies, upstreams)
    documents = await own.OpenApi(policies, upstreams).documents()
    openapi.check_routes(policies, documents, routes)
    return Trace(Gateway(policies, upstreams, routes, verifier, limits or Limits()), clock, "gateway")


def build_for_cluster(settings: GatewaySettings, clock: Clock) -> Service:
    """The gateway over services that run elsewhere; they may come up after it. To be called in the event loop that
    serves it. Raises PolicyInvalid."""
    upstreams = {name: proxy.Proxy(name, url, settings.connections_max) for name, url in settings.urls.items()}
    _check_table(POLICIES, upstreams)
    verifier = Verifier(settings.issuer, process.keys_over_http(f"{settings.auth_url}/.well-known/jwks.json"), clock)
    routes = own.routes(POLICIES, upstreams)
    app = Trace(Gateway(POLICIES, upstreams, routes, verifier, settings.limits), clock, "gateway")

    async def close() -> None:
        for upstream in upstreams.values():
            await upstream.close()

    return Service("gateway", app, close=close)


def _check_table(policies: Sequence[Policy], upstreams: Mapping[str, ASGIApp]) -> None:
    check(policies)
    if missing := {p.service for p in policies} - {GATEWAY, *upstreams}:
        raise PolicyInvalid(f"policies name services that are not there: {', '.join(sorted(missing))}")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m gateway", description=__doc__)
    parser.add_argument("command", nargs="?", choices=("serve", "check"), default="serve")
    command = parser.parse_args(arguments).command
    try:
        settings = from_environment(GatewaySettings)
        check(POLICIES)
    except (SettingsInvalid, PolicyInvalid) as error:
        print(error, file=sys.stderr)
        return 2
    if command == "check":
        print("the settings and the policies of the gateway are complete")
        return 0

    async def opening(_: asyncio.Event) -> Service:
        return build_for_cluster(settings, SystemClock())

    return process.in_loop(process.run(opening, settings.port, None, settings.drain_seconds))


if __name__ == "__main__":
    sys.exit(main())
