"""`canario watch --for 24h`: the hours after a release, without a terminal.

The same watch as the runbook's step, on the revision that serves most. What it judged is kept beside the journal, and
that it was begun and how it ended is in the journal: started again before its time is up, it goes on.
"""

from __future__ import annotations

import asyncio
import re
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from console.commands.output import say, say_json, warn
from console.commands.running import Place
from console.errors import CanarioError, ExitCode, JournalError, UnavailableError, UsageError
from console.notify import Message, limit_crossed
from console.release.moves import largest
from console.runbook.kinds.watch import rollback_revision
from console.runbook.watching import End, Ended, Watch, figures_of, how_lost, standing_sentence
from console.watch.kept_ticks import TickFile
from console.watch.lasting import LONGEST, Stand, hours
from console.words import _

if TYPE_CHECKING:
    from console.journal import Entry
    from console.session import Session

KIND = "watch"
"""Kind of its journal rows."""
ROWS = 500
SAY_EVERY_S = 60.0
"""Wall seconds between two lines of how it stands."""
OPEN_S = 60.0
"""Wall seconds that the first picture may take."""

EXITS = {
    End.QUIET: ExitCode.DONE,
    End.CROSSED: ExitCode.FAILED,
    End.NO_DATA: ExitCode.INCONCLUSIVE,
    End.GONE: ExitCode.FAILED,
}
"""A revision that lost its traffic meanwhile was not watched to the end, whoever took it."""


async def watch(place: Place, length: timedelta | None, *, anew: bool, as_json: bool) -> int:
    """Watch the revision that serves most.

    Args:
        place: where.
        length: how long, in server time; the settings' `checklist.watch_after` where None.
        anew: do not go on with one that was begun before.
        as_json: one object a line.

    Returns:
        0 quiet, 1 a limit was crossed, 5 no data.

    Raises:
        UsageError: the length is out of range, or nothing serves.
    """
    from console.session import Session

    wanted = length or place.settings.checklist.watch_after
    if not timedelta(seconds=1) <= wanted <= LONGEST:
        raise UsageError(_("A watch lasts a second at least and seven days at most."), remedy=_("Write --for 24h."))
    session = await Session.open(
        place.settings, place.environment, endpoint=place.endpoint, as_email=place.email, watch=True
    )
    try:
        await _first_picture(session)
        if place.settings.notify.bell:
            session.notifier.bell = _ring
        return await _watch(session, place, wanted, anew=anew, as_json=as_json)
    finally:
        await session.close()


async def _watch(session: Session, place: Place, length: timedelta, *, anew: bool, as_json: bool) -> int:
    revision = _serving(session)
    now = session.cloud.server_clock.now()
    assert now is not None
    since = None if anew else await _unfinished(session, revision, length, now)
    resumed = since is not None
    since = since or now
    file = TickFile(_path(session, revision, length))
    if not resumed:
        await asyncio.to_thread(file.put_aside)
        await _note(session, "begin", revision, since, length)
    _begin(session, place, revision, since, length, resumed=resumed, as_json=as_json)
    said = [float("-inf")]

    def report(stand: Stand, problem: str) -> None:
        wall = session.clock.monotonic()
        if wall - said[0] < SAY_EVERY_S:
            return
        said[0] = wall
        if as_json:
            say_json({"event": "standing", **document(stand), "problem": problem or None}, indent=None)
        else:
            say(f"{stand.upto:%Y-%m-%d %H:%M:%S}  {standing_sentence(stand)}{f'; {problem}' if problem else ''}")

    def share() -> int | None:
        service = session.watcher.latest.service
        return service.effective_shares().get(revision, 0) if service is not None else None

    runner = Watch(
        cloud=session.cloud,
        service=place.environment.service,
        revision=revision,
        clock=session.clock,
        now=lambda: session.cloud.server_clock.now() or session.clock.now(),
        ticks=session.watcher.ticks,
        share=share,
        report=report,
        usual_per_s=place.settings.checklist.normal_requests_per_second,
        file=file,
    )
    ended = await runner.run(since, length)
    back_to = rollback_revision(session.watcher.latest, revision) if ended.end is End.CROSSED else ""
    command = f"canario rollback --env {place.environment.name}" + (f" --to {back_to}" if back_to else "")
    if ended.end is End.CROSSED and not ended.told_before:
        problem = await session.notifier.announce(
            limit_crossed(
                service=place.environment.service,
                environment=place.environment.name,
                revision=revision,
                after=ended.stand.upto - ended.stand.since,
                sentence=ended.stand.verdict.sentence,
                back_to=back_to,
                command=command,
            )
        )
        if problem:
            warn(problem)
    if ended.end is End.GONE:
        now = session.cloud.server_clock.now() or session.clock.now()
        release = session.watcher.latest.release
        how = await how_lost(session.cloud, place.environment.service, revision, release, now)
        warn(f"{how[:1].upper()}{how[1:]}.")
    await _note(session, "end", revision, since, length, how=ended.end.value, sentence=ended.sentence)
    _end(ended, back_to, command, as_json=as_json)
    return EXITS.get(ended.end, ExitCode.DONE)


async def _first_picture(session: Session) -> None:
    try:
        async with asyncio.timeout(OPEN_S):
            while session.watcher.latest.service is None or session.cloud.server_clock.now() is None:
                await session.clock.sleep(0.05)
    except TimeoutError:
        raise UnavailableError(_("The service cannot be read."), remedy=_("Try again.")) from None


def _ring(_message: Message) -> None:
    """Ring the terminal, where there is one."""
    if sys.stderr.isatty():
        sys.stderr.write("\a")
        sys.stderr.flush()


def _serving(session: Session) -> str:
    service = session.watcher.latest.service
    revision = largest(service.effective_shares()) if service is not None else None
    if revision is None:
        raise UsageError(_("No revision of {service} serves.").format(service=session.environment.service))
    return revision


def _path(session: Session, revision: str, length: timedelta) -> Path:
    name = re.sub(r"[^\w.-]", "_", f"{session.journal.scope}-{revision}-{int(length.total_seconds())}")
    return session.journal.path.parent / "watch" / f"{name}.jsonl"


async def _unfinished(session: Session, revision: str, length: timedelta, now: datetime) -> datetime | None:
    """When the watch began that is to be gone on with; None where there is none."""
    try:
        rows = await asyncio.to_thread(session.journal.entries, ROWS, scope=session.journal.scope, kind=KIND)
    except JournalError:
        return None
    return begun_before(rows, revision, length, now)


def begun_before(rows: list[Entry], revision: str, length: timedelta, now: datetime) -> datetime | None:
    """When the newest watch of that revision and length began, where it has not ended and is not long past. Pure.

    Args:
        rows: the journal's of kind `watch`, newest first.
        revision: that serves.
        length: as asked for.
        now: server time.
    """
    for row in rows:
        payload = row.payload
        if row.phase != "intent" or payload.get("revision") != revision:
            continue
        if payload.get("seconds") != int(length.total_seconds()):
            continue
        if payload.get("what") == "end":
            return None
        since = datetime.fromisoformat(str(payload.get("since", "")))
        return since if now < since + length + LONGEST else None
    return None


async def _note(session: Session, what: str, revision: str, since: datetime, length: timedelta, **more: str) -> None:
    """Write down that it begins or ends; a journal that is broken is said and keeps nobody from watching."""
    door = session.actions.door
    payload = {"what": what, "revision": revision, "since": since.isoformat(), "seconds": int(length.total_seconds())}
    try:
        number = await door.intent(KIND, {**payload, **more})
        problem = await door.outcome(number, "done", {})
    except CanarioError as error:
        problem = error.what
    if problem:
        warn(_("Not in the journal: {problem}").format(problem=problem))


def document(stand: Stand) -> dict[str, object]:
    """How a watch stands, in JSON (docs/json.md)."""
    return {
        "since": stand.since,
        "until": stand.until,
        "upto": stand.upto,
        "seen_s": stand.seen.total_seconds(),
        "requests": stand.requests,
        "errors": stand.errors,
        "p95_ms": stand.p95_ms,
        "verdict": stand.verdict.word.value,
        "sentence": stand.verdict.sentence,
        "thinned": [
            {
                "start": thinned.start,
                "end": thinned.end,
                "fraction": thinned.fraction,
                "read": thinned.read,
                "counted": thinned.counted,
                "error_rate": thinned.error_rate,
            }
            for thinned in stand.thinned
        ],
    }


def _begin(
    session: Session,
    place: Place,
    revision: str,
    since: datetime,
    length: timedelta,
    *,
    resumed: bool,
    as_json: bool,
) -> None:
    if as_json:
        say_json(
            {
                "event": "begin",
                "environment": place.environment.name,
                "service": place.environment.service,
                "revision": revision,
                "since": since,
                "until": since + length,
                "resumed": resumed,
            },
            indent=None,
        )
        return
    told = _("{revision} is watched for {time}, until {until:%Y-%m-%d %H:%M} UTC")
    if resumed:
        told = _("{revision} is watched on, {time} in all, until {until:%Y-%m-%d %H:%M} UTC")
    say(told.format(revision=revision, time=hours(length), until=since + length))


def _end(ended: Ended, back_to: str, command: str, *, as_json: bool) -> None:
    if as_json:
        say_json(
            {
                "event": "end",
                "end": ended.end.value,
                "exit_code": int(EXITS.get(ended.end, ExitCode.DONE)),
                "rollback_to": back_to or None,
                "told": ended.sentence,
                **document(ended.stand),
                "problem": ended.problem or None,
            },
            indent=None,
        )
        return
    say(f"{ended.stand.upto:%Y-%m-%d %H:%M:%S}  {ended.sentence}")
    for name, value in figures_of(ended.stand):
        say(f"    {name}: {value}")
    if ended.problem:
        warn(ended.problem)
    if ended.end is End.CROSSED:
        say(_("Roll back: {command}").format(command=command))
