"""The command line of Merit."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Coroutine
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.logging import RichHandler

from merit.home import DEFAULT_HOME, Home, MeritError

T = TypeVar("T")
PORT = 8080
FAILED, MISUSED, INTERRUPTED = 1, 2, 130
out, err = Console(), Console(stderr=True)
app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="""Merit keeps the KPIs of every sales rep and team true, holds targets, and pays to the cent.

    Start it with [bold]merit up[/bold]: it brings its own database and a sample company, and prints what it found \
and where its API is. Everything it keeps is in one folder, its home: [bold].merit[/bold] in the current folder, \
unless --home or MERIT_HOME names another.""",
)
HomeOption = Annotated[
    Path, typer.Option("--home", envvar="MERIT_HOME", help="The folder with all that Merit keeps.", show_default=True)
]
UrlOption = Annotated[
    str | None, typer.Option(help="A Merit elsewhere; its token is taken from MERIT_TOKEN. Default: the one here.")
]


class SampleName(StrEnum):
    """The sample data to begin with."""

    ADVENTUREWORKS = "adventureworks"
    NONE = "none"


@app.command(name="up")
def up_command(
    home: HomeOption = Path(DEFAULT_HOME),
    port: Annotated[int, typer.Option(envvar="MERIT_PORT", min=1, max=65535, help="Where the API answers.")] = PORT,
    zone: Annotated[
        str | None, typer.Option(help="The business time zone, such as Europe/Berlin; fixed at the first start (UTC).")
    ] = None,
    currency: Annotated[
        str | None, typer.Option(help="The reporting currency, such as EUR; fixed at the first start (USD).")
    ] = None,
    sample: Annotated[
        SampleName | None, typer.Option(help="The sample company to import; remembered by the home (adventureworks).")
    ] = None,
) -> None:
    """Start Merit here and stay up until Ctrl-C. The first start imports the sample company and shows a secret once."""
    from merit import up

    _check_choices(zone, currency)
    _log()
    try:
        wanted = up.Wanted(Home.at(home), port, zone, currency, sample and sample.value)
        _run(up.up(wanted, out))
    except up.BrokenDown as error:
        err.print(str(error))
        raise typer.Exit(FAILED) from error


@app.command(name="import")
def import_command(
    path: Annotated[
        Path, typer.Argument(help="A .csv, .csv.gz, .xlsx or .parquet file, or a folder with those of the mapping.")
    ],
    mapping: Annotated[
        Path, typer.Option(help="The YAML file that says what the columns become, or the name of one that is shipped.")
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Send nothing: show the first events, the counts and every fault.")
    ] = False,
    home: HomeOption = Path(DEFAULT_HOME),
    url: UrlOption = None,
) -> None:
    """Import files through the API of a running Merit. Importing again changes nothing; a changed row amends.

    Rows that cannot be imported are written to FILE.rejected.csv with the reason; then the exit code is 1. Mappings
    are explained in docs/mappings.md; shipped ones are in merit/samples/mappings/.
    """
    from merit import import_command, import_shown

    wanted = import_command.Wanted(path, mapping, Home.at(home), url, os.environ.get("MERIT_TOKEN"))
    if dry_run:
        summary = _run(import_command.dry_run(wanted, out))
        import_shown.show_dry(summary, out)
    else:
        summary = _run(import_command.import_files(wanted, out))
        import_shown.show(summary, out)
    raise typer.Exit(FAILED if summary.faulty else 0)


@app.command()
def token(
    person: Annotated[str | None, typer.Option("--as", help="The id of a person: their own view.")] = None,
    role: Annotated[
        str | None, typer.Option(help="A role, such as analyst, compensation, admin or integration.")
    ] = None,
    home: HomeOption = Path(DEFAULT_HOME),
) -> None:
    """Print an access token (10 minutes) for scripts on the machine that owns the home of a running Merit."""
    from merit.local import Local

    if (person is None) == (role is None):
        raise MeritError("Say whose token: --as PERSON, or --role ROLE.")
    merit = Local.find(Home.at(home))
    print(_run(merit.token(role=role, person=person)))


@app.command()
def verify(home: HomeOption = Path(DEFAULT_HOME), url: UrlOption = None) -> None:
    """Check on a running Merit that every value and every cent is what the accepted events make it."""
    from merit import commands

    here = Home.at(home)
    checks = _run(commands.verify_at(url, os.environ.get("MERIT_TOKEN")) if url else commands.verify_here(here))
    for check in checks:
        print(check)
    print(commands.closing(checks))
    raise typer.Exit(0 if checks and all(check.ok for check in checks) else FAILED)


@app.command()
def traces(
    trace: Annotated[
        str | None, typer.Argument(help="A trace id (or the traceparent of an answer); none: the newest requests.")
    ] = None,
    home: HomeOption = Path(DEFAULT_HOME),
) -> None:
    """Show recent requests, or follow one of them over the topics to the values and ledger entries that it caused."""
    from zoneinfo import ZoneInfo

    from chassis.span import parse
    from chassis.span_file import read_spans
    from merit import traces as module

    place = Home.at(home)
    if not place.traces.is_dir():
        raise MeritError(f"The home {place.folder} holds no traces: start Merit there first.")
    forest = module.Forest.of(read_spans(place.traces))
    if trace is None:
        out.print(module.listing(forest, ZoneInfo(place.installation(None, None).zone)))
        return
    found = parse(trace)
    drawn = module.tree(forest, found[0] if found else trace.lower())
    if drawn is None:
        raise MeritError(f"Nothing is kept of the trace {trace}: it is too old, or it was not sampled.")
    out.print(drawn, soft_wrap=True)


@app.command(name="export-log")
def export_command(
    file: Annotated[Path, typer.Argument(help="Where to write: JSON lines; only you may read it.")],
    home: HomeOption = Path(DEFAULT_HOME),
) -> None:
    """Write all that this Merit was told into one file, to go on from elsewhere. Stop Merit before."""
    from merit import moving

    moved = _run(moving.export_home(Home.at(home), file))
    out.print(f"{moved.records} records and {moved.rows} rows of decisions are in {file}.", soft_wrap=True)


@app.command(name="import-log")
def import_log_command(
    file: Annotated[Path, typer.Argument(help="What `merit export-log` wrote.")],
    home: HomeOption = Path(DEFAULT_HOME),
    kafka: Annotated[str | None, typer.Option(help="Into a cluster: its Kafka servers, host:port.")] = None,
) -> None:
    """Go on from an export: in a new home, or in a cluster that was told nothing yet (it may run).

    The DSN of the cluster's database owner is taken from MERIT_ADMIN_DATABASE_URL. Values, credits and the ledger are
    made anew from the log.
    """
    from chassis.db import DatabaseRefuses
    from merit import moving

    if kafka is None:
        moved = _run(moving.import_to_home(Home.at(home), file))
    elif dsn := os.environ.get("MERIT_ADMIN_DATABASE_URL"):
        try:
            moved = _run(moving.import_to_cluster(dsn, kafka, file))
        except DatabaseRefuses as error:
            raise MeritError(f"PostgreSQL refuses the name or password in MERIT_ADMIN_DATABASE_URL: {error}") from error
        chosen = moving.installation_of(file)
        out.print(f"The cluster's services must be told the zone {chosen.zone} and the currency {chosen.currency}.")
    else:
        raise MeritError("Say where the cluster's database is: put its owner's DSN into MERIT_ADMIN_DATABASE_URL.")
    out.print(f"{moved.records} records and {moved.rows} rows of decisions were imported.")


def _check_choices(zone: str | None, currency: str | None) -> None:
    from pydantic import TypeAdapter, ValidationError

    from chassis.settings import CurrencyCode, ZoneName

    zones: TypeAdapter[str | None] = TypeAdapter(ZoneName | None)
    currencies: TypeAdapter[str | None] = TypeAdapter(CurrencyCode | None)
    for kind, value in ((zones, zone), (currencies, currency)):
        try:
            kind.validate_python(value)
        except ValidationError as error:
            raise MeritError(str(error.errors()[0]["msg"]).removeprefix("Value error, ") + ".") from error


def _log() -> None:
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s", handlers=[RichHandler(console=err)])
    logging.getLogger("asyncpg.pool").setLevel(logging.ERROR)  # a database that is away is told by who needs it


def _run(work: Coroutine[Any, Any, T]) -> T:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def main(arguments: list[str] | None = None) -> int:
    """The ``merit`` command: 0 = done, 1 = something was found wrong, 2 = it could not be done, said in a sentence."""
    try:
        app(args=arguments)
    except MeritError as error:
        err.print(str(error), markup=False, highlight=False, soft_wrap=True)
        return MISUSED
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
