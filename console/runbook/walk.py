"""Walking a runbook: one candidate on one session; its steps are run, their evidence kept and shared.

`latest` is an immutable checklist, replaced a few times a second, for any thread; everything else belongs to the
session's event loop. A step is journalled before it is run and again when it ends; what a crash cut off is settled by
its kind, which asks the world, and never simply run again where that must not be. One console drives: it runs the
steps; others watch, and sign what is theirs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

from console.actions.recovery import alive
from console.errors import BlockedError, CanarioError, JournalError, UsageError
from console.notify import took_over
from console.release.guardrails import REASON_LENGTH, reason_counts
from console.release.state import Candidate, Driver, StepRecord, plan_digest
from console.runbook.evidence import Evidence, Result
from console.runbook.folding import subject_of
from console.runbook.kinds.base import (
    Answer,
    ApprovalSeen,
    Ask,
    LocalPaths,
    Observation,
    Observed,
    StepContext,
    Subject,
)
from console.runbook.load import Loaded
from console.runbook.progress import Checklist, Me, Running, State, Traits, checklist
from console.runbook.running import Run, carry_out, new_key
from console.runbook.shared import RENEW_AFTER, Shared, known_of, seated
from console.runbook.store import INTERRUPTED, REFUSED, Begun, Past, Store, merged, record_of
from console.runbook.tools import SessionTools
from console.words import _

if TYPE_CHECKING:
    from console.session import Session
    from console.settings import Settings
    from console.watch.snapshot import Snapshot

log = logging.getLogger("canario.runbook")

LOOK_S = 0.25
"""Wall seconds between two looks."""

AGAIN_S = 2.0
"""Wall seconds before what failed (sharing, settling) is tried again."""

TOLD_AFTER_S = 1.0
"""Wall seconds after which a run is told to other consoles; shorter ones they see when they end."""


class Walk:
    """One runbook, walked for one candidate. Made by `open`.

    Args:
        session: an open one.
        settings: all of them.
        loaded: the runbook and its kinds.
        drive: whether this console may take the driver's seat.
        shared: whether the candidate lives on the service, as a release's does; a manual rollback's evidence is in the
            journal alone.
        checkout: the team's code; the settings' where None.
        variables: environment variables of our own (the demo's).
    """

    def __init__(
        self,
        session: Session,
        settings: Settings,
        loaded: Loaded,
        *,
        drive: bool = True,
        shared: bool = True,
        checkout: Path | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.session, self.settings, self.loaded = session, settings, loaded
        self.runbook = loaded.runbook
        self.tools = SessionTools(session, settings, variables)
        self.store = Store(session.actions.door, session.journal)
        self._drive, self._is_shared = drive, shared
        self._checkout = checkout or settings.checkout()
        self._shared = Shared(session.actions.access)
        self._traits = {
            step: Traits(kind.ask, kind.machine, kind.once, kind.background) for step, kind in loaded.kinds.items()
        }
        self._plan = plan_digest(settings.rules(session.environment).plan)
        self._candidate: Candidate | None = None
        self._local_id = ""
        """Id of a candidate that is not on the service."""
        self._past = Past()
        self._runs: dict[str, Run] = {}
        self._refused: dict[str, str] = {}
        self._unsettled: dict[str, tuple[Begun, str]] = {}
        self._problems: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._opening = asyncio.Lock()
        self._sharing = asyncio.Lock()
        self._tried = float("-inf")
        self.latest: Checklist = Checklist(self.runbook, ())
        """How it stands; any thread may read it."""

    # Opening and closing

    @classmethod
    async def open(
        cls,
        session: Session,
        settings: Settings,
        loaded: Loaded,
        *,
        drive: bool = True,
        shared: bool = True,
        checkout: Path | None = None,
        variables: Mapping[str, str] | None = None,
        look: bool = True,
    ) -> Self:
        """Resume the candidate that is open, or stand ready to open one with the first step; settle what was cut off.

        Args:
            session: see the class; so the others.
            settings: .
            loaded: .
            drive: .
            shared: .
            checkout: .
            variables: .
            look: keep `latest` fresh, the lease alive and other consoles told; False for commands that only look.

        Raises:
            CloudError: the service cannot be read.
            JournalError: the journal cannot be read.
        """
        walk = cls(session, settings, loaded, drive=drive, shared=shared, checkout=checkout, variables=variables)
        await walk._resume()
        await walk._settle()
        walk._publish()
        if look:
            walk._spawn(walk._look())
            walk._restart()
        return walk

    async def _resume(self) -> None:
        if self._is_shared:
            found = await self._shared.read()
            self._candidate = found if found is not None and found.open else None
        else:
            self._local_id = await self.store.last_candidate(self.runbook.id)
        if self.candidate_id:
            self._past = await self.store.past(self.candidate_id)
        if self._candidate is None:
            return
        self._share_missing()
        if self._drive and self._ours_by_right(self._candidate):
            await self._sit("resume")

    def _ours_by_right(self, candidate: Candidate) -> bool:
        """Whether the seat is ours to take unasked: a process of our own, which is no more, sat there."""
        driver, now = candidate.driver, self._server_time()
        if driver is None:
            return False  # free: the first step that is run takes it
        if driver.session == self.session.session_id:
            return True
        if now is None or driver.expires <= now:
            return driver.email == self.session.identity
        process = self._past.processes.get(driver.session, "")
        return driver.email == self.session.identity and bool(process) and not alive(process)

    def _share_missing(self) -> None:
        """What we have written down, and were killed before we could tell the others."""
        assert self._candidate is not None
        told = {record.step: record for record in self._candidate.steps}
        for step, known in self._past.evidence.items():
            newest = max(known, key=lambda evidence: (evidence.at, evidence.key), default=None)
            record = told.get(step)
            if newest is not None and (record is None or record.at < newest.at or record.result == "running"):
                self._tell(newest)

    async def close(self) -> None:
        """Stop looking and what runs; the journal keeps it. Leaves the seat."""
        for run in tuple(self._runs.values()):
            run.quitting = True
            if run.task is not None:
                run.task.cancel()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            if self._candidate is not None and self.drives:
                await self._flush(leave=True)
        except CanarioError as error:
            log.warning("leaving the driver's seat: %s", error)  # it runs out by itself in two minutes
        await self.tools.close()

    # What is known

    @property
    def candidate(self) -> Candidate | None:
        """The candidate as the service has it; None before the first step, and of a runbook that has none."""
        return self._candidate

    @property
    def candidate_id(self) -> str:
        """Its id; empty before the first step."""
        return self._candidate.id if self._candidate is not None else self._local_id

    @property
    def drives(self) -> bool:
        """Whether this console runs the steps; a free seat is taken with the first one."""
        if not self._is_shared or self._candidate is None:
            return self._drive
        driver = self._candidate.driver
        return self._drive and (driver is None or driver.session == self.session.session_id)

    @property
    def subject(self) -> Subject:
        """What is being released, as far as it is known now."""
        environment = self.session.environment
        return subject_of(
            candidate=self._candidate,
            evidence=[evidence for known in self._past.evidence.values() for evidence in known],
            learned=self._shared.learned,
            snapshot=self._snapshot(),
            environment=environment.name,
            service=environment.service,
            branch=self.settings.github.base,
            plan=self._plan,
            id=self._local_id,
        )

    def now(self) -> datetime:
        """Server time, the wall's before the cloud has told its own."""
        return self._server_time() or self.session.clock.now()

    def _server_time(self) -> datetime | None:
        return self.session.cloud.server_clock.now()

    def _snapshot(self) -> Snapshot | None:
        latest = self.session.watcher.latest
        return latest if latest.service is not None else None

    def _me(self, by: str = "") -> Me:
        who = by or self.session.identity
        driver = self._candidate.driver if self._candidate is not None else None
        return Me(who, self.settings.roles_of(who), self.drives, driver.email if driver is not None else "")

    def checklist(self, by: str = "") -> Checklist:
        """How it stands now.

        Args:
            by: for whom; ourselves where empty.
        """
        subject, now = self.subject, self._server_time()
        evidence, theirs = merged(self._past.evidence, self._candidate)
        approvals = self._approvals()
        candidate = self._candidate
        return checklist(
            self.runbook,
            evidence=evidence,
            subject=subject,
            now=now,
            me=self._me(by),
            running=self._running(),
            observations=self._observations(subject, approvals),
            traits=self._traits,
            approvals=approvals,
            theirs=theirs,
            unsettled={step: sentence for step, (_begun, sentence) in self._unsettled.items()},
            refused=self._refused,
            closed=(candidate.closed or "") if candidate is not None else "",
            driver_expires=candidate.driver.expires if candidate is not None and candidate.driver else None,
            problems=self._told_problems(),
        )

    def _approvals(self) -> tuple[ApprovalSeen, ...]:
        snapshot = self._snapshot()
        seen = getattr(snapshot, "approvals", ()) if snapshot is not None else ()
        return tuple(ApprovalSeen(a.role, a.by, str(a.state), a.why) for a in seen)

    def _observations(self, subject: Subject, approvals: tuple[ApprovalSeen, ...]) -> dict[str, Observation]:
        seen = Observed(
            subject,
            self._snapshot(),
            self._server_time(),
            approvals,
            self._candidate.migrations if self._candidate is not None else (),
        )
        found = {}
        for step, kind in self.loaded.kinds.items():
            try:
                observation = kind.observe(seen)
            except Exception:  # a kind's fault must not blind the whole checklist
                log.exception("the kind of %s failed to look", step)
                observation = None
            if observation is not None:
                found[step] = observation
        return found

    def _running(self) -> dict[str, Running]:
        running = {}
        candidate, now = self._candidate, self._server_time()
        if (
            candidate is not None
            and candidate.driver is not None
            and now is not None
            and candidate.driver.expires > now
        ):
            for record in candidate.steps:
                if record.result == "running" and candidate.driver.session != self.session.session_id:
                    running[record.step] = Running(record.by, record.at, ours=False)
        for step, run in self._runs.items():
            running[step] = Running(run.by, run.begun, run.shown())
        return running

    def _told_problems(self) -> tuple[str, ...]:
        problems = list(self._problems.values())
        candidate = self._candidate
        if candidate is not None and candidate.runbook_digest not in ("", self.runbook.digest()):
            problems.append(
                _("This release was opened with another runbook ({id}, {digest}); steps are matched by id.").format(
                    id=candidate.runbook or "?", digest=candidate.runbook_digest
                )
            )
        if not self.session.journal.healthy and self.session.journal.problem:
            problems.append(_("The journal cannot be written: {problem}").format(problem=self.session.journal.problem))
        return tuple(problems)

    def _publish(self) -> None:
        self.latest = self.checklist()
        self._wake.set()

    async def changed(self, timeout_s: float = LOOK_S) -> Checklist:
        """The checklist after the next look, or after `timeout_s`."""
        self._wake.clear()
        try:
            async with asyncio.timeout(timeout_s):
                await self._wake.wait()
        except TimeoutError:
            self._publish()
        return self.latest

    # What an operator does

    async def run(self, step_id: str, answer: Answer | None = None, *, by: str = "") -> Evidence:
        """Run or sign a step, to its end.

        Args:
            step_id: which.
            answer: what the person said, where the step asks for something.
            by: whose word it is, where that is not our own identity's; on a simulator only.

        Returns:
            Its evidence, kept; failure is evidence too.

        Raises:
            UsageError: there is no such step.
            BlockedError: it may not be run now, and why; or its intent cannot be journalled.
            CanarioError: it could not be tried.
        """
        kind = self.loaded.kinds.get(step_id)
        if kind is None:
            raise UsageError(
                _("The runbook has no step {step!r}.").format(step=step_id[:60]),
                remedy=_("`canario runbook show` lists them."),
            )
        who = self._signer(by, kind.ask)
        view = self.checklist(who).view(step_id)
        assert view is not None
        if not view.may_run:
            raise BlockedError((view.why_not,), overridable=False)
        answer = answer or Answer()
        if view.state is State.UNKNOWN:
            return await self._resolve(step_id, answer, who)
        run = Run(step_id, who, self.now(), self.session.clock.monotonic(), key=new_key())
        self._runs[step_id] = run
        self._refused.pop(step_id, None)
        self._publish()
        try:
            await self._ensure()
            evidence = await self._carried_out(run, answer)
        finally:
            self._runs.pop(step_id, None)
            self._publish()
        await self._shared_soon()
        return evidence

    def start(self, step_id: str, answer: Answer | None = None) -> None:
        """`run` in the background; why it could not be tried is shown with the step."""
        self._spawn(self._quietly(step_id, answer))

    async def _quietly(self, step_id: str, answer: Answer | None) -> None:
        try:
            await self.run(step_id, answer)
        except CanarioError as error:
            self._refused[step_id] = str(error)
            self._publish()

    async def sign(self, step_id: str, *, note: str = "", role: str = "") -> Evidence:
        """Give our own word or approval. Raises as `run`."""
        return await self.run(step_id, Answer(word="yes", note=note, role=role))

    async def answer(self, step_id: str, item: str, word: str, note: str = "") -> Evidence:
        """Say of one item of a list `pass`, `fail` or `blocked`. Raises as `run`."""
        return await self.run(step_id, Answer(word=word, item=item, note=note))

    async def cancel(self, step_id: str) -> None:
        """Stop a step that this console runs; returns once all that it started is gone.

        Raises:
            UsageError: it does not run here.
        """
        run = self._runs.get(step_id)
        if run is None or run.task is None:
            raise UsageError(_("{step} does not run on this console.").format(step=step_id))
        run.cancelled.set()
        run.task.cancel()
        await asyncio.wait({run.task})

    async def skip(self, step_id: str, reason: str, *, by: str = "") -> Evidence:
        """Leave a step out, with a written reason and our name.

        Raises:
            BlockedError: the runbook does not allow it, or not us, or the reason is too short.
            CanarioError: it cannot be written down.
        """
        from console.actions.actions import written

        who = self._signer(by, Ask.WORD)
        view = self.checklist(who).view(step_id)
        if view is None:
            raise UsageError(_("The runbook has no step {step!r}.").format(step=step_id[:60]))
        if not view.may_skip:
            raise BlockedError((view.why_not_skip,), overridable=False)
        if not reason_counts(reason):
            raise BlockedError(
                (_("a step is skipped with a written reason"),),
                overridable=True,
                remedy=_("A reason has at least {count} characters.").format(count=REASON_LENGTH),
            )
        await self._ensure()
        kept = written(reason)
        sentence = _("skipped by {who}: {reason}").format(who=who, reason=kept)
        return await self._write_down(step_id, Result.SKIPPED, sentence, who, reason=kept)

    async def take_over(self, reason: str = "") -> None:
        """Take the driver's seat of the candidate, and of the release under way with it; told to everyone.

        Raises:
            BlockedError: another's lease lives, and no reason of REASON_LENGTH characters is given.
            CanarioError: it cannot be written.
        """
        candidate = await self._shared.read()
        if candidate is None or not candidate.open:
            raise UsageError(_("No release candidate is open."))
        self._candidate = candidate
        former, now = candidate.driver, self.now()
        others = former is not None and former.session != self.session.session_id and former.expires > now
        if others and not reason_counts(reason):
            assert former is not None
            raise BlockedError(
                (_("{who} drives this release").format(who=former.email),),
                overridable=True,
                remedy=_("A written reason of at least {count} characters takes the seat.").format(count=REASON_LENGTH),
            )
        self._drive = True
        await self._sit("take over", reason)
        actions, snapshot = self.session.actions, self._snapshot()
        release = snapshot.release if snapshot is not None else None
        if release is not None and release.under_way and self.session.drives:
            await actions.take_over(reason=reason)
        elif former is not None:
            self.session.notifier.announce_soon(
                took_over(
                    environment=self.session.environment.name,
                    service=self.session.environment.service,
                    who=self.session.identity,
                    former=former.email,
                    reason=reason.strip(),
                )
            )
        self._publish()

    async def finish(self, how: str = "done") -> None:
        """Close the candidate: `done`, or `stopped`. Nothing of it can be run any more.

        Raises:
            JournalError: it cannot be written down.
        """
        word = "done" if how == "done" else "stopped"
        await self.store.note("close", self.candidate_id, self.runbook.id, how=word)
        if self._candidate is not None:
            self._shared.closing = (word, self.now())  # type: ignore[assignment]
            await self._shared_soon()
        self._publish()

    def _signer(self, by: str, ask: Ask) -> str:
        own = self.session.identity
        if not by or by == own:
            return own
        if not self.tools.loopback or ask is Ask.SIGN:
            raise UsageError(
                _("{who} can't sign on a console of {own}.").format(who=by, own=own),
                remedy=_("Each signs under their own identity, on their own console."),
            )
        return by

    # Runs

    async def _ensure(self) -> None:
        """Open a candidate where none is."""
        async with self._opening:
            if self.candidate_id and (self._candidate is None or self._candidate.open):
                if self._candidate is not None and self._candidate.driver is None and self._drive:
                    await self._sit("free")
                return
            if not self._drive:
                raise UsageError(
                    _("No release candidate is open."), remedy=_("Whoever drives opens one with the first step.")
                )
            now = self.now()
            own = f"{now:%Y-%m-%d-%H%M%S}"
            await self.store.note("open", own, self.runbook.id, digest=self.runbook.digest())
            self._past = Past(drivers=[self.session.identity])
            if not self._is_shared:
                self._local_id = own
                return
            fresh = Candidate(
                id=own,
                runbook=self.runbook.id,
                runbook_digest=self.runbook.digest(),
                plan=self._plan,
                opened=now,
                opened_by=self.session.identity,
                driver=seated(self.session.identity, self.session.session_id, now),
            )
            found = await self._shared.change(lambda there: None if there is not None and there.open else fresh)
            if found is None or found.id != own:
                self._candidate = found
                who = found.driver.email if found is not None and found.driver is not None else "?"
                raise BlockedError((_("{who} has opened this release just now").format(who=who),), overridable=False)
            self._candidate = found

    def _context(self, run: Run, answer: Answer) -> StepContext:
        evidence, _theirs = merged(self._past.evidence, self._candidate)
        newest = {step: max(known, key=lambda e: (e.at, e.key)) for step, known in evidence.items() if known}
        step = self.runbook.step(run.step)
        assert step is not None
        return StepContext(
            step=step,
            subject=self.subject,
            tools=self.tools,
            paths=LocalPaths(self._checkout, self.store.folder(self.candidate_id)),
            identity=run.by,
            key=run.key,
            now=self.now,
            clock=self.session.clock,
            report=run.report,
            answer=answer,
            before=newest.get(run.step),
            others={name: one for name, one in newest.items() if name != run.step},
            cancelled=run.cancelled,
        )

    async def _carried_out(self, run: Run, answer: Answer) -> Evidence:
        kind = self.loaded.kinds[run.step]
        context = self._context(run, answer)
        subject = context.subject.bound(context.step.bound_to)
        number = 0
        try:
            number = await self.store.begin(self.candidate_id, self.runbook.id, run.step, run.key, subject, run.by)
        except JournalError as error:
            if not kind.rescue:
                raise BlockedError((error.what,), overridable=False, remedy=error.remedy) from error
        try:
            evidence = await carry_out(run, kind, context)
        except CanarioError as error:
            self._refused[run.step] = str(error)
            if number:
                await self.store.end_without(number, REFUSED, str(error))
            raise
        return await self._keep(number, evidence)

    async def _keep(self, number: int, evidence: Evidence) -> Evidence:
        """Write evidence down, remember it, tell the others."""
        evidence = self._bound(evidence)
        if number and (problem := await self.store.end(number, evidence)):
            self._problems["journal"] = problem
        self._past.evidence.setdefault(evidence.step, []).append(evidence)
        self._tell(evidence)
        self._publish()
        return evidence

    def _bound(self, evidence: Evidence) -> Evidence:
        """Evidence of a step that found out what it is of is of that."""
        if not evidence.learned:
            return evidence
        self._shared.learned.update({k: v for k, v in evidence.learned.items() if v})
        step = self.runbook.step(evidence.step)
        return replace(evidence, subject=self.subject.bound(step.bound_to)) if step is not None else evidence

    def _tell(self, evidence: Evidence) -> None:
        if not self._is_shared:
            return
        self._shared.records[evidence.step] = record_of(evidence, self.subject.image_id)
        known = known_of(self._candidate) if self._candidate is not None else {}
        self._shared.learned.update({k: v for k, v in evidence.learned.items() if v and known.get(k) != v})

    async def _write_down(
        self, step_id: str, result: Result, sentence: str, by: str, *, reason: str = "", machine: bool = False
    ) -> Evidence:
        """Evidence that nothing was run for: a skip, an answer about a run that was cut off, what was seen."""
        step = self.runbook.step(step_id)
        assert step is not None
        subject, key = self.subject.bound(step.bound_to), new_key()
        try:
            number = await self.store.begin(self.candidate_id, self.runbook.id, step_id, key, subject, by)
        except JournalError as error:
            raise BlockedError((error.what,), overridable=False, remedy=error.remedy) from error
        evidence = Evidence(
            step_id, result, by, self.now(), sentence, machine=machine, subject=subject, reason=reason, key=key
        )
        kept = await self._keep(number, evidence)
        await self._shared_soon()
        return kept

    async def _resolve(self, step_id: str, answer: Answer, who: str) -> Evidence:
        """A person says whether a run that was cut off was done."""
        words = {"yes": True, "done": True, "no": False, "not done": False}
        done = words.get(answer.word.strip().lower())
        if done is None:
            raise UsageError(
                _("{step} was cut off, and nobody can tell whether it was done.").format(step=step_id),
                remedy=_("Look at the world, then say `done` or `not done`."),
            )
        begun = self._unsettled.pop(step_id, None)
        if begun is not None:
            await self.store.end_without(begun[0].number, INTERRUPTED, begun[1])
        if done:
            return await self._write_down(
                step_id, Result.PASSED, _("{who} says that it was done").format(who=who), who, reason=answer.note
            )
        sentence = _("{who} says that it was not done; it may be run again").format(who=who)
        return await self._write_down(step_id, Result.CANCELLED, sentence, who, reason=answer.note)

    # Crash recovery

    async def _settle(self) -> None:
        """Settle what processes that are no more left unfinished."""
        for begun in self._past.begun:
            if begun.session == self.session.session_id or alive(begun.process):
                continue
            await self._settle_one(begun)
        self._past.begun = [b for b in self._past.begun if b.step in self._unsettled]

    async def _settle_one(self, begun: Begun) -> None:
        kind = self.loaded.kinds.get(begun.step)
        if kind is None:
            await self.store.end_without(begun.number, INTERRUPTED, _("the runbook has no such step any more"))
            return
        run = Run(begun.step, begun.by, begun.at, self.session.clock.monotonic(), key=begun.key)
        try:
            evidence = await kind.settle(self._context(run, Answer()), begun.at)
        except CanarioError as error:
            self._unsettled[begun.step] = (begun, str(error))
            return
        except Exception as error:
            log.exception("the kind of %s failed to settle", begun.step)
            self._unsettled[begun.step] = (begun, repr(error))
            return
        self._unsettled.pop(begun.step, None)
        if evidence is None:
            sentence = _("cut off at {when:%H:%M:%S}; it was not done").format(when=begun.at)
            await self.store.end_without(begun.number, INTERRUPTED, sentence)
            self._refused[begun.step] = sentence
            if kind.background:
                self._past.evidence.setdefault(begun.step, [])
                self._to_restart = (*self._to_restart, begun.step)
            return
        await self._keep(begun.number, evidence)

    _to_restart: tuple[str, ...] = ()

    def _restart(self) -> None:
        """Start what ran beside the others when it was cut off: a watch survives quitting."""
        steps, self._to_restart = self._to_restart, ()
        for step in steps:
            if self.drives:
                self.start(step)

    # Looking, sharing, the seat

    async def _look(self) -> None:
        while True:
            try:
                await self._look_once()
            except CanarioError as error:
                self._problems["look"] = str(error)
            except Exception:
                log.exception("the walk failed to look")
                self._problems["look"] = _("The checklist failed inside; it is tried again.")
            else:
                self._problems.pop("look", None)
            await self.session.clock.sleep(LOOK_S)

    async def _look_once(self) -> None:
        await self._take_in()
        self._publish()
        if self._is_shared and self._candidate is None:
            return
        if self._is_shared and self.drives and self._candidate is not None and self._candidate.open:
            await self._record_seen()
        for step, run in self._runs.items():
            if not run.told and self.session.clock.monotonic() - run.started > TOLD_AFTER_S and self._is_shared:
                run.told = True
                self._shared.records.setdefault(step, _running_record(run, self.subject))
        if self._unsettled and self._due():
            for begun, _sentence in tuple(self._unsettled.values()):
                await self._settle_one(begun)
            self._publish()
        if self._is_shared and (self._shared.waiting or self._lease_due()) and self._due():
            await self._try_flush()

    def _due(self) -> bool:
        return self.session.clock.monotonic() - self._tried >= AGAIN_S or not self._problems.get("share")

    async def _take_in(self) -> None:
        """What the watcher has seen of the candidate since."""
        if not self._is_shared:
            return
        seen = self._shared.known()
        if seen is None or seen == self._candidate:
            return
        if self._candidate is not None and seen.id == self._candidate.id:
            self._candidate = seen
        elif seen.open and (self._candidate is None or not self._candidate.open):
            self._candidate = seen
            self._past = await self.store.past(seen.id)

    async def _record_seen(self) -> None:
        """Keep as evidence what steps that are only seen (moves, bakes, approvals) came to, while it can be seen."""
        subject = self.subject
        seen = self._observations(subject, self._approvals())
        for step_id, observation in seen.items():
            step = self.runbook.step(step_id)
            if step is None or observation.state not in ("passed", "failed") or step_id in self._runs:
                continue
            known = max(self._past.evidence.get(step_id, ()), key=lambda e: (e.at, e.key), default=None)
            bound, word = subject.bound(step.bound_to), Result(observation.state)
            if known is not None and known.result is word and known.subject == bound:
                continue
            if word is Result.FAILED and known is None:
                continue
            await self._write_down(step_id, word, observation.sentence, self.session.identity, machine=True)

    def _lease_due(self) -> bool:
        candidate, now = self._candidate, self._server_time()
        if not self.drives or candidate is None or not candidate.open or candidate.driver is None or now is None:
            return False
        from console.release.state import LEASE

        return candidate.driver.expires - now < LEASE - RENEW_AFTER

    async def _shared_soon(self) -> None:
        """Tell the others now; what cannot be told waits for the next look."""
        if self._is_shared and self._candidate is not None:
            await self._try_flush()

    async def _try_flush(self) -> None:
        self._tried = self.session.clock.monotonic()
        try:
            await self._flush()
        except CanarioError as error:
            self._problems["share"] = _("Other consoles can't be told: {problem}").format(problem=error)
        else:
            self._problems.pop("share", None)

    async def _flush(self, *, leave: bool = False) -> None:
        async with self._sharing:
            own, email, now = self.session.session_id, self.session.identity, self.now()

            def lease(candidate: Candidate) -> Driver | None:
                seat = candidate.driver
                if seat is None or seat.session != own:
                    return None
                return seated(email, own, now)

            written = await self._shared.flush(lease=None if leave else lease, leave=own if leave else "")
            if written is not None and written.id == self.candidate_id:
                self._candidate = written

    async def _sit(self, why: str, reason: str = "") -> None:
        """Take the seat, written down first.

        Raises:
            JournalError: it cannot be written down.
            CloudError: the annotation cannot be written.
        """
        own, email, now = self.session.session_id, self.session.identity, self.now()
        await self.store.note("seat", self.candidate_id, self.runbook.id, why=why, reason=reason.strip())
        found = await self._shared.change(
            lambda there: (
                there.model_copy(update={"driver": seated(email, own, now)})
                if there is not None and there.open
                else None
            )
        )
        if found is not None:
            self._candidate = found

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _running_record(run: Run, subject: Subject) -> StepRecord:
    return StepRecord(step=run.step, result="running", by=run.by, at=run.begun, digest=subject.image_id, key=run.key)
