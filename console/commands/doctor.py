"""`canario doctor`: what is well, what is not, and what to do about it. Exits 1 where something failed."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from console.commands.output import say
from console.commands.running import Where, find_place, find_settings
from console.errors import CanarioError, ExitCode
from console.words import _, ngettext

if TYPE_CHECKING:
    from console.cloud.doctor import Check
    from console.settings import Settings

Finding = tuple[str, str, str, str]
"""(glyph, title, what was found, what to do)."""

OK, WARNING, FAILED = "✔", "!", "✖"


async def doctor(where: Where) -> int:
    """Examine this machine, then the cloud, and say what was found."""
    findings: list[Finding] = []

    def tell(finding: Finding) -> None:
        findings.append(finding)
        glyph, title, detail, remedy = finding
        say(f"{glyph} {title}: {detail}")
        if remedy:
            say(f"    → {remedy}")

    tell(_terminal())
    try:
        settings = find_settings()
    except CanarioError as error:
        tell((FAILED, _("settings"), f"{error.what} {error.traffic}".strip(), error.remedy))
        return ExitCode.FAILED
    for local in (_settings_found, _holidays, _journal):
        tell(local(settings))
    for secret in _secrets():
        tell(secret)
    try:
        place = find_place(where, settings)
    except CanarioError as error:
        tell((FAILED, _("environment"), error.what, error.remedy))
        return ExitCode.FAILED
    environment = place.environment
    at = place.endpoint or "Google"
    tell((OK, _("environment"), f"{environment.name}: {environment.project} / {environment.region} / "
          f"{environment.service} @ {at}", ""))  # fmt: skip

    from console.clock import SystemClock
    from console.cloud.doctor import examine
    from console.cloud.target import CloudTarget

    target = CloudTarget(environment.project, environment.region, place.endpoint, place.email)
    for check in await examine(target, environment.service, SystemClock()):
        tell(_of(check))
    failed = sum(glyph == FAILED for glyph, _title, _detail, _remedy in findings)
    if failed:
        say(ngettext("{count} check failed.", "{count} checks failed.", failed).format(count=failed))
        return ExitCode.FAILED
    warned = sum(glyph == WARNING for glyph, _title, _detail, _remedy in findings)
    if warned:
        told = ngettext(
            "Nothing failed; {count} thing is worth a look (!).",
            "Nothing failed; {count} things are worth a look (!).",
            warned,
        )
        say(told.format(count=warned))
    else:
        say(_("All well."))
    return ExitCode.DONE


def _of(check: Check) -> Finding:
    glyph = {"ok": OK, "warning": WARNING, "failed": FAILED}[check.health.value]
    return glyph, check.title, check.detail, check.remedy


def _terminal() -> Finding:
    title, term = _("terminal"), os.environ.get("TERM", "")
    if not sys.stdout.isatty():
        return OK, title, _("none here; commands need none"), ""
    if term in ("", "dumb"):
        return (
            WARNING,
            title,
            _("TERM={term} cannot draw the console").format(term=term or "''"),
            _("Set TERM, e.g. TERM=xterm-256color."),
        )
    size = shutil.get_terminal_size()
    detail = _("{term}, {columns}x{lines}").format(term=term, columns=size.columns, lines=size.lines)
    if size.columns < 80 or size.lines < 24:
        return WARNING, title, detail, _("The console is best at 120x40, and whole from 80x24 on.")
    return OK, title, detail, ""


def _settings_found(settings: Settings) -> Finding:
    from console.settings import user_settings_file

    if settings.files:
        return OK, _("settings"), ", ".join(settings.files), ""
    return (
        OK,
        _("settings"),
        _("no file: built-in environments and the runbook's numbers hold"),
        _("`canario init` writes one; your own would be {path}.").format(path=user_settings_file()),
    )


def _holidays(settings: Settings) -> Finding:
    countries = set(settings.window.holidays)
    for environment in settings.environments.values():
        countries.update(environment.window.holidays if environment.window else ())
    if countries:
        return OK, _("holidays"), ", ".join(sorted(countries)), ""
    return (
        WARNING,
        _("holidays"),
        _("none are kept: the window opens on public holidays too"),
        _('Name countries, e.g. holidays = ["EC"] under [window].'),
    )


def _journal(settings: Settings) -> Finding:
    from console.journal import Journal

    path = settings.journal_path()
    journal = Journal.open(path)
    try:
        if not journal.writable:
            return FAILED, _("journal"), journal.problem, _("Promotions are blocked until it can be written.")
        problems = journal.verify()
    finally:
        journal.close()
    if problems:
        return FAILED, _("journal"), "; ".join(problems[:3]), _("Keep the file as evidence, and start a new one.")
    return OK, _("journal"), str(path), ""


def _secrets() -> list[Finding]:
    from console.secrets import SECRETS, find_secret, usable_backends

    findings: list[Finding] = []
    backends, problem = usable_backends()
    title = _("keyring")
    if backends:
        findings.append((OK, title, ", ".join(backend.name for backend in backends), ""))
    else:
        findings.append(
            (WARNING, title, problem, _("Use variables: {names}.").format(names=", ".join(SECRETS.values())))
        )
    for name, variable in SECRETS.items():
        found = find_secret(name)
        if found.value:
            findings.append((OK, name, _("found in {source}").format(source=found.source), ""))
        else:
            setting = _("Run `keyring set canario {name}`, or set {variable}.").format(name=name, variable=variable)
            findings.append((WARNING, name, _("not set: {use}").format(use=_USES[name]()), setting))
    return findings


_USES: dict[str, Callable[[], str]] = {
    "github-token": lambda: _("the checklist cannot read GitHub"),
    "slack-webhook": lambda: _("nothing is announced in Slack"),
    "app-secret": lambda: _("the checklist cannot sign a test webhook"),
    "verify-token": lambda: _("the checklist cannot test the webhook's verification"),
    "database-password": lambda: _("databases that ask for a password let nobody in"),
}
