"""`canario runbook show`, `check`: the checklist on paper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from console.commands.output import SCHEMA, say, say_json, warn
from console.commands.running import Place, find_settings, session_at
from console.errors import ExitCode, SettingsError
from console.words import _, language

if TYPE_CHECKING:
    from console.runbook.evidence import Evidence
    from console.runbook.load import Loaded
    from console.runbook.progress import Checklist, StepView
    from console.settings import Settings

EXCERPT = 6
"""Last lines of a step's output that are printed."""


def loaded(settings: Settings, file: Path | None, *, rollback: bool = False, environment: str = "") -> Loaded:
    """The runbook that a command means.

    Args:
        settings: that it must fit.
        file: as typed; None: the settings', else the packaged one.
        rollback: whether the manual rollback's is meant.
        environment: name of the one that the release is for; empty: any.

    Raises:
        SettingsError: it is wrong; names file, line, key, and the fix.
    """
    from console.runbook.fitting import check_fits
    from console.runbook.load import load_runbook

    which = "rollback" if rollback else "despliegue"
    found = load_runbook(file or settings.runbook_file(which), which)  # type: ignore[arg-type]
    if not rollback:  # what gives traffic back is not held up by a name
        check_fits(found, settings, environment)
    return found


def check(file: Path) -> int:
    """Say whether a runbook's file is sound by itself and with the settings that hold here, and what is in it."""
    from console.runbook.fitting import check_fits
    from console.runbook.load import load_runbook

    found = load_runbook(file)
    try:
        settings = find_settings()
    except SettingsError as error:
        warn(_("The settings are wrong, so that the runbook is not held against them: {why}").format(why=error))
    else:
        check_fits(found, settings)
    runbook = found.runbook
    steps = tuple(runbook.steps())
    machine = sum(kind.machine for kind in found.kinds.values())
    say(
        _(
            "{file} is sound: {id}, {phases} phases, {steps} steps, {machine} of them checked by a machine ({digest})."
        ).format(
            file=file,
            id=runbook.id,
            phases=len(runbook.phases),
            steps=len(steps),
            machine=machine,
            digest=runbook.digest(),
        )
    )
    return ExitCode.DONE


async def show(place: Place, file: Path | None, *, rollback: bool, as_json: bool) -> int:
    """Print the checklist as it stands now."""
    from console.runbook.progress import closed_word
    from console.runbook.walk import Walk

    book = loaded(place.settings, file, rollback=rollback, environment=place.environment.name)
    async with session_at(place) as session:
        await session.watcher.refresh()
        walk = await Walk.open(session, place.settings, book, drive=False, shared=not rollback, look=False)
        checklist = walk.latest
        await walk.close()
    if as_json:
        say_json(checklist_document(checklist))
        return ExitCode.DONE
    subject = checklist.subject
    say(
        _("{title} · candidate {candidate} · driver {driver}").format(
            title=checklist.runbook.title.in_language(language()),
            candidate=subject.candidate or "-",
            driver=checklist.me.driver or "-",
        )
    )
    if checklist.closed:
        say(_("closed: {how}").format(how=closed_word(checklist.closed)))
    for problem in checklist.problems:
        say(f"  ! {problem}")
    for phase in checklist.phases:
        done, count = phase.count
        say()
        say(
            f"{phase.phase.title.in_language(language())}  {done}/{count}"
            + (f"  ({phase.reason})" if phase.reason else "")
        )
        for view in phase.steps:
            for line in step_lines(view):
                say(line)
    return ExitCode.DONE


def step_lines(view: StepView) -> Iterator[str]:
    """A step and its evidence, as lines."""
    from console.runbook.progress import state_word

    yield f"  {state_word(view.state):<10} {view.step.id:<20} {view.step.title.in_language(language())}"
    if view.reason:
        yield f"            {view.reason}"
    if view.evidence is not None:
        yield from evidence_lines(view.evidence)


def evidence_lines(evidence: Evidence, indent: str = "            ") -> Iterator[str]:
    """What is known of a run, as lines."""
    from console.telling import result_word

    word = _("checked by a machine") if evidence.machine else _("a person's word")
    result = result_word(evidence.result.value)
    yield f"{indent}{evidence.at:%Y-%m-%d %H:%M:%S} UTC  {result}  {evidence.by}  ({word})"
    for name, value in evidence.figures:
        yield f"{indent}  {name}: {value}"
    for item in evidence.items:
        mark = "! " if item.result in ("fail", "blocked") else ""
        yield f"{indent}  {mark}{item.id}: {item.result or '-'}  {item.by}  {item.title}"
    for problem in evidence.problems:
        yield f"{indent}  ! {problem}"
    if evidence.remedy and evidence.problems:
        yield f"{indent}  > {evidence.remedy}"
    for line in evidence.excerpt[-EXCERPT:]:
        yield f"{indent}  | {line}"


def checklist_document(checklist: Checklist) -> dict[str, object]:
    """The checklist in JSON (docs/json.md)."""
    subject = checklist.subject
    return {
        "schema": SCHEMA,
        "runbook": checklist.runbook.id,
        "runbook_digest": checklist.runbook.digest(),
        "candidate": subject.candidate or None,
        "image": subject.image or None,
        "commit": subject.commit or None,
        "revision": subject.canary or None,
        "driver": checklist.me.driver or None,
        "closed": checklist.closed or None,
        "done": checklist.done,
        "next": checklist.next_for_me or None,
        "problems": list(checklist.problems),
        "phases": [
            {
                "id": phase.phase.id,
                "title": phase.phase.title.in_language(language()),
                "done": phase.done,
                "open": phase.open,
                "steps": [step_document(view) for view in phase.steps],
            }
            for phase in checklist.phases
        ],
    }


def step_document(view: StepView) -> dict[str, object]:
    """One step in JSON."""
    return {
        "id": view.step.id,
        "kind": view.step.kind,
        "title": view.step.title.in_language(language()),
        "state": view.state.value,
        "reason": view.reason or None,
        "done": view.done,
        "waiting_for": view.waiting_for or None,
        "may_run": view.may_run,
        "why_not": view.why_not or None,
        "evidence": evidence_document(view.evidence) if view.evidence is not None else None,
    }


def evidence_document(evidence: Evidence) -> dict[str, object]:
    """Evidence in JSON."""
    return {
        "result": evidence.result.value,
        "by": evidence.by,
        "at": evidence.at,
        "sentence": evidence.sentence,
        "machine": evidence.machine,
        "subject": evidence.subject or None,
        "figures": [{"name": name, "value": value} for name, value in evidence.figures],
        "problems": list(evidence.problems),
        "remedy": evidence.remedy or None,
        "items": [
            {"id": item.id, "title": item.title, "result": item.result, "note": item.note, "by": item.by}
            for item in evidence.items
        ],
        "reason": evidence.reason or None,
        "excerpt": list(evidence.excerpt),
        "output": evidence.output or None,
    }
