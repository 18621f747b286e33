"""Reading and writing the service for actions: fresh facts, annotation changes that merge, waiting until it settles."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from console.clock import Clock
from console.errors import CloudError, ConflictError, NotFoundError, UnavailableError, UsageError
from console.journal import Journal
from console.release.approvals import ApprovalCheck, check_approvals
from console.release.audited import ApprovalWrite, StepCheck, check_steps, counting, unaccounted
from console.release.guardrails import EnvironmentRules, Facts, shares_text
from console.release.images import image_identity
from console.release.migration_approvals import MigrationCheck, check_migration_approvals
from console.release.service import Revision, Service
from console.release.state import (
    Candidate,
    Document,
    Release,
    VerdictRecord,
    plan_digest,
    read_document,
    read_release,
)
from console.release.transitions import UNKNOWN_IDENTITY, Who, annotated
from console.watch.approvals import read_approval_writes
from console.words import _

if TYPE_CHECKING:
    from console.cloud.client import Cloud
    from console.watch.watcher import Watcher

MERGES = 8
"""How often a write is merged with other writers' annotation changes before it counts as a conflict."""

SETTLE_S = 180.0
"""Wall seconds that a change of traffic may take to be carried out."""


@dataclass
class ServiceAccess:
    """One service, read and written."""

    cloud: Cloud
    watcher: Watcher | None
    service: str
    journal: Journal
    clock: Clock
    identity: str
    session_id: str
    rules: EnvironmentRules
    renews: bool = False
    """Whether this process renews its lease."""
    writes: int = field(default=0, init=False)
    """Calls that change traffic under way now, rollbacks aside."""
    _checked: tuple[object, object, tuple[StepCheck, ...]] = field(default=(None, None, ()), init=False)
    identified: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    """Set once `identity` is as well known as it will be."""

    def who(self) -> Who:
        """We, now, in server time (local time before the cloud has told its own)."""
        return Who(self.identity, self.session_id, self.server_time() or self.clock.now(), self.renews)

    def server_time(self) -> datetime | None:
        """Server time now; None where unknown."""
        return self.cloud.server_clock.now()

    def known(self) -> Service | None:
        """The service as the watcher saw it last."""
        service = self.watcher.latest.service if self.watcher is not None else None
        return service if service is not None and service.name == self.service else None

    def note(self, service: Service | None) -> None:
        """Hand the watcher what a call answered, so that the picture follows at once."""
        if service is not None and self.watcher is not None:
            self.watcher.note_service(service)

    async def named(self) -> str:
        """Our identity, once it is as well known as it will be: a word is given by name.

        Raises:
            UsageError: nobody knows who we are.
        """
        await self.identified.wait()
        if self.identity == UNKNOWN_IDENTITY:
            raise UsageError(
                _("Nobody knows who you are, and an approval is given by name."),
                remedy=_("`canario doctor` says what is wrong with the credentials."),
            )
        return self.identity

    def opened(self, candidate: Candidate | None) -> Candidate:
        """`candidate`, which is open.

        Raises:
            UsageError: none is.
        """
        if candidate is None or not candidate.open:
            raise UsageError(
                _("No release candidate is open on {service}.").format(service=self.service),
                remedy=_("Open one first: `k` in the console, or `canario runbook run`."),
            )
        return candidate

    async def read(self) -> Service:
        """The service now."""
        service = await self.cloud.run.get_service(self.service)
        self.note(service)
        return service

    async def facts(self, *, canary: str | None = None, seen: Service | None = None) -> Facts:
        """Everything a guardrail asks for, read now; `canary` is looked up where the list does not reach it."""
        service, revisions = await asyncio.gather(self.read(), self.cloud.run.list_revisions(self.service))
        release, problem = read_release(service.annotations)
        wanted = canary or service.traffic.revision_for_tag("canary") or (release.canary if release else None)
        if wanted and all(revision.name != wanted for revision in revisions):
            try:
                revisions = (*revisions, await self.cloud.run.get_revision(self.service, wanted))
            except NotFoundError:
                pass
        writable = await asyncio.to_thread(lambda: self.journal.writable)
        candidate = read_document(service.annotations)[0].candidate
        if candidate is not None and wanted:
            revisions = await self.cloud.run.with_digests(revisions, (wanted,), again=True)
        writes, approvals_problem = await self.approval_writes(candidate)
        checks = self.checks(candidate, writes, revisions, wanted)
        return Facts(
            service=service,
            seen=seen,
            revisions=revisions,
            release=release,
            release_problem=problem,
            verdict=self.live_verdict(service) or (release.verdict if release else None),
            identity=self.identity,
            session_id=self.session_id,
            journal_ok=writable,
            journal_problem=self.journal.problem,
            candidate=candidate,
            approvals=checks,
            signed=self.signed(candidate, writes, revisions, wanted),
            migration_approvals=self.migration_checks(candidate, writes),
            approvals_problem=approvals_problem,
            step_checks=self.step_checks(candidate, writes),
        )

    async def merged_facts(self, facts: Facts, fresh: Service, canary: str | None) -> Facts:
        """`facts` with what another's write of the annotation left on the service: the release, and its approvals."""
        release, problem = read_release(fresh.annotations)
        candidate = read_document(fresh.annotations)[0].candidate
        writes, approvals_problem = await self.approval_writes(candidate)
        return replace(
            facts,
            service=fresh,
            release=release,
            release_problem=problem,
            candidate=candidate,
            approvals=self.checks(candidate, writes, facts.revisions, canary),
            approvals_problem=approvals_problem,
            step_checks=self.step_checks(candidate, writes),
        )

    async def approval_writes(
        self, candidate: Candidate | None, *, everything: bool = False
    ) -> tuple[tuple[ApprovalWrite, ...], str]:
        """Calls that wrote what the rules ask for on the service, and why they could not be read, or empty.

        Those that the watcher has found are enough where they account for every line: the audit log is never changed.

        Args:
            candidate: as written on the service.
            everything: account for every step's record, whatever the rules ask for.
        """
        now = self.server_time()
        if candidate is None or now is None:
            return (), ""
        steps = None if everything else frozenset(self.rules.smoke)
        asked = everything or bool(candidate.migration_approvals) or bool(candidate.approvals and self.rules.approvals)
        asked = asked or bool(counting(candidate, steps))
        if not asked:
            return (), ""
        known = self.watcher.latest.approval_writes if self.watcher is not None else ()
        if known and not unaccounted(candidate, known, steps):
            return known, ""
        try:
            return await read_approval_writes(self.cloud.logs, self.service, candidate, now), ""
        except CloudError as error:
            return known, error.what

    @property
    def played(self) -> bool:
        """Whether this is a simulator, where one console may speak for several people."""
        return self.cloud.target.endpoint is not None

    def step_checks(self, candidate: Candidate | None, writes: tuple[ApprovalWrite, ...]) -> tuple[StepCheck, ...]:
        """The smoke tests' records on the service, held against the audit log; the last answer is kept."""
        steps = candidate.steps if candidate is not None else ()
        if self._checked[0] is not writes or self._checked[1] != steps:
            self._checked = (writes, steps, check_steps(candidate, writes, played=self.played, only=self.rules.smoke))
        return self._checked[2]

    def checks(
        self,
        candidate: Candidate | None,
        writes: tuple[ApprovalWrite, ...],
        revisions: Iterable[Revision],
        canary: str | None,
    ) -> tuple[ApprovalCheck, ...]:
        """The approvals on the service, held against the audit log, for the image of `canary` (or the candidate's)."""
        revision = next((known for known in revisions if known.name == canary), None)
        image, template = (revision.identity, revision.template) if revision is not None else ("", "")
        alias = revision.alias if revision is not None else ""
        if not image and candidate is not None and candidate.image:
            image = image_identity(candidate.image)
        return check_approvals(
            candidate,
            writes,
            image_id=image,
            plan=plan_digest(self.rules.plan),
            people=self.rules.people,
            template=template,
            alias=alias,
        )

    def signed(
        self,
        candidate: Candidate | None,
        writes: tuple[ApprovalWrite, ...],
        revisions: Iterable[Revision],
        canary: str | None,
    ) -> tuple[ApprovalCheck, ...]:
        """The approvals of the candidate's own image, while it is worked on; nothing once its release is over."""
        if candidate is None or not candidate.open:
            return ()
        return self.checks(candidate, writes, () if candidate.image else revisions, canary)

    def migration_checks(
        self, candidate: Candidate | None, writes: tuple[ApprovalWrite, ...]
    ) -> tuple[MigrationCheck, ...]:
        """Second people's approvals of statements, held against the audit log."""
        return check_migration_approvals(candidate, writes, people=self.rules.people, logins=self.rules.logins)

    def live_facts(self) -> Facts:
        """The same from the watcher's picture: at once, no call, no disk."""
        assert self.watcher is not None
        snapshot = self.watcher.latest
        service = snapshot.service
        return Facts(
            service=service,
            seen=service,
            revisions=snapshot.revisions,
            release=snapshot.release,
            release_problem=snapshot.release_problem,
            verdict=(self.live_verdict(service) if service else None)
            or (snapshot.release.verdict if snapshot.release else None),
            identity=self.identity,
            session_id=self.session_id,
            journal_ok=self.journal.healthy,
            journal_problem=self.journal.problem,
            candidate=snapshot.candidate,
            approvals=self.checks(snapshot.candidate, snapshot.approval_writes, snapshot.revisions, snapshot.canary),
            signed=self.signed(snapshot.candidate, snapshot.approval_writes, snapshot.revisions, snapshot.canary),
            migration_approvals=self.migration_checks(snapshot.candidate, snapshot.approval_writes),
            approvals_problem=snapshot.approvals_problem,
            step_checks=self.step_checks(snapshot.candidate, snapshot.approval_writes),
        )

    def live_verdict(self, service: Service) -> VerdictRecord | None:
        """This console's own judge's word on the service as it is; None where it has not judged anything."""
        now = self.server_time()
        if self.watcher is None or now is None or self.watcher.latest.verdict is None:
            return None
        if self.watcher.latest.verdict.at is None:
            return None
        return self.watcher.verdict_record(now)

    async def annotate(self, change: Callable[[Release], Release | None]) -> tuple[Service, Release] | None:
        """Change the release alone, merged with whatever others write meanwhile.

        Args:
            change: the new release from the present one; None or the same: leave it as it is.

        Returns:
            The service as answered and the release as written; None where there was nothing to change.

        Raises:
            ConflictError: others wrote faster, MERGES times.
            CloudError: the call failed.
        """

        def changed(document: Document) -> Document | None:
            release = change(document.release) if document.release is not None else None
            return document.model_copy(update={"release": release}) if release is not None else None

        written = await self.annotate_document(changed)
        if written is None or written[1].release is None:
            return None
        return written[0], written[1].release

    async def annotate_document(self, change: Callable[[Document], Document | None]) -> tuple[Service, Document] | None:
        """Change any part of the release annotation, merged with whatever others write meanwhile.

        Args:
            change: the new document from the present one (empty where nothing is written); a part that is the same or
                None stays as it is written. None or the same: leave all of it.

        Returns:
            The service as answered and the document as written; None where there was nothing to change.

        Raises:
            ConflictError: others wrote faster, MERGES times.
            CloudError: the call failed.
        """
        service = self.known() or await self.read()
        for attempt in range(MERGES):
            document, _problem = read_document(service.annotations)
            changed = change(document)
            if changed is None or changed == document:
                return None
            annotations = annotated(
                service,
                changed.release if changed.release != document.release else None,
                deployment=changed.deployment if changed.deployment != document.deployment else None,
                candidate=changed.candidate if changed.candidate != document.candidate else None,
            )
            try:
                pending = await self.cloud.run.write(service, annotations=annotations)
            except ConflictError:
                if attempt == MERGES - 1:
                    raise
                service = await self.read()
                continue
            self.note(pending.service)
            return pending.service or replace(service, annotations=annotations), changed
        raise AssertionError("unreachable")

    async def settle(self, operation: str) -> Service:
        """Wait until a change of traffic is carried out.

        Raises:
            CloudError: the cloud could not carry it out (the old split still serves), or has not within SETTLE_S.
        """
        try:
            if operation:
                service = await self.cloud.run.wait(operation, timeout_s=SETTLE_S)
                self.note(service)
                if not service.reconciling:
                    return service
        except UnavailableError:
            pass  # the change goes on without us: look at the service instead
        deadline = self.clock.monotonic() + SETTLE_S
        problem = ""
        while self.clock.monotonic() < deadline:
            try:
                service = await self.read()
            except UnavailableError as error:
                problem = error.what
            else:
                if not service.reconciling:
                    return service
            await self.clock.sleep(0.25)
        raise UnavailableError(
            _("The cloud accepted the change and has not reported it done after {seconds} s. {problem}").format(
                seconds=int(SETTLE_S), problem=problem
            ),
            traffic=_("The split may still be moving."),
            remedy=_("`canario status` shows it; `canario rollback` puts it back."),
        )


def differences(service: Service) -> tuple[str, ...]:
    """What a person should know where desired and effective split differ, or the cloud is not content."""
    notes = []
    if service.desired_shares() != service.effective_shares():
        notes.append(
            _("Told {desired}, serving {effective}.").format(
                desired=shares_text(service.desired_shares()), effective=shares_text(service.effective_shares())
            )
        )
    if not service.ready and service.condition:
        notes.append(_("The cloud says: {condition}").format(condition=service.condition))
    return tuple(notes)


def serving(service: Service) -> str:
    """A sentence that says what serves now."""
    return _("Serving now: {shares}.").format(shares=shares_text(service.effective_shares()))


__all__ = ["MERGES", "SETTLE_S", "ServiceAccess", "differences", "serving"]
