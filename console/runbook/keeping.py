"""Keeping a walk: evidence written down and told to other consoles, the seat held, cut-off runs settled.

What cannot be told now is told with the next look; what cannot be settled now is shown and tried again.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta

from console.actions.recovery import process_alive as alive
from console.errors import BlockedError, CanarioError, JournalError, UnavailableError
from console.journal.scrub import scrub_text
from console.release.audited import ApprovalState
from console.release.images import Match, image_identity
from console.release.state import LEASE, SENTENCE_LIMIT, Candidate, Driver, StepRecord
from console.runbook.evidence import Evidence, Result
from console.runbook.kinds.base import (
    Answer,
    Ask,
    LocalPaths,
    StepContext,
    StepKind,
)
from console.runbook.running import Run, new_key
from console.runbook.shared import RENEW_AFTER, known_of, seated
from console.runbook.standing import LOOK_S, Standing
from console.runbook.store import INTERRUPTED, Begun, record_of
from console.runbook.weighing import counted
from console.words import _

log = logging.getLogger("canario.runbook")

DRIFT_S = 3.0
"""Wall seconds between two looks for an image that is newer than the one that was tested."""

AGAIN_S = 2.0
"""Wall seconds before what failed (sharing, settling) is tried again."""

MOMENT = timedelta(microseconds=1)
"""What tells two times apart."""

TAKE_OVER = "take over"
"""Why the seat is taken, where somebody else may sit in it."""

TOLD_AFTER_S = 1.0
"""Wall seconds after which a run is told to other consoles; shorter ones they see when they end."""


class Keeping(Standing):
    """A walk's memory, on the journal and on the service."""

    def _context(self, run: Run, answer: Answer) -> StepContext:
        evidence, _theirs = self._merged()
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

    async def _keep(self, number: int, evidence: Evidence) -> Evidence:
        """Write evidence down, remember it, tell the others."""
        evidence = self._after_what_is_known(self._bound(evidence))
        if number and (problem := await self.store.end(number, evidence)):
            self._problems["journal"] = problem
        self._past.evidence.setdefault(evidence.step, []).append(evidence)
        self._tell(evidence)
        self._publish()
        return evidence

    def _after_what_is_known(self, evidence: Evidence) -> Evidence:
        """Evidence with a time past all that is known of its step: a `date` has one-second steps, and newest counts."""
        last = max((one.at for one in self._merged()[0].get(evidence.step, ())), default=None)
        return evidence if last is None or evidence.at > last else replace(evidence, at=last + MOMENT)

    def _bound(self, evidence: Evidence) -> Evidence:
        """Evidence of a step that found out what it is of is of that."""
        if not evidence.learned:
            return evidence
        self._shared.learned.update({k: v for k, v in evidence.learned.items() if v})
        step = self.runbook.step(evidence.step)
        if step is None or step.bound_to == "head":
            return evidence  # it says itself which commit it looked at
        if step.bound_to == "image" and (image := evidence.learned.get("image")):
            found = image_identity(image)
            known = evidence.subject.partition("#")[0] == found  # of one revision, where no digest is told
            return evidence if known else replace(evidence, subject=found)
        return replace(evidence, subject=self.subject.bound(step.bound_to))

    def _tell(self, evidence: Evidence) -> None:
        if not self._is_shared:
            return
        image, subject = self._image_of(evidence), self.subject
        self._shared.records[evidence.step] = record_of(
            evidence,
            image,
            own=self.session.identity,
            played=self.tools.loopback,
            template=subject.template if image and subject.canary else "",
        )
        known = known_of(self._candidate) if self._candidate is not None else {}
        self._shared.learned.update({k: v for k, v in evidence.learned.items() if v and known.get(k) != v})

    def _image_of(self, evidence: Evidence) -> str:
        """The image that evidence is of; none where it is of an earlier commit, image or revision."""
        subject, step = self.subject, self.runbook.step(evidence.step)
        same = step is not None and subject.match(step.bound_to, evidence.subject) is Match.SAME
        return subject.image_id if same else ""

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

    async def finish(self, how: str = "done") -> None:
        """Close the candidate: `done`, or `stopped`. Nothing of it can be run any more.

        Raises:
            BlockedError: another console drives it, or it is not done as the runbook that it was opened with has it.
            JournalError: it cannot be written down.
        """
        word = "done" if how == "done" else "stopped"
        if self._local_over:
            return
        if self._candidate is not None and self._candidate.open and not self.drives:
            seat = self._candidate.driver
            who = seat.email if seat is not None else _("nobody")
            raise BlockedError(
                (_("only its driver closes a release, and that is {who}").format(who=who),), overridable=False
            )
        if word == "done" and (other := self.another_runbook):
            raise BlockedError(
                (_("this release was opened with another runbook ({other})").format(other=other),), overridable=False
            )
        await self.store.note("close", self.candidate_id, self.runbook.id, how=word)
        if self._candidate is None:
            self._local_over = word
        if self._candidate is not None:
            self._shared.closing = (word, self.now())  # type: ignore[assignment]
            await self._shared_soon()
        self._publish()

    def _share_missing(self) -> None:
        """What we have written down, and were killed before we could tell the others."""
        assert self._candidate is not None
        told = {record.step: record for record in self._candidate.steps}
        for step, known in self._past.evidence.items():
            newest = max(known, key=lambda evidence: (evidence.at, evidence.key), default=None)
            record = told.get(step)
            if newest is not None and (record is None or record.at < newest.at or record.result == "running"):
                self._tell(newest)

    async def _begun_elsewhere(self, step_id: str, kind: StepKind) -> Evidence | None:
        """What became of a run that another console began and never ended: its journal may lie on another machine.

        Raises:
            CanarioError: the world cannot be asked.
        """
        records = self._candidate.steps if self._candidate is not None else ()
        record = next((known for known in records if known.step == step_id), None)
        if record is None or record.result != "running" or not record.key or record.key in self._keys:
            return None
        run = Run(step_id, record.by, record.at, self.session.clock.monotonic(), key=record.key)
        context = self._context(run, Answer())
        evidence = await kind.settle_elsewhere(context, record.at)
        self._keys.add(record.key)
        if evidence is None:
            return None
        subject = context.subject.bound(context.step.bound_to)
        try:
            number = await self.store.begin(self.candidate_id, self.runbook.id, step_id, record.key, subject, record.by)
        except JournalError as error:
            raise BlockedError((error.what,), overridable=False, remedy=error.remedy) from error
        return await self._keep(number, evidence)

    async def _tell_begun(self, run: Run) -> None:
        """Tell other consoles of a run before it begins: whoever takes over must know to ask the world.

        Raises:
            UnavailableError: they cannot be told, so that it must not begin.
        """
        self._keys.add(run.key)
        run.told = True
        before, record = self._shared.records.get(run.step), self._running_record(run)
        self._shared.records[run.step] = record
        await self._shared_soon()
        if self._shared.records.get(run.step) != record:
            return
        if before is None:
            del self._shared.records[run.step]
        else:
            self._shared.records[run.step] = before
        run.told = False
        raise UnavailableError(
            _("{step} is not begun: other consoles cannot be told first, and it must not be done twice. {why}").format(
                step=run.step, why=self._problems.get("share", "")
            ),
            remedy=_("Try again once the service can be written."),
        )

    async def _take_in_begun(self) -> None:
        """After a take-over: messages that the console before began to send may have left, and are shown so."""
        for record in self._candidate.steps if self._candidate is not None else ():
            kind = self.loaded.kinds.get(record.step)
            if kind is None or not kind.again:
                continue  # what the world can be asked about is asked when it is run
            try:
                await self._begun_elsewhere(record.step, kind)
            except CanarioError as error:
                log.info("%s, begun elsewhere, cannot be asked about yet: %s", record.step, error)
        await self._shared_soon()

    def _tell_refused(self, run: Run, problem: str) -> None:
        """A run that could not be tried runs no more, for other consoles too."""
        if (before := counted(self._past.evidence.get(run.step, ()))) is not None:
            self._tell(before)
            return
        told = {"result": "cancelled", "at": self.now(), "sentence": scrub_text(problem, SENTENCE_LIMIT - 40)}
        self._shared.records[run.step] = self._running_record(run).model_copy(update=told)

    async def _settle(self) -> None:
        """Settle what processes that are no more left unfinished."""
        for begun in self._past.begun:
            if begun.session == self.session.session_id or alive(begun.process):
                continue
            await self._settle_one(begun)
        self._past.begun = [b for b in self._past.begun if b.step in self._unsettled]

    async def _settle_one(self, begun: Begun) -> None:
        self._keys.add(begun.key)
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
        if self._is_shared and self.at_work and self._candidate is not None and self._candidate.open:
            await self._record_seen()
            await self._tell_again_what_was_forged()
            if self.latest.done and not self._runs and not self.another_runbook:
                await self.finish("done")
        if self._local_id and not self._local_over and self.latest.done and not self._runs:
            await self.finish("done")
        for step, run in self._runs.items():
            if not run.told and self.session.clock.monotonic() - run.started > TOLD_AFTER_S and self._is_shared:
                run.told = True
                self._shared.records.setdefault(step, self._running_record(run))
        if self._unsettled and self._due():
            for begun, _sentence in tuple(self._unsettled.values()):
                await self._settle_one(begun)
            self._publish()
        if self._is_shared and self.drives:
            await self._look_for_drift()
        if self._is_shared and (self._shared.waiting or self._lease_due()) and self._due():
            await self._try_flush()

    async def _tell_again_what_was_forged(self) -> None:
        """Where somebody wrote over our own word in another's name: name them, and tell our own word again."""
        for check in self._step_checks():
            record = check.record
            ours = counted(self._past.evidence.get(record.step, ()))
            if check.state is not ApprovalState.FORGED or ours is None or record.key in self._shared.forged:
                continue
            self._shared.forged.add(record.key)
            why = _("FORGED: {why}").format(why=f"{record.step}: {check.why}")
            self._forgeries[record.key] = why
            await self.store.note("forged", self.candidate_id, self.runbook.id, step=record.step, by=check.forger)
            self._tell(ours)

    async def _look_for_drift(self) -> None:
        """Take in what steps that have passed would find out now, until the release has made its revision."""
        now = self.session.clock.monotonic()
        if now - self._looked < DRIFT_S or self.subject.canary:
            return
        self._looked = now
        evidence, _theirs = self._merged()
        for step, kind in self.loaded.kinds.items():
            newest = counted(evidence.get(step, ()))
            if type(kind).drift is StepKind.drift or newest is None or newest.result is not Result.PASSED:
                continue
            run = Run(step, self.session.identity, self.now(), now, key=new_key())
            try:
                found = await kind.drift(self._context(run, Answer()))
            except CanarioError as error:
                log.info("%s cannot be looked at again: %s", step, error)
                continue
            if found and self._candidate is not None and not self.subject.canary:
                await self.store.note("drift", self.candidate_id, self.runbook.id, step=step, **dict(found))
                self._shared.learned.update(found)

    def _due(self) -> bool:
        return self.session.clock.monotonic() - self._tried >= AGAIN_S or not self._problems.get("share")

    async def _take_in(self) -> None:
        """What the watcher has seen of the candidate since."""
        if not self._is_shared:
            return
        seen = self._shared.known()
        if seen is not None and seen != self._candidate:
            if self._candidate is not None and seen.id == self._candidate.id:
                self._candidate = seen
            elif seen.open and (self._candidate is None or not self._candidate.open):
                self._candidate = seen
                self._past = await self.store.past(seen.id)
        await self._read_texts()

    async def _record_seen(self) -> None:
        """Keep as evidence what steps that are only seen (moves, bakes, approvals) came to, while it can be seen."""
        subject = self.subject
        approvals = self._approvals(subject)
        seen = self._observations(subject, approvals)
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
            signers = {a.by for a in approvals if a.state == "verified" and a.role in step.signers}
            signed = self._traits[step_id].ask is Ask.SIGN and len(signers) == 1
            by = signers.pop() if signed else self.session.identity
            await self._write_down(step_id, word, observation.sentence, by, machine=True)

    def _lease_due(self) -> bool:
        candidate, now = self._candidate, self._server_time()
        if not self.drives or candidate is None or not candidate.open or candidate.driver is None or now is None:
            return False
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
        known = self._candidate.driver if self._candidate is not None else None
        await self.store.note("seat", self.candidate_id, self.runbook.id, why=why, reason=reason.strip())

        def sat(there: Candidate | None) -> Candidate | None:
            if there is None or not there.open:
                return None
            seat = there.driver
            rival = seat is not None and seat.session != own and (known is None or seat.session != known.session)
            if rival and seat is not None and seat.expires > now and why != TAKE_OVER:
                return None  # another was faster: only a take-over, with its reason, moves them
            return there.model_copy(update={"driver": seated(email, own, now)})

        found = await self._shared.change(sat)
        if found is not None:
            self._candidate = found

    def _running_record(self, run: Run) -> StepRecord:
        others, played = run.by.casefold() != self.session.identity.casefold(), self.tools.loopback
        return StepRecord(
            step=run.step,
            result="running",
            by=self.session.identity if others and not played else run.by,
            at=run.begun,
            digest=self.subject.image_id,
            key=run.key,
            told_by=self.session.identity if others and played else "",
        )
