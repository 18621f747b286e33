"""Commands that change the service: `deploy`, `shift`, `rollback`. The console's own actions, one at a time."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from console.actions.outcome import Outcome, RollbackProgress
from console.commands.output import say, warn
from console.commands.running import Place, session_at
from console.commands.schema import schema_for
from console.errors import CanarioError, ExitCode
from console.release.guardrails import shares_text
from console.words import _

if TYPE_CHECKING:
    from console.session import Session


async def deploy(place: Place, image: str, tag: str, reason: str) -> int:
    """Deploy a new revision with no traffic, under a tag of its own."""
    async with session_at(place) as session:
        outcome = await session.actions.deploy(image, tag=tag, reason=reason)
        say(
            _("Deployed {revision} in {where}, with no traffic, under the tag {tag} ({took:.1f} s).").format(
                revision=outcome.canary or outcome.service.latest_created or "?",
                where=_where(place),
                tag=tag,
                took=outcome.took.total_seconds(),
            )
        )
        say(_("Next: canario shift {percent}").format(percent=place.settings.rules(place.environment).plan.steps[0]))
        _notes(outcome)
    return ExitCode.DONE


async def shift(place: Place, percent: int, canary: str | None, reason: str) -> int:
    """Move the canary to `percent`, guarded."""
    async with session_at(place) as session:
        outcome = await session.actions.shift(percent, canary=canary, reason=reason)
        if outcome.already:
            say(_("Nothing to move: {where} already serves {split}.").format(where=_where(place), split=_now(outcome)))
        else:
            _say_moved(_("Moved {where}: {before} → {after} ({took:.1f} s)."), place, outcome)
        _notes(outcome)
    return ExitCode.DONE


async def rollback(place: Place, to: str | None, reason: str) -> int:
    """Restore the split before the release; no guardrail stands before it."""
    told: set[tuple[str, int]] = set()

    def follow(progress: RollbackProgress) -> None:
        mark = (progress.state, progress.attempts)
        if progress.state == "retrying" and mark not in told:
            told.add(mark)
            warn(
                _("Still rolling back, attempt {number}: {problem}").format(
                    number=progress.attempts, problem=progress.problem
                )
            )

    async with session_at(place, anonymous=True) as session:  # the call leaves before we know who makes it
        outcome = await session.actions.rollback(to=to, reason=reason, progress=follow)
        if outcome.already:
            say(
                _("Nothing to roll back: {where} already serves {split}.").format(
                    where=_where(place), split=_now(outcome)
                )
            )
        else:
            _say_moved(_("Rolled back {where}: {before} → {after} ({took:.1f} s)."), place, outcome)
        _notes(outcome)
        if place.environment.database is not None:  # only now: nothing of it may stand before the rollback
            await _say_schema(place, session, outcome)
    return ExitCode.DONE


async def _say_schema(place: Place, session: Session, outcome: Outcome) -> None:
    """Whether what serves now runs on the schema as it is."""
    target = max(outcome.after, key=lambda name: outcome.after[name], default=None)
    made = None
    if target is not None:
        with suppress(CanarioError):
            made = (await session.cloud.run.get_revision(place.environment.service, target)).created
    schema = await schema_for(place.environment, made)
    if schema is None:
        return
    (say if schema.runs else warn)(_("Schema: {sentence}").format(sentence=schema.sentence))
    for warning in schema.warnings:
        warn(_("Note: {note}").format(note=warning))


def _say_moved(words: str, place: Place, outcome: Outcome) -> None:
    say(
        words.format(
            where=_where(place),
            before=shares_text(dict(outcome.before)),
            after=_now(outcome),
            took=outcome.took.total_seconds(),
        )
    )


def _where(place: Place) -> str:
    return f"{place.environment.service} ({place.environment.name})"


def _now(outcome: Outcome) -> str:
    return shares_text(dict(outcome.after))


def _notes(outcome: Outcome) -> None:
    for note in outcome.notes:
        warn(_("Note: {note}").format(note=note))
