"""The commands: `canario` and everything that follows it. Words in, exit codes out.

Starts without Textual, and imports a Google client only when a command calls the cloud
(tests/cli/test_imports.py). What the commands do is in `console.commands`; what they may do is the console's own
actions and guardrails.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from console import __version__
from console.commands.migrations_cli import app as migrations_app
from console.commands.output import say, warn
from console.commands.running import Where, check_name, check_percent, find_place, run, run_async
from console.crash import terminal_problem
from console.errors import ExitCode, UsageError
from console.words import _

app = typer.Typer(
    name="canario",
    help=_(
        "Watch a canary release on Google Cloud Run, move it, and roll it back. "
        "Without a command: the console, on the configured service."
    ),
    epilog=_(
        "Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 3 blocked by a guardrail, 4 conflict, "
        "5 inconclusive, 6 shared breach, 130 interrupted."
    ),
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)

app.add_typer(migrations_app)

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
ReasonOption = Annotated[
    str,
    typer.Option("--reason", metavar="TEXT", help=_("Why; 10 characters or more override what a reason may override.")),
]
JsonOption = Annotated[bool, typer.Option("--json", help=_("Print JSON (docs/json.md)."))]
ScenarioOption = Annotated[str, typer.Option("--scenario", metavar="NAME", help=_("What happens in it."))]
SeedOption = Annotated[int, typer.Option("--seed", metavar="N", help=_("Makes a run repeatable."))]


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"canario {__version__}")
        raise typer.Exit


def _end(code: int) -> None:
    raise typer.Exit(code)


@app.callback(invoke_without_command=True)
def console(
    context: typer.Context,
    env: EnvOption = None,
    endpoint: EndpointOption = None,
    as_email: AsOption = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help=_("Print the version."))
    ] = False,
) -> None:
    """Open the console, where no command is named."""
    context.obj = Where(env, endpoint, as_email)
    if context.invoked_subcommand is None:
        _end(run(lambda: _open_console(context.obj)))


def _open_console(where: Where) -> int:
    from console.commands.running import find_settings

    settings = find_settings()
    environment = settings.environment(where.env)
    if environment.simulator and not (where.endpoint or environment.endpoint):
        from console.demo import play

        return play("healthy", speed=1.0, email=where.email)
    place = find_place(where, settings)
    if problem := terminal_problem():
        (say if sys.stdout.isatty() else warn)(problem)
        return ExitCode.FAILED
    from console.app import run_console

    return run_console(place.settings, place.environment, endpoint=place.endpoint, as_email=place.email)


def _where(context: typer.Context, env: str | None, endpoint: str | None, email: str | None) -> Where:
    outer = context.obj if isinstance(context.obj, Where) else Where()
    return Where(env, endpoint, email).under(outer)


@app.command(help=_("What is true of the service now: split, release, verdict, window, whether a rollback is ready."))
def status(
    context: typer.Context,
    as_json: JsonOption = False,
    env: EnvOption = None,
    endpoint: EndpointOption = None,
    as_email: AsOption = None,
) -> None:
    """`canario status`."""
    from console.commands import looking

    where = _where(context, env, endpoint, as_email)
    _end(run_async(lambda: looking.status(find_place(where), as_json=as_json)))


@app.command(help=_("Every service of the project and region, with its split and the release under way."))
def services(
    context: typer.Context,
    as_json: JsonOption = False,
    env: EnvOption = None,
    endpoint: EndpointOption = None,
    as_email: AsOption = None,
) -> None:
    """`canario services`."""
    from console.commands import looking

    where = _where(context, env, endpoint, as_email)
    _end(run_async(lambda: looking.services(find_place(where), as_json=as_json)))


@app.command(help=_("The service's revisions, newest first."))
def revisions(
    context: typer.Context,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help=_("At most so many."))] = 50,
    as_json: JsonOption = False,
    env: EnvOption = None,
    endpoint: EndpointOption = None,
    as_email: AsOption = None,
) -> None:
    """`canario revisions`."""
    from console.commands import looking

    where = _where(context, env, endpoint, as_email)
    _end(run_async(lambda: looking.revisions(find_place(where), as_json=as_json, limit=limit)))


@app.command(help=_("Deploy a new revision with no traffic, under a tag of its own. Guarded."))
def deploy(
    context: typer.Context,
    image: Annotated[str, typer.Argument(metavar="IMAGE", help=_("Container image, with its tag or digest."))],
    tag: Annotated[str, typer.Option("--tag", metavar="TAG", help=_("Tag of the new revision."))] = "canary",
    reason: ReasonOption = "",
    env: EnvOption = None,
    endpoint: EndpointOption = None,
    as_email: AsOption = None,
) -> None:
    """`canario deploy`."""

    def go() -> int:
        from console.commands import moving

        if not image.strip() or not image.isprintable() or any(c.isspace() for c in image) or len(image) > 512:
            raise UsageError(
                _("{image!r} is no container image.").format(image=image[:80]),
                remedy=_("Name one like us-docker.pkg.dev/acme/app/wa-backend:7c1e9f."),
            )
        check_name(_("tag"), tag)
        place = find_place(_where(context, env, endpoint, as_email))
        return run_async(lambda: moving.deploy(place, image, tag, reason))

    _end(run(go))


@app.command(
    help=_("Move the canary's share to PERCENT. Guarded: window, order of steps, bake, verdict, driver."),
    context_settings={"ignore_unknown_options": True},  # `-5` is a share out of range, not an option
)
def shift(
    context: typer.Context,
    percent: Annotated[str, typer.Argument(metavar="PERCENT", help=_("The canary's share after it, 0 to 100."))],
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="REVISION", help=_("The canary (default: the release's, else the tag canary's).")),
    ] = None,
    reason: ReasonOption = "",
    env: EnvOption = None,
    endpoint: EndpointOption = None,
    as_email: AsOption = None,
) -> None:
    """`canario shift`."""

    def go() -> int:
        from console.commands import moving

        share = check_percent(percent)
        canary = check_name(_("revision"), to) if to is not None else None
        place = find_place(_where(context, env, endpoint, as_email))
        return run_async(lambda: moving.shift(place, share, canary, reason))

    _end(run(go))


@app.command(help=_("Restore the split before the release, at once. No guardrail stands before it."))
def rollback(
    context: typer.Context,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="REVISION", help=_("Give this revision everything instead.")),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help=_("Why, for the record."))] = "",
    env: EnvOption = None,
    endpoint: EndpointOption = None,
    as_email: AsOption = None,
) -> None:
    """`canario rollback`."""

    def go() -> int:
        from console.commands import moving

        target = check_name(_("revision"), to) if to is not None else None
        place = find_place(_where(context, env, endpoint, as_email))
        return run_async(lambda: moving.rollback(place, target, reason))

    _end(run(go))


@app.command(help=_("The service's log: the newest entries, and with --follow those that come."))
def logs(
    context: typer.Context,
    follow: Annotated[bool, typer.Option("--follow", "-f", help=_("Go on with new entries until Ctrl-C."))] = False,
    filter: Annotated[
        str, typer.Option("--filter", metavar="F", help=_("In the Logging query language, e.g. severity>=ERROR."))
    ] = "",
    since: Annotated[
        str, typer.Option("--since", metavar="TIME", help=_("How far back, e.g. 10 min, or 2026-11-25T12:00:00Z."))
    ] = "1 h",
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help=_("At most so many past entries."))] = 50,
    as_json: JsonOption = False,
    env: EnvOption = None,
    endpoint: EndpointOption = None,
    as_email: AsOption = None,
) -> None:
    """`canario logs`."""

    def go() -> int:
        from console.commands import logs as implementation
        from console.settings_types import Problem, read_duration

        try:
            back = implementation.read_moment(since) or read_duration(since)
        except Problem as problem:
            raise UsageError(f"--since {problem.what}.", remedy=problem.remedy) from problem
        place = find_place(_where(context, env, endpoint, as_email))
        return run_async(
            lambda: implementation.logs(place, follow=follow, filter=filter, since=back, limit=limit, as_json=as_json)
        )

    _end(run(go))


@app.command(help=_("The story of each release, newest first: who moved what, when, why, and how it ended."))
def history(
    context: typer.Context,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help=_("At most so many releases."))] = 10,
    as_json: JsonOption = False,
    env: EnvOption = None,
    endpoint: EndpointOption = None,
    as_email: AsOption = None,
) -> None:
    """`canario history`."""
    from console.commands import history as implementation

    where = _where(context, env, endpoint, as_email)
    _end(run_async(lambda: implementation.history(find_place(where), as_json=as_json, limit=limit)))


@app.command(
    help=_("The verdict that the driving console last said. Exit 0 PASS, 1 FAIL, 5 INCONCLUSIVE, 6 SHARED BREACH.")
)
def verdict(
    context: typer.Context,
    wait: Annotated[bool, typer.Option("--wait", help=_("Wait for the bake's end, or a FAIL."))] = False,
    timeout: Annotated[
        str | None, typer.Option("--timeout", metavar="TIME", help=_("Wait no longer, e.g. 20 min (with --wait)."))
    ] = None,
    as_json: JsonOption = False,
    env: EnvOption = None,
    endpoint: EndpointOption = None,
    as_email: AsOption = None,
) -> None:
    """`canario verdict`."""

    def go() -> int:
        from console.commands import verdict as implementation
        from console.settings_types import Problem, read_duration

        patience = None
        if timeout is not None:
            try:
                patience = read_duration(timeout)
            except Problem as problem:
                raise UsageError(f"--timeout {problem.what}.", remedy=problem.remedy) from problem
        place = find_place(_where(context, env, endpoint, as_email))
        return run_async(lambda: implementation.verdict(place, wait=wait, timeout=patience, as_json=as_json))

    _end(run(go))


@app.command(help=_("Judge recorded request logs: when would canario have known? Exit 0 whatever the verdict is."))
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
    as_json: Annotated[bool, typer.Option("--json", help=_("Print one JSON object a line (docs/json.md)."))] = False,
) -> None:
    """`canario replay`."""

    def go() -> int:
        from console.commands import replay as implementation

        check_name(_("revision"), canary)
        if stable is not None:
            check_name(_("revision"), stable)
        return implementation.replay(
            files, canary, stable, share=share, bake_s=bake, grace_s=grace, horizon=horizon, as_json=as_json
        )

    _end(run(go))


@app.command(help=_("Examine credentials, APIs, permissions, keyring, clock, terminal; each with what to do about it."))
def doctor(
    context: typer.Context,
    env: EnvOption = None,
    endpoint: EndpointOption = None,
    as_email: AsOption = None,
) -> None:
    """`canario doctor`."""
    from console.commands import doctor as implementation

    where = _where(context, env, endpoint, as_email)
    _end(run_async(lambda: implementation.doctor(where)))


@app.command(help=_("Write a commented canario.toml into this folder; never over one that is there."))
def init() -> None:
    """`canario init`."""
    from console.commands import init as implementation

    _end(run(lambda: implementation.init(Path.cwd())))


@app.command(help=_("Play a release on a simulator of its own: nothing to set up, nothing real is touched."))
def demo(
    context: typer.Context,
    scenario: ScenarioOption = "bad-canary",
    speed: Annotated[
        float | None,
        typer.Option("--speed", metavar="N", help=_("Times faster than life (default 5; < and > change it).")),
    ] = None,
    seed: SeedOption = 0,
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
    as_email: AsOption = None,
) -> None:
    """`canario demo`."""

    def go() -> int:
        from console import demo as implementation

        return implementation.demo(
            scenario,
            speed=speed,
            seed=seed,
            headless=headless,
            expect=expect,
            auto_headless=auto_headless,
            extend_s=extend,
            email=as_email or (context.obj.email if isinstance(context.obj, Where) else None),
        )

    _end(run(go))


@app.command(
    help=_("Serve a local Cloud Run, Logging and Monitoring on loopback; prints its addresses as one JSON line."),
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
def simulate(context: typer.Context) -> None:
    """`canario simulate`: the options are the simulator's own."""

    def go() -> int:
        from console.simulator import main as serve

        return serve(context.args)

    _end(run(go))


def main() -> None:
    """The `canario` command.

    Once a command has ended and said all, the process goes at once: taking Google's clients apart module by module
    would keep a shell waiting some 0.2 s more (bench/), with nothing of ours left to do.
    """
    try:
        app(prog_name="canario")
    except SystemExit as end:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):  # whoever read it has gone
                stream.flush()
        if end.code is None or isinstance(end.code, int):
            os._exit(end.code or 0)
        raise


if __name__ == "__main__":
    app(prog_name="canario")
