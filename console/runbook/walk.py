"""Walking a runbook: one candidate on one session; its steps are run, their evidence kept and shared.

`latest` is an immutable checklist, replaced a few times a second, for any thread; everything else belongs to the
session's event loop. A step is journalled before it is run and again when it ends; what a crash cut off is settled by
its kind, which asks the world, and never simply run again where that must not be. One console drives: it runs the
steps; others watch, and sign what is theirs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Self

from console.actions.recovery import process_alive as alive
from console.errors import BlockedError, CanarioError, JournalError, UsageError
from console.notify import took_over
from console.release.guardrails import REASON_LENGTH, reason_counts
from console.release.state import Candidate
from console.runbook.cut_off import CutOff
from console.runbook.evidence import Evidence, Result
from console.runbook.keeping import TAKE_OVER
from console.runbook.kinds.base import (
    Answer,
    Ask,
)
from console.runbook.load import Loaded
from console.runbook.progress import Checklist, State
from console.runbook.running import Run, carry_out, new_key
from console.runbook.shared import seated
from console.runbook.signing import missing_for
from console.runbook.store import REFUSED, Begun, Past
from console.words import _

if TYPE_CHECKING:
    from console.session import Session
    from console.settings import Settings

log = logging.getLogger("canario.runbook")

RECOGNISED_S = 10.0
"""Wall seconds that a walk waits, when it is opened, to be told which image is released."""


class Walk(CutOff):
    """One runbook, walked for one candidate. Made by `open`; see `Standing` for what it is made of."""

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
            session: an open one.
            settings: all of them.
            loaded: the runbook and its kinds.
            drive: whether this console may take the driver's seat.
            shared: see `Standing`.
            checkout: the team's code; the settings' where None.
            variables: environment variables of our own (the demo's).
            look: keep `latest` fresh, the lease alive and other consoles told; False for commands that only look.

        Raises:
            CloudError: the service cannot be read.
        """
        walk = cls(session, settings, loaded, drive=drive, shared=shared, checkout=checkout, variables=variables)
        await walk._resume()
        await walk._recognise()
        await walk._settle()
        await walk.account()
        walk._publish()
        if look:
            walk._spawn(walk._look())
            walk._restart()
        return walk

    async def _resume(self) -> None:
        if self._is_shared:
            found = await self._shared.read()
            keep = found is not None and (found.open or not self._drive)  # who only looks sees the last one too
            self._candidate = found if keep else None
        try:
            if not self._is_shared:
                self._local_id = await self.store.last_candidate(self.runbook.id)
            if self.candidate_id:
                self._past = await self.store.past(self.candidate_id)
            if self._candidate is None:
                return
            await self._read_texts()
            self._share_missing()
            if self._drive and self._candidate.open and self._ours_by_right(self._candidate):
                await self._sit("resume")
        except JournalError as error:
            self._problems["journal"] = str(error)  # nothing is run, and all that others have told is seen

    async def _recognise(self) -> None:
        """Wait until it is known which image is released: what was done is weighed, and asked about, against that."""
        clock = self.session.clock
        begun = clock.monotonic()
        while self._candidate is not None and (self._snapshot() is None or self.subject.pending):
            if not self.session.watching or clock.monotonic() - begun > RECOGNISED_S:
                return  # the steps that are bound to it go on waiting, and say so
            await clock.sleep(0.05)

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
            await self.account()  # what it needs may only have waited for the audit log
            view = self.checklist(who).view(step_id) or view
        if not view.may_run:
            missing = missing_for(self.checklist(who), (view.step,)) if kind.ask is Ask.SIGN else ()
            raise BlockedError((view.why_not, *missing), overridable=False)
        answer = answer or Answer()
        if view.state is State.UNKNOWN and self._is_cut_off(step_id, view):
            self._runs[step_id] = Run(step_id, who, self.now(), self.session.clock.monotonic(), key=new_key())
            self._publish()
            try:
                return await self._look_again(step_id, kind, answer, who)
            finally:
                self._runs.pop(step_id, None)
                self._publish()
        if self.begins_another and step_id == next(self.runbook.steps()).id:
            await self._leave_rollback()
        run = Run(step_id, who, self.now(), self.session.clock.monotonic(), key=new_key())
        self._runs[step_id] = run
        self._refused.pop(step_id, None)
        self._publish()
        try:
            await self._ensure(rescue=kind.rescue)
            if self._is_shared and self.drives:
                await self._record_seen()  # while it can be seen: what comes now may take it out of sight
            lasting = self._is_shared and kind.once and kind.ask is Ask.NOTHING
            found = await self._begun_elsewhere(step_id, kind) if lasting else None
            evidence = found or await self._carried_out(run, answer, lasting=lasting)
        finally:
            self._runs.pop(step_id, None)
            self._publish()
        await self._shared_soon()
        return evidence

    def start(self, step_id: str, answer: Answer | None = None) -> None:
        """`run` in the background; why it could not be tried is shown with the step."""
        self._refused.pop(step_id, None)  # at once: what became of an earlier run must not be read as this one's
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
        await self._read_texts()
        await self._sit(TAKE_OVER, reason)
        await self._take_in_begun()
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

    async def name_version(self, version: str) -> None:
        """Say which version is being released, where nothing else tells; kept with the candidate once there is one.

        Raises:
            JournalError: it cannot be written down.
        """
        await self.store.note("version", self.candidate_id, self.runbook.id, version=version)
        self._shared.learned["version"] = version
        await self._shared_soon()
        self._publish()

    async def refresh(self) -> Checklist:
        """How it stands, the service read now rather than when the watcher comes to it.

        Raises:
            CloudError: it cannot be read.
        """
        await self._shared.read()
        await self._take_in()
        self._publish()
        return self.latest

    async def _ensure(self, *, rescue: bool = False) -> None:
        """Open a candidate where none is; a rescue goes on without one that can't be written down."""
        async with self._opening:
            if self._candidate is not None and self._candidate.open and self.over:
                await self.finish(self.over)
            if self.candidate_id and (self._candidate.open if self._candidate is not None else not self._local_over):
                if self._candidate is not None and self._candidate.driver is None and self._drive:
                    try:
                        await self._sit("free")
                    except JournalError as error:
                        raise BlockedError((error.what,), overridable=False, remedy=error.remedy) from error
                    if not rescue and not self.drives:
                        seat = self._candidate.driver
                        who = seat.email if seat is not None else "?"
                        raise BlockedError((_("{who} has taken the seat just now").format(who=who),), overridable=False)
                return
            if not self._drive:
                raise UsageError(
                    _("No release candidate is open."), remedy=_("Whoever drives opens one with the first step.")
                )
            now = self.now()
            own = f"{now:%Y-%m-%d-%H%M%S}"
            try:
                await self.store.note("open", own, self.runbook.id, digest=self.runbook.digest())
            except JournalError as error:
                if rescue:
                    if self._local_over:
                        self._local_id, self._local_over, self._past = "", "", Past()
                    return
                raise BlockedError((error.what,), overridable=False, remedy=error.remedy) from error
            self._past = Past(drivers=[self.session.identity])
            if not self._is_shared:
                self._local_id, self._local_over = own, ""
                return
            fresh = Candidate(
                id=own,
                runbook=self.runbook.id,
                runbook_digest=self.runbook.digest(),
                runbook_steps=len(tuple(self.runbook.steps())),
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

    async def _leave_rollback(self) -> None:
        """Close a manual rollback whose traffic was moved, so that the first step begins another."""
        try:
            await self.finish("stopped")
        except JournalError:
            self._local_over = "stopped"  # no journal holds a rollback up

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

    async def _carried_out(self, run: Run, answer: Answer, *, lasting: bool = False) -> Evidence:
        """Write down that it begins, tell the others where it must not be done twice (`lasting`), and run it."""
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
            if lasting:  # after our own journal, which knows more: killed in between, it tells that nothing was done
                await self._tell_begun(run)
            evidence = await carry_out(run, kind, context)
        except asyncio.CancelledError:
            if number and not run.quitting:  # nobody waits for it any more, and the world may have it: it is asked
                begun = Begun(number, run.step, run.key, run.begun, run.by, "", self.session.session_id)
                self._unsettled[run.step] = (begun, _("cut off; it is being found out whether it was done"))
            raise
        except CanarioError as error:
            self._refused[run.step] = str(error)
            if run.told:
                self._tell_refused(run, str(error))
            if number:
                await self.store.end_without(number, REFUSED, str(error))
            raise
        return await self._keep(number, evidence)

    def _restart(self) -> None:
        """Start what ran beside the others when it was cut off: a watch survives quitting."""
        steps, self._to_restart = self._to_restart, ()
        for step in steps:
            if self.drives:
                self.start(step)
