"""How a walk stands: everything that is known of one candidate on one session, put together into the checklist."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from console.errors import CanarioError
from console.release.approvals import check_approvals
from console.release.audited import ApprovalState, ApprovalWrite, StepCheck, check_steps, unaccounted
from console.release.state import Candidate, plan_digest
from console.runbook.evidence import Evidence
from console.runbook.folding import head_of, subject_of
from console.runbook.kinds.base import (
    ApprovalSeen,
    LocalPaths,
    Observation,
    Observed,
    Subject,
)
from console.runbook.load import Loaded
from console.runbook.progress import Checklist, Me, Running, Traits, checklist
from console.runbook.running import Run
from console.runbook.shared import Shared
from console.runbook.shared_cases import HasItems, Texts
from console.runbook.store import Begun, Past, Store, merged
from console.runbook.tools import SessionTools
from console.runbook.weighing import counted
from console.words import _

if TYPE_CHECKING:
    from console.session import Session
    from console.settings import Settings
    from console.watch.snapshot import Snapshot

log = logging.getLogger("canario.runbook")

LOOK_S = 0.25
"""Wall seconds between two looks."""


class Standing:
    """What a walk knows. `Walk` says what an operator can do about it.

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
        for kind in loaded.kinds.values():
            kind.stand_in(session.environment)
        self._traits = {
            step: Traits(kind.ask, kind.machine, kind.once, kind.background, kind.again, kind.looks)
            for step, kind in loaded.kinds.items()
        }
        self._plan = plan_digest(settings.rules(session.environment).plan)
        self._candidate: Candidate | None = None
        self._local_id = ""
        """Id of a candidate that is not on the service."""
        self._local_over = ""
        """`done` or `stopped` where that one is closed."""
        self._past = Past()
        self._runs: dict[str, Run] = {}
        self._refused: dict[str, str] = {}
        self._unsettled: dict[str, tuple[Begun, str]] = {}
        self._problems: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._opening = asyncio.Lock()
        self._writes: tuple[ApprovalWrite, ...] = ()
        """Who wrote what the service carries, as read here; the watcher's reading counts where it has found more."""
        self._writes_of = ""
        """Id of the candidate that they are of."""
        self._checked: tuple[object, object, tuple[StepCheck, ...]] = (None, None, ())
        """Others' records as checked last, and of what."""
        self._forgeries: dict[str, str] = {}
        """What somebody wrote over our own word, by its key; told as long as this console is open."""
        self._keys: set[str] = set()
        """Keys of runs whose end is known or looked after here."""
        self._to_restart: tuple[str, ...] = ()
        self._texts: dict[str, Texts] = {}
        """The words of steps' lists that another console has answered, from our checkout."""
        self._texts_for: dict[str, str] = {}
        """Keys of the records that they were read for."""
        self._sharing = asyncio.Lock()
        self._tried = self._looked = float("-inf")
        self.latest: Checklist = Checklist(self.runbook, ())
        """How it stands; any thread may read it."""

    @property
    def candidate(self) -> Candidate | None:
        """The candidate as the service has it; None before the first step, and of a runbook that has none."""
        return self._candidate

    @property
    def candidate_id(self) -> str:
        """Its id; empty before the first step."""
        return self._candidate.id if self._candidate is not None else self._local_id

    @property
    def refused(self) -> Mapping[str, str]:
        """Why steps could not be tried last, by step."""
        return dict(self._refused)

    @property
    def drives(self) -> bool:
        """Whether this console runs the steps; a free seat is taken with the first one."""
        if not self._is_shared or self._candidate is None:
            return self._drive
        driver = self._candidate.driver
        return self._drive and (driver is None or driver.session == self.session.session_id)

    @property
    def at_work(self) -> bool:
        """Whether this console writes down what it sees; one that only looks writes nothing on the service.

        It sits in the candidate's seat or, that being free, drives the release under way.
        """
        if not self._is_shared or self._candidate is None:
            return self._drive
        session = self.session.session_id
        if self._candidate.driver is not None:
            return self.drives
        snapshot = self._snapshot()
        release = snapshot.release if snapshot is not None else None
        seat = release.driver if release is not None and release.under_way else None
        return self._drive and seat is not None and seat.session == session

    @property
    def over(self) -> str:
        """`done` or `stopped` where the candidate is closed, or its release was taken back; else empty."""
        candidate, snapshot = self._candidate, self._snapshot()
        if candidate is None:
            return self._local_over
        if candidate.closed is not None:
            return candidate.closed
        release = snapshot.release if snapshot is not None else None
        taken_back = release is not None and release.ended in ("rolled back", "abandoned")
        return "stopped" if taken_back and release is not None and release.started >= candidate.opened else ""

    @property
    def another_runbook(self) -> str:
        """The runbook that the open candidate was opened with, `id, digest`, where ours can't stand for it; else empty.

        A later version of it can: the team, or an upgrade of canario, may change it while a release is under way. One
        with fewer steps would call done what is not.
        """
        candidate = self._candidate
        if candidate is None or not candidate.open or candidate.runbook_digest in ("", self.runbook.digest()):
            return ""
        if candidate.runbook == self.runbook.id and len(tuple(self.runbook.steps())) >= (candidate.runbook_steps or 0):
            return ""
        return f"{candidate.runbook or '?'}, {candidate.runbook_digest}"

    @property
    def begins_another(self) -> bool:
        """Whether the first step begins another manual rollback, for this one has moved the traffic."""
        if self._is_shared or not self._local_id or self._local_over:
            return False
        moved = [step for step, kind in self.loaded.kinds.items() if kind.rescue and kind.once]
        return any(counted(self._past.evidence.get(step, ())) is not None for step in moved)

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
            head=self._head(),
        )

    def _head(self) -> str:
        """What the steps that look found to be the head, on this console or another."""
        told = [s.id for s in self.runbook.steps() if s.bound_to == "head" and self.loaded.kinds[s.id].tells_head]
        known = self._merged()[0] if told else {}
        return head_of(evidence for step in told for evidence in known.get(step, ()))

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
        evidence, theirs = self._merged()
        approvals = self._approvals(subject)
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
            closed=self.over,
            driver_expires=candidate.driver.expires if candidate is not None and candidate.driver else None,
            problems=self._told_problems(),
        )

    def _audit(self) -> tuple[ApprovalWrite, ...]:
        """Calls that wrote the annotation, as far as the audit log has told."""
        snapshot = self._snapshot()
        seen = snapshot.approval_writes if snapshot is not None else ()
        own = self._writes if self._writes_of == self.candidate_id else ()
        return seen if len(seen) >= len(own) else own

    async def account(self) -> None:
        """Ask the audit log now who wrote what the service carries, where something of it is not accounted for."""
        if self._is_shared and self._candidate is not None and unaccounted(self._candidate, self._audit()):
            access = self.session.actions.access
            found, problem = await access.approval_writes(self._candidate, everything=True)
            self._writes, self._writes_of = found, self.candidate_id
            if problem:
                log.info("the audit log cannot be read: %s", problem)  # the watcher says so on the checklist

    def _step_checks(self) -> tuple[StepCheck, ...]:
        """Steps' records on the service, held against the audit log; worked out anew only where either has changed."""
        writes, steps = self._audit(), self._candidate.steps if self._candidate is not None else ()
        seen_writes, seen_steps, found = self._checked
        if seen_writes is not writes or seen_steps != steps:
            found = check_steps(self._candidate, writes, played=self.tools.loopback)
            self._checked = (writes, steps, found)
        return found

    def _merged(self) -> tuple[dict[str, tuple[Evidence, ...]], frozenset[str]]:
        """Our evidence, and what other consoles told of theirs as far as the audit log vouches for it."""
        machine = {step: kind.machine for step, kind in self.loaded.kinds.items()}
        return merged(self._past.evidence, self._candidate, self._step_checks(), self._texts, machine)

    def _unvouched(self) -> dict[str, Observation]:
        """Steps whose record on the service nobody vouches for: forged ones, and those that are being verified."""
        found = {}
        ours = {evidence.key for known in self._past.evidence.values() for evidence in known}
        snapshot = self._snapshot()
        problem = snapshot.approvals_problem if snapshot is not None else ""
        for check in self._step_checks():
            record = check.record
            if record.result == "running" or check.counts:
                continue
            if check.state is ApprovalState.FORGED and record.step in self._past.evidence:
                continue  # our own word stands, and is told again (`Keeping`)
            if check.state is ApprovalState.FORGED:
                found[record.step] = Observation("failed", _("FORGED: {why}").format(why=check.why))
            elif record.key not in ours and record.result in ("passed", "skipped"):
                why = _("the audit log cannot be read: {problem}").format(problem=problem) if problem else check.why
                found[record.step] = Observation("verifying", f"{record.by}: {why}")
        return found

    def _approvals(self, subject: Subject) -> tuple[ApprovalSeen, ...]:
        checks = check_approvals(
            self._candidate,
            self._audit(),
            image_id=subject.image_id,
            plan=self._plan,
            people=self.settings.rules(self.session.environment).people,
            template=subject.template,
            alias=subject.image_alias,
        )
        return tuple(ApprovalSeen(c.approval.role, c.approval.by, c.state.value, c.why) for c in checks)

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
        for step, doubt in self._unvouched().items():
            if step in self.loaded.kinds and (doubt.state == "failed" or step not in found):
                found[step] = doubt
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
        problems, candidate = [*self._problems.values(), *self._forgeries.values()], self._candidate
        if other := self.another_runbook:
            problems.append(
                _(
                    "This release was opened with another runbook ({other}); steps are matched by id, and it is not "
                    "closed as done by this one."
                ).format(other=other)
            )
        elif candidate is not None and candidate.runbook_digest not in ("", self.runbook.digest()):
            problems.append(
                _(
                    "This release was opened with another version of the runbook ({digest}); steps are matched by id."
                ).format(digest=candidate.runbook_digest)
            )
        if not self.session.journal.healthy and self.session.journal.problem:
            problems.append(_("The journal cannot be written: {problem}").format(problem=self.session.journal.problem))
        return tuple(problems)

    async def _read_texts(self) -> None:
        """Read the words of lists that another console has answered: the annotation has ids and answers alone."""
        ours = {evidence.key for known in self._past.evidence.values() for evidence in known}
        for record in self._candidate.steps if self._candidate is not None else ():
            kind: object = self.loaded.kinds.get(record.step)
            new = self._texts_for.get(record.step) != record.key
            if not record.cases or not new or record.key in ours or not isinstance(kind, HasItems):
                continue
            self._texts_for[record.step] = record.key
            paths = LocalPaths(self._checkout, self.store.folder(self.candidate_id))
            try:
                items = await asyncio.to_thread(kind.items, paths)
            except CanarioError as error:
                log.info("the list of %s is not here: %s", record.step, error)
                continue
            self._texts[record.step] = {item.id: item for item in items}

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

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
