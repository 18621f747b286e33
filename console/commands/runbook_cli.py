"""`canario runbook`: words in, exit codes out; what it does is in `console.commands.runbook` and `runbook_run`."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from console.commands.options import JsonLinesOption, JsonOption, RunbookOption, ending, placed
from console.commands.running import Where, find_place
from console.commands.spoken import SpokenCommand, SpokenGroup
from console.errors import UsageError
from console.words import _

app = typer.Typer(
    name="runbook",
    cls=SpokenGroup,
    help=_("The procedure as data: shown, checked, walked (docs/runbook.md)."),
    no_args_is_help=True,
    rich_markup_mode=None,
)

command = partial(app.command, cls=SpokenCommand)

RollbackOption = Annotated[bool, typer.Option("--rollback", help=_("The manual rollback's runbook."))]
HeadlessOption = Annotated[bool, typer.Option("--headless", help=_("Without a terminal (with one: `canario`, key k)."))]
YesAsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--yes-as",
        metavar="EMAIL[:ROLE]",
        help=_("In whose name persons' words are given; several times. Approvals: two different people."),
    ),
]
VersionOption = Annotated[
    str,
    typer.Option("--version", metavar="VERSION", help=_("Which version /healthz must tell, where nothing says it.")),
]
UntilOption = Annotated[str, typer.Option("--until", metavar="STEP", help=_("Stop after this step."))]
NoteOption = Annotated[str, typer.Option("--note", metavar="TEXT", help=_("A note that goes with each word."))]
SkipOption = Annotated[
    list[str] | None,
    typer.Option("--skip", metavar="STEP=REASON", help=_("Leave a step out, where the runbook allows it.")),
]
YesAgainOption = Annotated[
    list[str] | None,
    typer.Option(
        "--yes-again",
        metavar="STEP=WHY",
        help=_("Answer a step that a person said no to, or a failed case of a list; the reason is kept with the word."),
    ),
]
OneOfOption = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        metavar="STEP",
        help=_("Of steps that do the same, walk this one (option A: deploy_by_workflow; default: the first)."),
    ),
]
CheckoutOption = Annotated[
    Path | None,
    typer.Option("--checkout", metavar="FOLDER", help=_("The team's code (default: the settings', else here).")),
]


@command(help=_("The checklist as it stands now: each step's state, why, and its evidence."))
@placed
def show(
    where: Where, runbook: RunbookOption = None, rollback: RollbackOption = False, as_json: JsonOption = False
) -> int:
    """`canario runbook show`."""
    from console.commands import runbook as implementation

    return asyncio.run(implementation.show(find_place(where), runbook, rollback=rollback, as_json=as_json))


@command(help=_("Check a runbook's file; a mistake names its line, the key and the fix, and exits 2."))
@ending
def check(file: Annotated[Path, typer.Argument(metavar="FILE", help=_("The runbook."))]) -> int:
    """`canario runbook check`."""
    from console.commands import runbook as implementation

    return implementation.check(file)


@command(help=_("Walk the whole runbook without a terminal; each step is printed with its evidence."))
@placed
def run(
    where: Where,
    headless: HeadlessOption = False,
    yes_as: YesAsOption = None,
    version: VersionOption = "",
    until: UntilOption = "",
    note: NoteOption = "",
    skip: SkipOption = None,
    yes_again: YesAgainOption = None,
    option: OneOfOption = None,
    checkout: CheckoutOption = None,
    runbook: RunbookOption = None,
    rollback: RollbackOption = False,
    as_json: JsonLinesOption = False,
) -> int:
    """`canario runbook run`."""
    from console.commands import runbook_run as implementation

    if not headless:
        raise UsageError(
            _("`canario runbook run` walks without a terminal only."),
            remedy=_("Add --headless; in the console, k is the checklist."),
        )
    place = find_place(where)
    if where.email is None and yes_as and place.endpoint is not None:
        where = Where(where.env, where.endpoint, yes_as[0].partition(":")[0], where.demo)
        place = find_place(where)
        if where.demo:
            from console.demo import act_as

            act_as(yes_as[0].partition(":")[0])
    return asyncio.run(
        implementation.run(
            place,
            runbook,
            yes_as=yes_as or (),
            version=version,
            until=until,
            note=note,
            skip=skip or (),
            option=option or (),
            yes_again=yes_again or (),
            rollback=rollback,
            as_json=as_json,
            checkout=checkout,
        )
    )
