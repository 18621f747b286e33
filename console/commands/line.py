"""Every command, its options and its help, as the command line library (typer) reads them.

Starts without Textual, and imports a Google client only when a command calls the cloud
(tests/cli/test_imports.py). What the commands do is in `console.commands`; what they may do is the console's own
actions and guardrails. `console.cli` reads the two most urgent ones without typer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from console import __version__
from console.commands import line_local, runbook_cli, starting
from console.commands.migrations_cli import app as migrations_app
from console.commands.options import (
    AsOption,
    EndpointOption,
    EnvOption,
    JsonLinesOption,
    JsonOption,
    ReasonOption,
    RunbookOption,
    placed,
)
from console.commands.running import Where, check_name, check_percent, find_place, run
from console.commands.spoken import SpokenCommand, SpokenGroup, use_our_catalogues
from console.errors import UsageError
from console.words import _

app = typer.Typer(
    name="canario",
    cls=SpokenGroup,
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

command = partial(app.command, cls=SpokenCommand)

app.add_typer(migrations_app, cls=SpokenGroup)


app.add_typer(runbook_cli.app, cls=SpokenGroup)


def run_line(arguments: Sequence[str]) -> int:
    """Run the command that these words name.

    Raises:
        SystemExit: its exit code.
    """
    use_our_catalogues()
    app(args=list(arguments), prog_name="canario")
    return 0


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"canario {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def console(
    context: typer.Context,
    env: EnvOption = None,
    endpoint: EndpointOption = None,
    as_email: AsOption = None,
    runbook: RunbookOption = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help=_("Print the version."))
    ] = False,
) -> None:
    """Open the console, where no command is named."""
    where = context.obj = Where(env, endpoint, as_email)
    if context.invoked_subcommand is None:
        raise typer.Exit(run(lambda: starting.open_console(where, runbook)))
    if runbook is not None:
        context.fail(_("--runbook stands behind the command that walks it: canario runbook run --runbook FILE."))


def _duration(option: str, text: str) -> timedelta:
    """What an option gives as a duration.

    Raises:
        UsageError: it is none.
    """
    from console.settings_types import Problem, read_duration

    try:
        return read_duration(text)
    except Problem as problem:
        raise UsageError(f"{option} {problem.what}.", remedy=problem.remedy) from problem


@command(help=_("What is true of the service now: split, release, verdict, window, whether a rollback is ready."))
@placed
def status(where: Where, as_json: JsonOption = False) -> int:
    """`canario status`."""
    from console.commands import looking

    return asyncio.run(looking.status(find_place(where), as_json=as_json))


@command(help=_("Every service of the project and region, with its split and the release under way."))
@placed
def services(where: Where, as_json: JsonOption = False) -> int:
    """`canario services`."""
    from console.commands import looking

    return asyncio.run(looking.services(find_place(where), as_json=as_json))


@command(help=_("The service's revisions, newest first."))
@placed
def revisions(
    where: Where,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help=_("At most so many."))] = 50,
    as_json: JsonOption = False,
) -> int:
    """`canario revisions`."""
    from console.commands import looking

    return asyncio.run(looking.revisions(find_place(where), as_json=as_json, limit=limit))


@command(help=_("Deploy a new revision with no traffic, under a tag of its own. Guarded."))
@placed
def deploy(
    where: Where,
    image: Annotated[str, typer.Argument(metavar="IMAGE", help=_("Container image, with its tag or digest."))],
    tag: Annotated[str, typer.Option("--tag", metavar="TAG", help=_("Tag of the new revision."))] = "canary",
    reason: ReasonOption = "",
) -> int:
    """`canario deploy`."""
    from console.commands import moving

    if not image.strip() or not image.isprintable() or any(c.isspace() for c in image) or len(image) > 512:
        raise UsageError(
            _("{image!r} is no container image.").format(image=image[:80]),
            remedy=_("Name one like us-docker.pkg.dev/acme/app/wa-backend:7c1e9f."),
        )
    check_name(_("tag"), tag)
    place = find_place(where)
    return asyncio.run(moving.deploy(place, image, tag, reason))


@command(
    help=_("Move the canary's share to PERCENT. Guarded: window, order of steps, bake, verdict, driver."),
    context_settings={"ignore_unknown_options": True},  # `-5` is a share out of range, not an option
)
@placed
def shift(
    where: Where,
    percent: Annotated[str, typer.Argument(metavar="PERCENT", help=_("The canary's share after it, 0 to 100."))],
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="REVISION", help=_("The canary (default: the release's, else the tag canary's).")),
    ] = None,
    reason: ReasonOption = "",
) -> int:
    """`canario shift`."""
    from console.commands import moving

    share = check_percent(percent)
    canary = check_name(_("revision"), to) if to is not None else None
    place = find_place(where)
    return asyncio.run(moving.shift(place, share, canary, reason))


@command(
    help=_("Approve the open release candidate's image and plan, under your own identity; two different people must.")
)
@placed
def approve(
    where: Where,
    role: Annotated[
        str, typer.Option("--role", metavar="ROLE", help=_("The role that you approve in: code or tech-lead."))
    ],
    runbook: RunbookOption = None,
) -> int:
    """`canario approve`."""
    from console.commands import approving

    return asyncio.run(approving.approve(find_place(where), approving.role_of(role), runbook))


@command(help=_("Restore the split before the release, at once. No guardrail stands before it."))
@placed
def rollback(
    where: Where,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="REVISION", help=_("Give this revision everything instead.")),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help=_("Why, for the record."))] = "",
) -> int:
    """`canario rollback`."""
    return starting.roll_back(where, to, reason)


@command(help=_("The service's log: the newest entries, and with --follow those that come."))
@placed
def logs(
    where: Where,
    follow: Annotated[bool, typer.Option("--follow", "-f", help=_("Go on with new entries until Ctrl-C."))] = False,
    filter: Annotated[
        str, typer.Option("--filter", metavar="F", help=_("In the Logging query language, e.g. severity>=ERROR."))
    ] = "",
    since: Annotated[
        str, typer.Option("--since", metavar="TIME", help=_("How far back, e.g. 10 min, or 2026-11-25T12:00:00Z."))
    ] = "1 h",
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help=_("At most so many past entries."))] = 50,
    as_json: JsonOption = False,
) -> int:
    """`canario logs`."""
    from console.commands import logs as implementation

    back = implementation.read_moment(since) or _duration("--since", since)
    place = find_place(where)
    return asyncio.run(
        implementation.logs(place, follow=follow, filter=filter, since=back, limit=limit, as_json=as_json)
    )


@command(help=_("The story of each release, newest first: who moved what, when, why, and how it ended."))
@placed
def history(
    where: Where,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help=_("At most so many releases."))] = 10,
    as_json: JsonOption = False,
) -> int:
    """`canario history`."""
    from console.commands import history as implementation

    return asyncio.run(implementation.history(find_place(where), as_json=as_json, limit=limit))


@command(
    help=_("The verdict that the driving console last said. Exit 0 PASS, 1 FAIL, 5 INCONCLUSIVE, 6 SHARED BREACH.")
)
@placed
def verdict(
    where: Where,
    wait: Annotated[bool, typer.Option("--wait", help=_("Wait for the bake's end, or a FAIL."))] = False,
    timeout: Annotated[
        str | None, typer.Option("--timeout", metavar="TIME", help=_("Wait no longer, e.g. 20 min (with --wait)."))
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """`canario verdict`."""
    from console.commands import verdict as implementation

    patience = _duration("--timeout", timeout) if timeout is not None else None
    place = find_place(where)
    return asyncio.run(implementation.verdict(place, wait=wait, timeout=patience, as_json=as_json))


@command(
    help=_(
        "Watch the revision that serves, for hours, without a terminal; goes on where an earlier one stopped. "
        "Exit 0 quiet, 1 a limit crossed, 5 no data."
    )
)
@placed
def watch(
    where: Where,
    duration: Annotated[
        str | None,
        typer.Option("--for", metavar="TIME", help=_("How long, e.g. 24h (default: checklist.watch_after).")),
    ] = None,
    anew: Annotated[bool, typer.Option("--anew", help=_("Begin now, whatever an earlier watch has seen."))] = False,
    as_json: JsonLinesOption = False,
) -> int:
    """`canario watch`."""
    from console.commands import watching

    length = _duration("--for", duration) if duration is not None else None
    return asyncio.run(watching.watch(find_place(where), length, anew=anew, as_json=as_json))


@command(
    help=_(
        "Write a release's report: one HTML file that needs nothing else, and Markdown for the post-mortem. "
        "Without a name: the latest release."
    )
)
@placed
def report(
    where: Where,
    release: Annotated[
        str, typer.Argument(metavar="RELEASE", help=_("Id, revision or candidate, as `canario history` tells it."))
    ] = "",
    out: Annotated[
        Path, typer.Option("--out", metavar="FOLDER", help=_("Where to write it (default: here)."))
    ] = Path(),
    as_json: JsonOption = False,
) -> int:
    """`canario report`."""
    from console.commands.reporting import report as write_it

    return asyncio.run(write_it(find_place(where), release, out, as_json=as_json))


app.registered_commands += line_local.app.registered_commands
