"""`canario verdict`: what the driving console's judge last said, and with --wait what it says when the bake has ended.

The judge runs in the console that drives the release, which writes its word into the release's annotation; this
command only reads that. So it waits no longer than somebody judges: once the driver's lease has run out, the answer is
INCONCLUSIVE.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from console.commands.looking import ended_word
from console.commands.output import SCHEMA, say, say_fields, say_json, warn
from console.commands.running import Place, session_at
from console.errors import ExitCode, QuotaError, UnavailableError
from console.release.guardrails import current_verdict, duration
from console.release.service import Service
from console.release.state import LEASE, Release, VerdictRecord, read_release
from console.verdict.base import Word
from console.verdict.figures import count
from console.words import _

if TYPE_CHECKING:
    from console.cloud.run import RunApi

POLL_S = 1.0
"""Wall seconds between two looks."""
UNREACHABLE_S = 120.0
"""Wall seconds for which the cloud may be unreachable before the wait ends."""

EXITS = {Word.PASS: ExitCode.DONE, Word.FAIL: ExitCode.FAILED, Word.SHARED_BREACH: ExitCode.SHARED_BREACH}
"""Everything else is INCONCLUSIVE: a WARN has not ended."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The verdict as the service's annotation has it now."""

    word: Word
    sentence: str
    final: bool
    """Whether waiting would change nothing."""
    release: Release | None = None
    record: VerdictRecord | None = None
    """What the word was read from, where a console recorded it."""
    age: timedelta | None = None
    """Since the newest second that was judged; None without a record."""

    @property
    def exit_code(self) -> ExitCode:
        """See the README's table."""
        return EXITS.get(self.word, ExitCode.INCONCLUSIVE)


async def verdict(place: Place, *, wait: bool, timeout: timedelta | None, as_json: bool) -> int:
    """Print the verdict; with `wait`, the one at the bake's end, a FAIL, or the end of all judging.

    Args:
        place: where.
        wait: whether to wait for it.
        timeout: how long at most, in wall time; None as long as a console judges.
        as_json: one document (docs/json.md) in place of lines.

    Returns:
        0 PASS, 1 FAIL, 6 SHARED BREACH, else 5.
    """
    name = place.environment.service
    ends = time.monotonic() + timeout.total_seconds() if timeout is not None else float("inf")
    said = None
    async with session_at(place) as session:
        while True:
            service = await _look(session.cloud.run, name, ends)
            reading = read_verdict(service, session.cloud.server_clock.now())
            if not wait or reading.final:
                break
            if time.monotonic() >= ends:
                late = _("The bake has not ended in time. So far {word}: {sentence}").format(
                    word=reading.word.value, sentence=reading.sentence
                )
                word = Word.INCONCLUSIVE if reading.word is Word.WARN else reading.word
                reading = replace(reading, word=word, sentence=late)
                break
            if reading.word is not said:
                said = reading.word
                warn(_("waiting; so far {word}: {sentence}").format(word=said.value, sentence=reading.sentence))
            await asyncio.sleep(min(POLL_S, max(0.0, ends - time.monotonic())))
    if as_json:
        say_json(verdict_document(place, reading))
    else:
        _say(reading)
    return reading.exit_code


def read_verdict(service: Service, now: datetime | None) -> Reading:
    """The verdict that `service`'s annotation holds, and whether it can still change.

    Args:
        service: read just now.
        now: server time; None where unknown, which makes nothing old.
    """
    release, problem = read_release(service.annotations)
    if release is None:
        none = _("No release is under way, so nothing is judged: `canario shift 10` begins one.")
        return Reading(Word.INCONCLUSIVE, problem or none, True)
    if not release.under_way:
        return _ended(release)
    percent = service.desired_shares().get(release.canary, 0)
    record = current_verdict(release.verdict, release, percent) if percent else None
    age = max(timedelta(0), now - record.at) if record is not None and now is not None else None
    word = Word(record.word) if record is not None else Word.INCONCLUSIVE
    if record is None and percent == 0:
        sentence = _("the canary has no traffic yet")
    elif record is None:
        sentence = _("no console has judged the canary at {percent} %: keep `canario` open").format(percent=percent)
    else:
        sentence = record.sentence
        if word is Word.FAIL:
            return Reading(word, sentence, True, release, record, age)
        if age is not None and age > LEASE:
            sentence = _(
                "{word} was said {age} ago, and nobody has judged since: keep `canario` open. {sentence}"
            ).format(word=word.value, age=duration(age), sentence=sentence)
            # a console that drives again will judge again
            return Reading(Word.INCONCLUSIVE, sentence, not _is_driven(release, now), release, record, age)
        if record.bake_done or record.over:
            return Reading(word, sentence, True, release, record, age)
    if _is_driven(release, now):
        return Reading(word, sentence, False, release, record, age)
    if record is not None:
        sentence = _(
            "the console that judged is gone before the bake has ended, it last said {word}: {sentence}"
        ).format(word=word.value, sentence=sentence)
    return Reading(Word.INCONCLUSIVE, sentence, True, release, record, age)


def _is_driven(release: Release, now: datetime | None) -> bool:
    """Whether somebody holds a live lease: a console, or a command whose seat a console may still take."""
    return release.driver is not None and (now is None or release.driver.expires > now)


def _ended(release: Release) -> Reading:
    """A release that has ended tells its verdict by how it ended."""
    record = release.verdict
    last = release.moves[-1] if release.moves else None
    if release.ended == "rolled back" and last is not None and last.automatic:
        return Reading(Word.FAIL, last.reason or _("rolled back automatically"), True, release, record)
    if release.ended == "promoted" and record is not None:
        return Reading(Word(record.word), record.sentence, True, release, record)
    sentence = _("the release of {canary} has ended without a verdict that stands: {ended}").format(
        canary=release.canary,
        ended=ended_word(release.ended or ""),
    )
    if record is not None and record.word == Word.FAIL:
        return Reading(Word.FAIL, record.sentence, True, release, record)
    return Reading(Word.INCONCLUSIVE, sentence, True, release, record)


async def _look(run: RunApi, name: str, ends: float) -> Service:
    """The service now; an unreachable cloud is asked again for a while.

    Raises:
        CloudError: it is unreachable for too long, or says no.
    """
    until = min(ends, time.monotonic() + UNREACHABLE_S)
    while True:
        try:
            return await run.get_service(name)
        except (UnavailableError, QuotaError):
            if time.monotonic() >= until:
                raise
            await asyncio.sleep(POLL_S)


def verdict_document(place: Place, reading: Reading) -> dict[str, object]:
    """`canario verdict --json` (docs/json.md)."""
    release, record = reading.release, reading.record
    return {
        "schema": SCHEMA,
        "environment": place.environment.name,
        "service": place.environment.service,
        "canary": release.canary if release else None,
        "verdict": reading.word.value,
        "attribution": (record.attribution or None) if record and reading.word is Word.FAIL else None,
        "sentence": reading.sentence,
        "final": reading.final,
        "at": record.at if record else None,
        "age_s": reading.age.total_seconds() if reading.age is not None else None,
        "step": record.step if record else None,
        "observed_s": record.observed_s if record else None,
        "requests": record.requests if record else 0,
        "errors": record.errors if record else 0,
        "requests_needed": record.requests_needed if record else 0,
    }


def _say(reading: Reading) -> None:
    say(f"{reading.word.value}: {reading.sentence}")
    release, record = reading.release, reading.record
    if release is None or record is None:
        return
    observed = duration(timedelta(seconds=record.observed_s))
    say_fields(
        (
            (_("canary"), f"{release.canary}  {record.step} %"),
            (_("said"), _("{age} ago").format(age=duration(reading.age)) if reading.age is not None else ""),
            (
                _("bake"),
                _("{observed} observed, {errors} errors in {requests} requests").format(
                    observed=observed, errors=count(record.errors), requests=count(record.requests)
                ),
            ),
            (_("needs"), _("about {count} more canary requests needed").format(count=count(record.requests_needed))
             if record.requests_needed else ""),
        )
    )  # fmt: skip
