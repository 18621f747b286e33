"""The words of `canario migrations ...`: options in, exit codes out. `console.commands.migrations` does it."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated

import typer

from console.commands.running import Where, run
from console.commands.spoken import SpokenCommand
from console.words import _

app = typer.Typer(
    name="migrations",
    help=_("Judge and apply database migrations."),
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)

command = partial(app.command, cls=SpokenCommand)


@app.callback()
def migrations() -> None:
    """`canario migrations`: only its commands do anything."""


@command(
    help=_("What each statement does to code that still runs, and to locks. Exit 0 all additive, 1 not, 2 wrong usage.")
)
def lint(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help=_("SQL files; - is standard input."))],
    dialect: Annotated[
        str, typer.Option("--dialect", metavar="NAME", help=_("mysql (MariaDB too), postgres or sqlite."))
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help=_("Print one JSON object a statement (docs/json.md)."))
    ] = False,
) -> None:
    """`canario migrations lint`."""

    def go() -> int:
        from console.commands import migrations as implementation

        return implementation.lint(files, dialect, as_json=as_json)

    raise typer.Exit(run(go))


FolderArgument = Annotated[
    str | None, typer.Argument(metavar="FOLDER", help=_("Folder of *.sql files (default: migrations.folder)."))
]
DatabaseOption = Annotated[
    str | None,
    typer.Option("--database", metavar="URL", help=_("The database, with no password (default: the environment's).")),
]
ReplicaOption = Annotated[
    list[str] | None, typer.Option("--replica", metavar="URL", help=_("A replica that must get it; may be repeated."))
]
DialectOption = Annotated[
    str | None, typer.Option("--dialect", metavar="NAME", help=_("mysql, postgres or sqlite (default: the URL's)."))
]
EnvOption = Annotated[str | None, typer.Option("--env", metavar="NAME", help=_("Environment."))]
EndpointOption = Annotated[
    str | None, typer.Option("--endpoint", metavar="HOST:PORT", help=_("A simulator on this machine."))
]
AsOption = Annotated[str | None, typer.Option("--as", metavar="EMAIL", help=_("Who you are at the simulator."))]


def _where(context: typer.Context, env: str | None, endpoint: str | None, email: str | None) -> Where:
    outer = context.find_root().obj
    return Where(env, endpoint, email).under(outer if isinstance(outer, Where) else Where())


@command(
    help=_(
        "Apply what is pending, statement by statement, each confirmed by its table's name. Guarded. "
        "After a crash: first finds out what became of what was sent."
    )
)
def apply(
    context: typer.Context,
    folder: FolderArgument = None,
    yes: Annotated[
        list[str] | None,
        typer.Option("--yes", metavar="TABLE", help=_("Confirms the statements on that table; may be repeated.")),
    ] = None,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help=_("Why; 10 characters or more let a blocking one pass."))
    ] = "",
    flag: Annotated[
        str, typer.Option("--flag", metavar="NAME", help=_("The feature flag that keeps old code off."))
    ] = "",
    approved_by: Annotated[
        str, typer.Option("--approved-by", metavar="EMAIL", help=_("Who has approved it (canario migrations approve)."))
    ] = "",
    database: DatabaseOption = None,
    replica: ReplicaOption = None,
    dialect: DialectOption = None,
    as_json: Annotated[bool, typer.Option("--json", help=_("Print one JSON object a line (docs/json.md)."))] = False,
    env: EnvOption = None,
    endpoint: EndpointOption = None,
    as_email: AsOption = None,
) -> None:
    """`canario migrations apply`."""
    where = _where(context, env, endpoint, as_email)

    async def go() -> int:
        from console.commands import migrating as implementation

        target = implementation.Target(folder, database, tuple(replica or ()), dialect)
        given = implementation.Given(frozenset(yes or ()), reason, flag, approved_by)
        return await implementation.apply(where, target, given, as_json=as_json)

    raise typer.Exit(run(lambda: asyncio.run(go())))


@command(help=_("What is pending, and what was applied, when and by whom. Reads only."))
def status(
    context: typer.Context,
    folder: FolderArgument = None,
    database: DatabaseOption = None,
    replica: ReplicaOption = None,
    dialect: DialectOption = None,
    as_json: Annotated[bool, typer.Option("--json", help=_("Print JSON (docs/json.md)."))] = False,
    env: EnvOption = None,
    endpoint: EndpointOption = None,
    as_email: AsOption = None,
) -> None:
    """`canario migrations status`."""
    where = _where(context, env, endpoint, as_email)

    async def go() -> int:
        from console.commands import migrating as implementation

        target = implementation.Target(folder, database, tuple(replica or ()), dialect)
        return await implementation.status(where, target, as_json=as_json)

    raise typer.Exit(run(lambda: asyncio.run(go())))


@command(help=_("Approve, as the second person, what is pending on a table and more than additive."))
def approve(
    context: typer.Context,
    folder: FolderArgument = None,
    yes: Annotated[
        list[str] | None, typer.Option("--yes", metavar="TABLE", help=_("The table; may be repeated."))
    ] = None,
    database: DatabaseOption = None,
    dialect: DialectOption = None,
    env: EnvOption = None,
    endpoint: EndpointOption = None,
    as_email: AsOption = None,
) -> None:
    """`canario migrations approve`."""
    where = _where(context, env, endpoint, as_email)

    async def go() -> int:
        from console.commands import migrating as implementation

        target = implementation.Target(folder, database, (), dialect)
        return await implementation.approve(where, target, tuple(yes or ()))

    raise typer.Exit(run(lambda: asyncio.run(go())))


@command(help=_("Say what became of a statement of which nobody knows whether it was applied."))
def decide(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help=_("The file's name."))],
    number: Annotated[int, typer.Argument(metavar="NUMBER", help=_("The statement's number, from 1."))],
    word: Annotated[str, typer.Argument(metavar="applied|again", help=_("Whether it was applied."))],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help=_("How you know."))] = "",
    drop_invalid: Annotated[
        str,
        typer.Option("--drop-invalid", metavar="TABLE", help=_("First drop the INVALID indexes on it (with again).")),
    ] = "",
    database: DatabaseOption = None,
    env: EnvOption = None,
    endpoint: EndpointOption = None,
    as_email: AsOption = None,
) -> None:
    """`canario migrations decide`."""
    where = _where(context, env, endpoint, as_email)

    async def go() -> int:
        from console.commands import migrating as implementation

        target = implementation.Target(None, database, (), None)
        return await implementation.decide(where, target, file, number, word, reason, drop_invalid)

    raise typer.Exit(run(lambda: asyncio.run(go())))
