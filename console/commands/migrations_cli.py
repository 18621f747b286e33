"""The words of `canario migrations ...`: options in, exit codes out. `console.commands.migrations` does it."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated

import typer

from console.commands.options import JsonLinesOption, JsonOption, ending, placed
from console.commands.running import Where
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


@app.callback()
def migrations() -> None:
    """`canario migrations`: only its commands do anything."""


@command(
    help=_("What each statement does to code that still runs, and to locks. Exit 0 all additive, 1 not, 2 wrong usage.")
)
@ending
def lint(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help=_("SQL files; - is standard input."))],
    dialect: Annotated[
        str, typer.Option("--dialect", metavar="NAME", help=_("mysql (MariaDB too), postgres or sqlite."))
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help=_("Print one JSON object a statement (docs/json.md)."))
    ] = False,
) -> int:
    """`canario migrations lint`."""
    from console.commands import migrations as implementation

    return implementation.lint(files, dialect, as_json=as_json)


@command(
    help=_(
        "Apply what is pending, statement by statement, each confirmed by its table's name. Guarded. "
        "After a crash: first finds out what became of what was sent."
    )
)
@placed
def apply(
    where: Where,
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
    database: DatabaseOption = None,
    replica: ReplicaOption = None,
    dialect: DialectOption = None,
    as_json: JsonLinesOption = False,
) -> int:
    """`canario migrations apply`."""
    from console.commands import migrating as implementation
    from console.commands.migrations_ground import Target

    target = Target(folder, database, tuple(replica or ()), dialect)
    given = implementation.Given(frozenset(yes or ()), reason, flag)
    return asyncio.run(implementation.apply(where, target, given, as_json=as_json))


@command(help=_("What is pending, and what was applied, when and by whom. Reads only."))
@placed
def status(
    where: Where,
    folder: FolderArgument = None,
    database: DatabaseOption = None,
    replica: ReplicaOption = None,
    dialect: DialectOption = None,
    as_json: JsonOption = False,
) -> int:
    """`canario migrations status`."""
    from console.commands import migrations_status as implementation
    from console.commands.migrations_ground import Target

    target = Target(folder, database, tuple(replica or ()), dialect)
    return asyncio.run(implementation.status(where, target, as_json=as_json))


@command(
    help=_(
        "Approve, as the second person, what is pending on a table and not for one person alone. "
        "Written on the service; counts once the Cloud Audit Log confirms who wrote it."
    )
)
@placed
def approve(
    where: Where,
    folder: FolderArgument = None,
    yes: Annotated[
        list[str] | None, typer.Option("--yes", metavar="TABLE", help=_("The table; may be repeated."))
    ] = None,
    database: DatabaseOption = None,
    dialect: DialectOption = None,
) -> int:
    """`canario migrations approve`."""
    from console.commands import migrations_deciding as implementation
    from console.commands.migrations_ground import Target

    target = Target(folder, database, (), dialect)
    return asyncio.run(implementation.approve(where, target, tuple(yes or ())))


@command(
    help=_(
        "Say what became of a statement of which nobody knows whether it was applied, or that a file which was applied "
        "under another name is the same."
    )
)
@placed
def decide(
    where: Where,
    file: Annotated[str, typer.Argument(metavar="FILE", help=_("The file's name."))],
    number: Annotated[int, typer.Argument(metavar="NUMBER", help=_("The statement's number, from 1."))],
    word: Annotated[str, typer.Argument(metavar="applied|again", help=_("Whether it was applied."))],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help=_("How you know."))] = "",
    drop_invalid: Annotated[
        str,
        typer.Option("--drop-invalid", metavar="TABLE", help=_("First drop the INVALID indexes on it (with again).")),
    ] = "",
    database: DatabaseOption = None,
) -> int:
    """`canario migrations decide`."""
    from console.commands import migrations_deciding as implementation
    from console.commands.migrations_ground import Target

    target = Target(None, database, (), None)
    return asyncio.run(implementation.decide(where, target, file, number, word, reason, drop_invalid))
