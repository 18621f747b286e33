"""The release played without a terminal: what a careful operator would do, printed as it happens.

The same session as the console's (drive: lease, judge, automatic rollback); this module only presses the keys: a step
when the one before has baked and the verdict is PASS. Bakes run fast, moves, countdowns and rollbacks at life's speed.
Everything it waits for is bounded: a play that is stuck ends with a sentence.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from console.commands.output import say
from console.errors import (
    BlockedError,
    CanarioError,
    ConfirmationLostError,
    ConflictError,
    ExitCode,
    QuotaError,
    UnavailableError,
)
from console.release.guardrails import shares_text
from console.verdict.base import Verdict, Word
from console.verdict.figures import percent
from console.words import _, ngettext

if TYPE_CHECKING:
    from console.demo import Controls
    from console.session import Session
    from console.settings import Settings
    from console.watch.snapshot import Snapshot

LOOK_S = 0.1
"""Wall seconds between looks at the picture."""

OPEN_S = 30.0
"""Wall seconds that the first picture may take."""

MOVE_S = 60.0
"""Wall seconds that a move or a rollback may take, attempts included."""

SAY_EVERY = timedelta(seconds=60)
"""Simulated time between two lines about a bake in which nothing changes."""

PATIENCE = 4
"""A bake may take so many times its length before the play gives up on it."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a play ended."""

    outcome: str
    """`promoted`, `rolled-back`, `held` (nobody moved on, for a reason) or `stuck`."""
    exit_code: ExitCode
    sentence: str


class _EndedError(Exception):
    """The play is over."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.sentence)
        self.ending = ending


class Play:
    """One play.

    Args:
        settings: the demo's.
        controls: the simulator's clock.
        endpoint: its gRPC address.
        email: who we say we are.
        speed: how fast bakes run, simulated seconds a wall second.
        extend_s: seconds for which a bake goes on beyond its end where it is not decided.
    """

    def __init__(
        self,
        settings: Settings,
        controls: Controls,
        endpoint: str,
        email: str | None,
        speed: float,
        extend_s: int = 0,
    ) -> None:
        self._settings = settings
        self._environment = settings.environment("production")
        self._plan = settings.rules(self._environment).plan
        self._controls, self._endpoint, self._email, self._speed = controls, endpoint, email, speed
        self._session: Session
        self._extend = timedelta(seconds=extend_s)
        self._told = 0
        self._said: tuple[object, ...] = ()
        self._said_at: datetime | None = None
        self._problem = ""
        self._sampling: float | None = None
        self._remembered: list[tuple[datetime, str]] = []

    async def run(self) -> Ending:
        """Play to the end, print the timeline, and say how it ended."""
        from console.session import Session

        self._session = await Session.open(
            self._settings,
            self._environment,
            endpoint=self._endpoint,
            as_email=self._email,
            watch=True,
            drive=True,
        )
        try:
            try:
                await self._play()
                ending = Ending("stuck", ExitCode.FAILED, _("The plan ended and the release did not."))
            except _EndedError as ended:
                ending = ended.ending
            except CanarioError as error:
                ending = Ending("held", ExitCode(error.exit_code), str(error))
            await self._turn(1.0)
            self._notes()
            await self._timeline(ending)
            return ending
        finally:
            await self._session.close()

    async def _play(self) -> None:
        await self._until(lambda: self._snapshot.service is not None and bool(self._snapshot.revisions), OPEN_S)
        snapshot = self._snapshot
        service = snapshot.service
        assert service is not None
        if snapshot.canary is None:
            raise _EndedError(Ending("held", ExitCode.FAILED, _("No revision stands under the tag canary.")))
        self._event(
            _("start"),
            _("{scenario}: {service} serves {split}; canary {canary}").format(
                scenario=self._controls.scenario,
                service=service.name,
                split=shares_text(service.effective_shares()),
                canary=snapshot.canary,
            ),
        )
        for step in self._plan.steps:
            await self._move(step)
            await self._bake(step)

    async def _move(self, step: int) -> None:
        """Go to `step`, trying again where the cloud is busy or the picture has yet to settle."""
        give_up = time.monotonic() + MOVE_S
        while True:
            try:
                outcome = await self._session.actions.shift(step)
                break
            except ConflictError as error:
                raise _EndedError(Ending("held", ExitCode.CONFLICT, str(error))) from error
            except (UnavailableError, QuotaError, ConfirmationLostError) as error:
                refused: CanarioError = error
            except BlockedError as error:
                refused = error  # the record of the verdict may be a moment behind the judge
            self._check_over()
            if time.monotonic() > give_up:
                raise _EndedError(Ending("held", ExitCode(refused.exit_code), str(refused))) from refused
            self._say_once("retry", str(refused))
            await asyncio.sleep(0.5)
        self._event(
            _("move"),
            _("{before} → {after} ({took:.1f} s)").format(
                before=shares_text(dict(outcome.before)),
                after=shares_text(dict(outcome.after)),
                took=outcome.took.total_seconds(),
            ),
        )
        for note in outcome.notes:
            self._event(_("note"), note)

    async def _bake(self, step: int) -> None:
        """Watch until the step has baked; raises where the release ends before."""
        bake = (self._plan.bake + self._extend).total_seconds()
        give_up = time.monotonic() + PATIENCE * bake / self._speed + MOVE_S
        async with self._fast():
            while True:
                self._notes()
                self._check_over()
                verdict = self._snapshot.verdict
                if verdict is not None and self._at(step):
                    self._say_sampling()
                    self._say_verdict(step, verdict)
                    over = verdict.observed >= self._plan.bake
                    if verdict.bake_done and verdict.word is Word.PASS and step < 100:
                        return
                    if verdict.word is Word.FAIL and over and not self._rescue():
                        await self._roll_back(verdict.sentence)
                    if (
                        verdict.word not in (Word.PASS, Word.FAIL)
                        and verdict.observed >= self._plan.bake + self._extend
                    ):
                        raise _EndedError(self._hold(step, verdict))
                if self._rescue():
                    await self._rescued()
                self._check_split(step)
                if time.monotonic() > give_up:
                    sentence = verdict.sentence if verdict else _("no data came")
                    raise _EndedError(Ending("held", ExitCode.INCONCLUSIVE, sentence))
                await asyncio.sleep(LOOK_S)

    def _hold(self, step: int, verdict: Verdict) -> Ending:
        """The bake has ended undecided: nobody moves on, and the canary keeps the share that it has."""
        shared = verdict.word is Word.SHARED_BREACH
        ways = _("The canary stays at {step} %: nothing was moved, nothing rolled back.").format(step=step)
        if not shared and verdict.requests_needed:
            more = ngettext(
                "About {count:,} more canary request would decide it: --extend SECONDS waits longer.",
                "About {count:,} more canary requests would decide it: --extend SECONDS waits longer.",
                verdict.requests_needed,
            )
            ways = f"{ways} {more.format(count=verdict.requests_needed)}"
        self._event(_("held"), f"{verdict.word.value}  {verdict.sentence}")
        self._event(_("held"), ways)
        code = ExitCode.SHARED_BREACH if shared else ExitCode.INCONCLUSIVE
        return Ending("held", code, f"{verdict.word.value}: {verdict.sentence} {ways}")

    def _rescue(self) -> bool:
        """Whether a countdown or a rollback is under way."""
        return self._session.autopilot.countdown is not None or self._session.actions.rolling_back

    async def _rescued(self) -> None:
        """Follow a countdown at life's speed: to the end of the rollback, or until it is off again."""
        await self._turn(1.0)
        give_up = time.monotonic() + MOVE_S
        while self._rescue() and time.monotonic() < give_up:
            self._notes()
            await asyncio.sleep(LOOK_S)
        self._notes()
        await self._session.watcher.refresh()
        self._check_over()
        await self._turn(self._speed)

    async def _roll_back(self, reason: str) -> None:
        """The judge says FAIL and the automatic rollback is not at work: do as an operator would."""
        await self._turn(1.0)
        self._event(_("rollback"), _("by hand: {reason}").format(reason=reason))
        await asyncio.wait_for(self._session.actions.rollback(reason=reason), MOVE_S)
        await self._session.watcher.refresh()
        self._check_over()

    def _check_over(self) -> None:
        """End the play where the release has ended, or the simulator has."""
        if not self._controls.running:
            raise _EndedError(Ending("stuck", ExitCode.FAILED, _("The simulator ended in the middle of the play.")))
        release = self._snapshot.release
        if release is None or release.under_way:
            return
        if release.ended == "promoted":
            self._event(_("end"), _("{canary} has all traffic and has baked").format(canary=release.canary))
            raise _EndedError(Ending("promoted", ExitCode.DONE, _("promoted")))
        service = self._snapshot.service
        if release.ended == "rolled back" and service is not None and service.settled:
            progress = self._session.actions.rollback_progress
            took = progress.took.total_seconds() if progress is not None and progress.took is not None else None
            split = shares_text(service.effective_shares())
            self._event(
                _("rollback"),
                _("rolled back: {split} ({took:.1f} s)").format(split=split, took=took)
                if took is not None
                else _("rolled back: {split}").format(split=split),
            )
            raise _EndedError(Ending("rolled-back", ExitCode.FAILED, _("rolled back")))

    def _at(self, step: int) -> bool:
        service, canary = self._snapshot.service, self._snapshot.canary
        return service is not None and service.desired_shares().get(canary or "", 0) == step

    def _check_split(self, step: int) -> None:
        """End the play where someone else has moved the traffic."""
        snapshot = self._snapshot
        service, release = snapshot.service, snapshot.release
        if service is None or release is None or not release.under_way or self._rescue():
            return
        if not self._at(step) and service.last_modifier not in ("", self._session.identity):
            raise _EndedError(
                Ending(
                    "held",
                    ExitCode.CONFLICT,
                    _("{who} moved the traffic: {split}. Nothing more is done.").format(
                        who=service.last_modifier, split=shares_text(service.desired_shares())
                    ),
                )
            )

    def _say_verdict(self, step: int, verdict: Verdict) -> None:
        """A line where the word changed, or a minute after the last."""
        now = self._session.cloud.server_clock.now()
        due = self._said_at is None or (now is not None and now - self._said_at >= SAY_EVERY)
        mark = (step, verdict.word)
        if not (due or mark != self._said):
            return
        self._said, self._said_at = mark, now
        self._event(_("verdict"), f"{step} %  {verdict.word}  {verdict.sentence}")

    def _say_sampling(self) -> None:
        """A line where another share of a busy service's log is read."""
        snapshot = self._snapshot
        if snapshot.sampling == self._sampling:
            return
        self._sampling = snapshot.sampling
        if snapshot.sampling is not None:
            whole = snapshot.canary_sampling is None
            text = _("stable sampled {percent}") if whole else _("all sampled {percent}")
            self._event(_("note"), text.format(percent=percent(snapshot.sampling)))

    def _notes(self) -> None:
        """What the autopilot and the session say for themselves."""
        notes = self._session.autopilot.notes
        for note in notes[self._told :]:
            self._event(_("autopilot"), note)
            self._remember(note)
        self._told = len(notes)
        problem = self._session.problem or self._session.autopilot.problem
        if problem:
            self._say_once("problem", problem)

    def _remember(self, words: str) -> None:
        """Keep what the release annotation does not tell, for the timeline."""
        now = self._session.cloud.server_clock.now()
        if now is not None:
            self._remembered.append((now, words))

    def _say_once(self, kind: str, sentence: str) -> None:
        if sentence != self._problem:
            self._problem = sentence
            self._event(_("waiting") if kind == "retry" else _("note"), sentence)

    async def _timeline(self, ending: Ending) -> None:
        """The release as its annotations, the audit log and the autopilot tell it."""
        from console.chronicle import gather

        lines = list(self._remembered)
        try:
            await self._session.watcher.refresh()
            chronicle = await gather(self._session)
            for happening in chronicle.stories[0].happenings if chronicle.stories else ():
                who = f" ({happening.by})" if happening.by else ""
                lines.append((happening.at, f"{happening.text}{who}"))
            if chronicle.problem:
                say(chronicle.problem)
        except CanarioError as error:
            say(str(error))
        say()
        say(_("Timeline"))
        for at, words in sorted(lines, key=lambda line: line[0]):
            say(f"  {_clock(at)}  {words}")
        say(f"  {_clock(self._session.cloud.server_clock.now())}  {ending.sentence}")

    @property
    def _snapshot(self) -> Snapshot:
        return self._session.watcher.latest

    def _event(self, what: str, words: str) -> None:
        say(f"{_clock(self._session.cloud.server_clock.now())}  {what:<9}  {words}")

    async def _turn(self, speed: float) -> None:
        """Set the simulator's speed, where it is another."""
        if speed != self._controls.speed and self._controls.running:
            await asyncio.to_thread(self._controls.set_speed, speed)

    @asynccontextmanager
    async def _fast(self) -> AsyncIterator[None]:
        """Bakes run fast, everything else at 1x."""
        await self._turn(self._speed)
        try:
            yield
        finally:
            await self._turn(1.0)

    async def _until(self, true: Callable[[], bool], seconds: float) -> None:
        give_up = time.monotonic() + seconds
        while not true():
            self._check_over()
            if time.monotonic() > give_up:
                raise _EndedError(
                    Ending("stuck", ExitCode.FAILED, self._session.problem or _("The first picture never came."))
                )
            await asyncio.sleep(LOOK_S)


def _clock(at: datetime | None) -> str:
    return f"{at:%H:%M:%S}" if at is not None else "--:--:--"
