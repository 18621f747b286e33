"""`canario history`: the story of each release, as the console's history screen tells it."""

from __future__ import annotations

from datetime import UTC, datetime

from console.chronicle import Story, gather, unmoved_words
from console.commands.looking import ended_word, release_document
from console.commands.output import SCHEMA, say, say_json, warn
from console.commands.running import Place, session_at
from console.errors import ExitCode
from console.release.guardrails import shares_text
from console.release.state import Candidate
from console.words import _


async def history(place: Place, *, as_json: bool, limit: int) -> int:
    """Print the newest `limit` releases, each with what happened in it."""
    async with session_at(place) as session:
        await session.watcher.refresh()
        chronicle = await gather(session)
    stories = chronicle.stories[:limit]
    if as_json:
        say_json(
            {
                "schema": SCHEMA,
                "service": place.environment.service,
                "releases": [story_document(story) for story in stories],
                "problem": chronicle.problem or None,
            }
        )
        return ExitCode.DONE
    if chronicle.problem:
        warn(chronicle.problem)
    if not stories:
        say(_("No release of {service} is recorded yet.").format(service=place.environment.service))
    for number, story in enumerate(stories):
        if number:
            say()
        _tell(story)
    return ExitCode.DONE


def story_document(story: Story) -> dict[str, object]:
    """A release in `canario history --json` (docs/json.md)."""
    return {
        **release_document(story.release),
        "candidate": candidate_document(story.candidate) if story.candidate is not None else None,
        "events": [
            {"time": happening.at, "kind": happening.kind, "text": happening.text, "by": happening.by or None}
            for happening in story.happenings
        ],
    }


def candidate_document(candidate: Candidate) -> dict[str, object]:
    """What was walked to a release, in `canario history --json`."""
    return {
        "id": candidate.id,
        "image": candidate.image or None,
        "commit": candidate.commit or None,
        "pull_request": candidate.pull_request or None,
        "author": candidate.author_login or candidate.author or None,
        "migrations": candidate.migrations,
        "opened": candidate.opened,
        "opened_by": candidate.opened_by,
        "closed": candidate.closed,
        "closed_at": candidate.closed_at,
        "steps": [
            {
                "step": record.step,
                "result": record.result,
                "by": record.by,
                "at": record.at,
                "sentence": record.sentence,
                "reason": record.reason or None,
            }
            for record in candidate.steps
        ],
        "approvals": [
            {"role": approval.role, "by": approval.by, "at": approval.at, "image": approval.digest}
            for approval in candidate.approvals
        ],
    }


def _tell(story: Story) -> None:
    release = story.release
    if not release.canary:
        say(f"{release.id}  {unmoved_words()}")
    else:
        say(
            _("{canary}  {state}  ({before} before it)").format(
                canary=release.canary, state=_state(story), before=shares_text(release.baseline_shares())
            )
        )
    for happening in story.happenings:
        who = f"  ({happening.by})" if happening.by else ""
        say(f"  {clock(happening.at)}  {happening.text}{who}")


def _state(story: Story) -> str:
    release = story.release
    if release.ended is None:
        return _("under way at {percent} %").format(percent=release.step)
    return ended_word(release.ended)


def clock(at: datetime) -> str:
    """`at` in UTC, to the second."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
