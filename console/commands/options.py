"""What commands have in common on the command line: options of one meaning, where a command goes, and how it ends."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Concatenate, ParamSpec

import typer

from console.commands.running import Where, run
from console.words import _

P = ParamSpec("P")

EnvOption = Annotated[
    str | None,
    typer.Option("--env", metavar="NAME", help=_("Environment (default: the settings', else production).")),
]
EndpointOption = Annotated[
    str | None,
    typer.Option("--endpoint", metavar="HOST:PORT", help=_("A simulator on this machine, in place of Google.")),
]
AsOption = Annotated[
    str | None,
    typer.Option("--as", metavar="EMAIL", help=_("Who you are at the simulator (default: $USER@demo.example).")),
]
DemoOption = Annotated[
    bool, typer.Option("--demo", help=_("On the demo that another terminal runs: its cloud, GitHub, Slack, checkout."))
]
ReasonOption = Annotated[
    str,
    typer.Option("--reason", metavar="TEXT", help=_("Why; 10 characters or more override what a reason may override.")),
]
RunbookOption = Annotated[
    Path | None,
    typer.Option("--runbook", metavar="FILE", help=_("The runbook (default: the settings', else the packaged one).")),
]
JsonOption = Annotated[bool, typer.Option("--json", help=_("Print JSON (docs/json.md)."))]
JsonLinesOption = Annotated[bool, typer.Option("--json", help=_("Print one JSON object a line (docs/json.md)."))]


def ending(command: Callable[P, int]) -> Callable[P, None]:
    """`command`, its failures told and its code the process's."""

    @wraps(command)
    def ended(*arguments: P.args, **options: P.kwargs) -> None:
        raise typer.Exit(run(lambda: command(*arguments, **options)))

    return ended


def placed(command: Callable[Concatenate[Where, P], int]) -> Callable[..., None]:
    """`command` with --env, --endpoint, --as and --demo behind its own options; they reach it as one `Where`.

    Typer reads a function's signature, so the one that it sees is put together here.
    """

    def ended(
        context: typer.Context,
        env: EnvOption = None,
        endpoint: EndpointOption = None,
        as_email: AsOption = None,
        demo: DemoOption = False,
        **own: object,
    ) -> None:
        outer = context.obj if isinstance(context.obj, Where) else Where()
        where = Where(env, endpoint, as_email, demo).under(outer)
        raise typer.Exit(run(lambda: command(_gone_to(where), **own)))  # type: ignore[arg-type, call-arg]

    ours = list(inspect.signature(ended, eval_str=True).parameters.values())[:-1]
    _where, *theirs = inspect.signature(command, eval_str=True).parameters.values()
    shown = [ours[0], *theirs, *ours[1:]]
    ended.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    ended.__annotations__ = {each.name: each.annotation for each in shown}
    ended.__name__, ended.__doc__ = command.__name__, command.__doc__
    return ended


def _gone_to(where: Where) -> Where:
    """Where the command goes: the demo, if it was asked for."""
    if not where.demo:
        return where
    from console.demo import go_to

    return go_to(where)
