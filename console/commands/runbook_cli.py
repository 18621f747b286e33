"""`canario runbook`: words in, exit codes out; what it does is in `console.commands.runbook`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from console.commands.running import Where, find_place
from console.commands.running import run as run_now
from console.errors import UsageError
from console.words import _

app = typer.Typer(
    name="runbook",
    help=_("The procedure as data: shown, checked, walked."),
    no_args_is_help=True,
    rich_markup_mode=None,
)

EnvOption = Annotated[str | None, typer.Option("--env", metavar="NAME", help=_("Environment that is released to."))]
EndpointOption = Annotated[
    str | None, typer.Option("--endpoint", metavar="HOST:PORT", help=_("A simulator on this machine."))
]
AsOption = Annotated[str | None, typer.Option("--as", metavar="EMAIL", help=_("Who you are at the simulator."))]
FileOption = Annotated[
    Path | None,
    typer.Option("--runbook", metavar="FILE", help=_("The runbook (default: the settings', else the packaged one).")),
]
RollbackOption = Annotated[bool, typer.Option("--rollback", help=_("The manual rollback's runbook."))]
JsonOption = Annotated[bool, typer.Option("--json", help=_("Print JSON (docs/json.md)."))]


def run_async(go: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """`go` to its exit code, its failures told."""
    return run_now(lambda: asyncio.run(go()))


def _where(context: typer.Context, env: str | None, endpoint: str | None, email: str | None) -> Where:
    outer = context.obj if isinstance(context.obj, Where) else Where()
    return Where(env, endpoint, email).under(outer)


@app.command(help=_("The checklist as it stands now: each step's state, why, and its evidence."))
def show(
    context: typer.Context,
    runbook: FileOption = None,
    rollback: RollbackOption = False,
    as_json: JsonOption = False,
    env: EnvOption = None,
    endpoint: EndpointOption = None,
    as_email: AsOption = None,
) -> None:
    """`canario runbook show`."""

    async def go() -> int:
        from console.commands import runbook as implementation

        place = find_place(_where(context, env, endpoint, as_email))
        return await implementation.show(place, runbook, rollback=rollback, as_json=as_json)

    raise typer.Exit(run_async(go))


@app.command(help=_("Check a runbook's file; a mistake names its line, the key and the fix, and exits 2."))
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=_("The runbook."))],
) -> None:
    """`canario runbook check`."""

    def go() -> int:
        from console.commands import runbook as implementation

        return implementation.check(file)

    raise typer.Exit(run_now(go))


@app.command(help=_("Walk the whole runbook without a terminal; each step is printed with its evidence."))
def run(
    context: typer.Context,
    headless: Annotated[
        bool, typer.Option("--headless", help=_("Without a terminal (with one: `canario`, key k)."))
    ] = False,
    yes_as: Annotated[
        list[str] | None,
        typer.Option(
            "--yes-as",
            metavar="EMAIL[:ROLE]",
            help=_("In whose name persons' words are given; several times. Approvals: two different people."),
        ),
    ] = None,
    until: Annotated[str, typer.Option("--until", metavar="STEP", help=_("Stop after this step."))] = "",
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help=_("A note that goes with each word."))] = "",
    skip: Annotated[
        list[str] | None,
        typer.Option("--skip", metavar="STEP=REASON", help=_("Leave a step out, where the runbook allows it.")),
    ] = None,
    checkout: Annotated[
        Path | None,
        typer.Option("--checkout", metavar="FOLDER", help=_("The team's code (default: the settings', else here).")),
    ] = None,
    runbook: FileOption = None,
    rollback: RollbackOption = False,
    as_json: Annotated[bool, typer.Option("--json", help=_("Print one JSON object a line (docs/json.md)."))] = False,
    env: EnvOption = None,
    endpoint: EndpointOption = None,
    as_email: AsOption = None,
) -> None:
    """`canario runbook run`."""

    async def go() -> int:
        from console.commands import runbook_run as implementation

        if not headless:
            raise UsageError(
                _("`canario runbook run` walks without a terminal only."),
                remedy=_("Add --headless; in the console, k is the checklist."),
            )
        where = _where(context, env, endpoint, as_email)
        if where.email is None and yes_as and where.endpoint is not None:
            where = Where(where.env, where.endpoint, yes_as[0].partition(":")[0])
        return await implementation.run(
            find_place(where),
            runbook,
            yes_as=yes_as or (),
            until=until,
            note=note,
            skip=skip or (),
            rollback=rollback,
            as_json=as_json,
            checkout=checkout,
        )

    raise typer.Exit(run_async(go))
