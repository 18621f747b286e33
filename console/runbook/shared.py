"""The candidate on the service: opened, learned about, recorded and driven, merged with what other consoles write.

Only the annotation changes: one UpdateService with that mask, read again and merged where another was faster. What
cannot be written now is kept and written with the next.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from console.release.state import LEASE, Candidate, Document, Driver, StepRecord, read_document

if TYPE_CHECKING:
    from console.actions.reading import ServiceAccess

RENEW_AFTER = LEASE / 3
"""Server time after which the seat's lease is renewed: two renewals may fail."""

LEARNED = ("image", "commit", "pull_request", "author", "author_login", "version", "migration")
"""Fields that steps find out about a release, and that every console should know."""


@dataclass
class Shared:
    """What we have to say about the candidate, until it is written."""

    access: ServiceAccess
    records: dict[str, StepRecord] = field(default_factory=dict)
    """Steps' records still to be written."""
    learned: dict[str, str] = field(default_factory=dict)
    """Fields still to be written."""
    forged: set[str] = field(default_factory=set)
    """Keys of records that somebody wrote in another's name; ours replace them, whatever time they claim."""
    closing: tuple[Literal["done", "stopped"], datetime] | None = None

    async def read(self) -> Candidate | None:
        """The candidate as the service has it now.

        Raises:
            CloudError: the service cannot be read.
        """
        service = await self.access.read()
        return read_document(service.annotations)[0].candidate

    def known(self) -> Candidate | None:
        """The candidate as it was seen last, without a call."""
        service = self.access.known()
        return read_document(service.annotations)[0].candidate if service is not None else None

    @property
    def waiting(self) -> bool:
        """Whether something is still to be written."""
        return bool(self.records or self.learned or self.closing)

    async def change(self, change: Callable[[Candidate | None], Candidate | None]) -> Candidate | None:
        """Change the candidate, merged with others' writes; as it is after that.

        Raises:
            ConflictError: others wrote faster, many times.
            CloudError: the call failed.
        """
        found: list[Candidate | None] = [None]

        def whole(document: Document) -> Document | None:
            found[0] = document.candidate
            changed = change(document.candidate)
            if changed is None or changed == document.candidate:
                return None
            found[0] = changed
            return document.model_copy(update={"candidate": changed})

        await self.access.annotate_document(whole)
        return found[0]

    async def flush(
        self, *, lease: Callable[[Candidate], Driver | None] | None = None, leave: str = ""
    ) -> Candidate | None:
        """Write what is waiting, and the lease with it.

        Args:
            lease: the new driver from the candidate; None: the seat stays as it is.
            leave: the session that gets up from the seat; empty: none.

        Raises:
            CloudError: it could not be written; it waits for the next time.
        """
        records, learned, closing = dict(self.records), dict(self.learned), self.closing

        def change(candidate: Candidate | None) -> Candidate | None:
            if candidate is None:
                return None
            changed = with_records(with_learned(candidate, learned), records, self.forged)
            driver = lease(candidate) if lease is not None else None
            if driver is not None:
                changed = changed.model_copy(update={"driver": driver})
            if leave and changed.driver is not None and changed.driver.session == leave:
                changed = changed.model_copy(update={"driver": None})
            if closing is not None and changed.open:
                changed = changed.model_copy(update={"closed": closing[0], "closed_at": closing[1], "driver": None})
            return changed

        written = await self.change(change)
        for step, record in records.items():
            if self.records.get(step) == record:
                del self.records[step]
        for name, value in learned.items():
            if self.learned.get(name) == value:
                del self.learned[name]
        if closing is not None and self.closing == closing:
            self.closing = None
        return written


def with_records(candidate: Candidate, records: Mapping[str, StepRecord], forged: Collection[str] = ()) -> Candidate:
    """`candidate` with steps' records put in: of each step the newest one stays, but for `forged` ones (by key)."""
    present: dict[str, StepRecord] = {}
    for record in candidate.steps:
        if record.step not in present or record.key not in forged:
            present[record.step] = record
    for step, record in records.items():
        before = present.get(step)
        if before is None or before.at <= record.at or before.result == "running" or before.key in forged:
            present[step] = record
    steps = tuple(present.values())
    return candidate if steps == candidate.steps else candidate.model_copy(update={"steps": steps})


def with_learned(candidate: Candidate, learned: Mapping[str, str]) -> Candidate:
    """`candidate` with what was found out about it."""
    fields = {name: value for name, value in learned.items() if name in LEARNED and value}
    same = all(getattr(candidate, name, None) == value for name, value in fields.items())
    return candidate if same else candidate.model_copy(update=fields)


def known_of(candidate: Candidate) -> dict[str, str]:
    """What the candidate knows of LEARNED."""
    extra = candidate.model_extra or {}
    values = {name: getattr(candidate, name, None) or extra.get(name, "") for name in LEARNED}
    return {name: str(value) for name, value in values.items() if value}


def seated(email: str, session: str, now: datetime) -> Driver:
    """The seat held from `now` for one lease."""
    return Driver(email=email, session=session, expires=now + LEASE)
