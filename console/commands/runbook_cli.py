"""`canario runbook`: words in, exit codes out; what it does is in `console.commands.runbook`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from console.commands.running import Where, find_place, run, run_async
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

    raise typer.Exit(run(go))
