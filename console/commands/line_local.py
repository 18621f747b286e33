"""Commands that touch no release: recorded logs, this machine, a new project, the demo and its simulator.

Words in, exit codes out, as `console.commands.line`, which lists them behind its own.
"""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from console.commands.options import JsonLinesOption, RunbookOption, ending, placed
from console.commands.running import Where, check_name
from console.commands.spoken import SpokenCommand
from console.words import _

app = typer.Typer(rich_markup_mode=None)

command = partial(app.command, cls=SpokenCommand)


@command(help=_("Judge recorded request logs: when would canario have known? Exit 0 whatever the verdict is."))
@ending
def replay(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help=_("What `gcloud logging read --format=json` printed, or NDJSON; - is standard input."),
        ),
    ],
    canary: Annotated[str, typer.Option("--canary", metavar="REVISION", help=_("The revision that is judged."))],
    stable: Annotated[
        str | None,
        typer.Option(
            "--stable", metavar="REVISION", help=_("What it is held against (default: all others of its service).")
        ),
    ] = None,
    share: Annotated[
        float, typer.Option("--share", metavar="SHARE", help=_("The canary's expected share of the requests, 0 to 1."))
    ] = 0.10,
    bake: Annotated[
        int, typer.Option("--bake", metavar="SECONDS", min=1, max=604_800, help=_("Seconds that are judged."))
    ] = 300,
    grace: Annotated[
        int,
        typer.Option(
            "--grace", metavar="SECONDS", min=0, max=604_800, help=_("Seconds in which the canary may start.")
        ),
    ] = 15,
    horizon: Annotated[
        int | None,
        typer.Option(
            "--horizon",
            metavar="SECONDS",
            min=1,
            max=31_622_400,
            help=_("Seconds over which the chance of a false alarm is spread (default: the bake's)."),
        ),
    ] = None,
    as_json: JsonLinesOption = False,
) -> int:
    """`canario replay`."""
    from console.commands import replay as implementation

    check_name(_("revision"), canary)
    if stable is not None:
        check_name(_("revision"), stable)
    return implementation.replay(
        files, canary, stable, share=share, bake_s=bake, grace_s=grace, horizon=horizon, as_json=as_json
    )


@command(help=_("Examine credentials, APIs, permissions, keyring, clock, terminal; each with what to do about it."))
@placed
def doctor(where: Where) -> int:
    """`canario doctor`."""
    from console.commands import doctor as implementation

    return asyncio.run(implementation.doctor(where))


@command(help=_("Write a commented canario.toml and the runbooks into this folder; never over files that are there."))
@ending
def init() -> int:
    """`canario init`."""
    from console.commands import init as implementation

    return implementation.init(Path.cwd())


@command(help=_("Play a release on a simulator of its own: nothing to set up, nothing real is touched."))
@ending
def demo(
    context: typer.Context,
    scenario: Annotated[str, typer.Option("--scenario", metavar="NAME", help=_("What happens in it."))] = "bad-canary",
    speed: Annotated[
        float | None,
        typer.Option("--speed", metavar="N", help=_("Times faster than life (default 5; < and > change it).")),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help=_("Makes a run repeatable."))] = 0,
    headless: Annotated[
        bool, typer.Option("--headless", help=_("Play the release without a terminal and print its timeline."))
    ] = False,
    expect: Annotated[
        str | None,
        typer.Option(
            "--expect",
            metavar="OUTCOME",
            help=_("With --headless: exit 0 where it ends so (promoted, rolled-back, held), else 1."),
        ),
    ] = None,
    extend: Annotated[
        int,
        typer.Option(
            "--extend",
            metavar="SECONDS",
            min=0,
            max=86_400,
            help=_(
                "With --headless: let a bake that ends undecided go on for so many seconds before the play gives up."
            ),
        ),
    ] = 0,
    auto_headless: Annotated[
        bool,
        typer.Option(
            "--auto-headless",
            help=_("Without a terminal: play headless, expecting what the scenario is made for (make demo)."),
        ),
    ] = False,
    bare: Annotated[
        bool,
        typer.Option("--bare", help=_("Start without smoke tests and approvals on record: to walk the whole runbook.")),
    ] = False,
    runbook: RunbookOption = None,
    as_email: Annotated[
        str | None,
        typer.Option(
            "--as",
            metavar="EMAIL",
            help=_("Who you are (default: $USER@demo.example); joins the demo that another terminal runs."),
        ),
    ] = None,
) -> int:
    """`canario demo`."""
    from console import demo as implementation

    typed = ("scenario", "speed", "seed", "auto_headless", "bare")
    return implementation.demo(
        scenario,
        speed=speed,
        seed=seed,
        headless=headless,
        expect=expect,
        auto_headless=auto_headless,
        extend_s=extend,
        bare=bare,
        runbook=runbook,
        email=as_email or (context.obj.email if isinstance(context.obj, Where) else None),
        own=any(getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE" for name in typed),
    )


@command(
    help=_("Serve a local Cloud Run, Logging and Monitoring on loopback; prints its addresses as one JSON line."),
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
@ending
def simulate(context: typer.Context) -> int:
    """`canario simulate`: the options are the simulator's own."""
    from console.simulator import main as serve

    return serve(context.args)
