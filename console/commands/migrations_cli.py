"""The words of `canario migrations ...`: options in, exit codes out. `console.commands.migrations` does it."""

from __future__ import annotations

from typing import Annotated

import typer

from console.commands.running import run
from console.words import _

app = typer.Typer(
    name="migrations",
    help=_("Judge and apply database migrations."),
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


@app.callback()
def migrations() -> None:
    """`canario migrations`: only its commands do anything."""


@app.command(
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
