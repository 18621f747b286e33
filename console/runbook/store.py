"""Evidence and the journal: each run of a step is an intent before it and an outcome, its evidence, after it.

Rows are of the kind `runbook`; `what` in an intent's payload tells a step's run from the opening of a candidate and the
taking of the driver's seat. Whole outputs lie in files beside the journal, readable by their owner alone. What another
console did is known by its `StepRecord`s in the annotation, in less detail.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from console.actions.door import Door
from console.journal import Entry, Journal
from console.journal.scrub import scrub_text
from console.release.audited import ApprovalState, StepCheck
from console.release.state import FIGURES, StepRecord
from console.runbook.evidence import EXCERPT_LINES, Evidence, ItemResult, Result
from console.runbook.shared_cases import Texts, cases_of, items_from, worded
from console.text import clean

if TYPE_CHECKING:
    from console.release.state import Candidate

KIND = "runbook"
"""Kind of the journal rows that belong to a runbook."""

ROWS = 20_000
"""Newest rows that are looked through for a candidate's."""

INTERRUPTED = "interrupted"
"""Result of a run that was cut off and left nothing done: the step is open again."""

REFUSED = "refused"
"""Result of a run that could not be tried."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A run that was begun and has no outcome."""

    number: int
    """Its intent's row."""
    step: str
    key: str
    at: datetime
    by: str
    process: str
    """`HOST:PID` of who began it."""
    session: str


@dataclass
class Past:
    """What the journal knows of a candidate."""

    evidence: dict[str, list[Evidence]] = field(default_factory=dict)
    """By step, oldest first."""
    begun: list[Begun] = field(default_factory=list)
    """Runs without an outcome, oldest first."""
    processes: dict[str, str] = field(default_factory=dict)
    """The process of each session that wrote a row: `HOST:PID`."""
    begun_at: dict[str, datetime] = field(default_factory=dict)
    """Server time of each run's intent, by its key."""
    drivers: list[str] = field(default_factory=list)
    """E-mails of who took the seat here, oldest first."""


class Store:
    """Evidence in, evidence out. One candidate's runs at a time; the journal is the machine's, for all of them.

    Args:
        door: writes rows, with copies to Cloud Logging.
        journal: where they are.
    """

    def __init__(self, door: Door, journal: Journal) -> None:
        self._door, self._journal = door, journal

    def folder(self, candidate: str) -> Path:
        """Where whole outputs of a candidate's steps go; made by whoever writes the first, mode 0700."""
        return self._journal.path.parent / "evidence" / (re.sub(r"[^\w.-]", "_", candidate) or "none")

    async def begin(self, candidate: str, runbook: str, step: str, key: str, subject: str, by: str) -> int:
        """Write down that a step is about to be run; the row's number.

        Raises:
            JournalError: it cannot be written.
        """
        payload = {"what": "step", "candidate": candidate, "runbook": runbook, "step": step, "key": key}
        return await self._door.intent(KIND, {**payload, "subject": subject, "signer": by})

    async def end(self, number: int, evidence: Evidence) -> str:
        """Write down how it ended; what went wrong with writing, or empty."""
        return await self._door.outcome(number, evidence.result.value, {"evidence": dumped(evidence)})

    async def end_without(self, number: int, result: str, sentence: str) -> str:
        """Write down that it ended with no evidence: INTERRUPTED, REFUSED."""
        return await self._door.outcome(number, result, {"sentence": sentence})

    async def note(self, what: str, candidate: str, runbook: str, **more: str) -> str:
        """Write down something that is no step: `open`, `seat`, `close`; what went wrong, or empty.

        Raises:
            JournalError: it cannot be written.
        """
        number = await self._door.intent(KIND, {"what": what, "candidate": candidate, "runbook": runbook, **more})
        return await self._door.outcome(number, "done", {})

    async def past(self, candidate: str) -> Past:
        """What the journal knows of a candidate.

        Raises:
            JournalError: the journal cannot be read.
        """
        rows = await asyncio.to_thread(self._journal.entries, ROWS, kind=KIND)
        return past_of(rows, candidate)

    async def last_candidate(self, runbook: str) -> str:
        """Id of the last candidate of a runbook that is in the journal and not closed; empty where there is none.

        Raises:
            JournalError: the journal cannot be read.
        """
        for row in await asyncio.to_thread(self._journal.entries, ROWS, kind=KIND):
            if row.phase == "intent" and row.payload.get("runbook") == runbook:
                return "" if row.payload.get("what") == "close" else str(row.payload.get("candidate", ""))
        return ""

    async def walks(self, runbook: str) -> None:
        """Write down that this session walks a runbook on its own, and will say how that ended (`told`).

        Raises:
            JournalError: it cannot be written.
        """
        await self.note("walk", "", "", walked=runbook)

    async def told(self, runbook: str) -> None:
        """Write down that it has been said how the last walk ended.

        Raises:
            JournalError: it cannot be written.
        """
        await self.note("told", "", "", walked=runbook)

    async def untold(self, runbook: str) -> str:
        """Id of a candidate whose walk was cut off after it was done, before it could say so; empty where none was.

        Raises:
            JournalError: the journal cannot be read.
        """
        return untold_of(await asyncio.to_thread(self._journal.entries, ROWS, kind=KIND), runbook)


def untold_of(rows: Iterable[Entry], runbook: str) -> str:
    """See `Store.untold`. Pure; rows in any order."""
    closed: tuple[str, str] | None = None
    for row in sorted((row for row in rows if row.phase == "intent"), key=lambda row: row.id, reverse=True):
        what = row.payload.get("what")
        if what == "told" and row.payload.get("walked") == runbook:
            return ""
        if closed is None and row.payload.get("runbook") == runbook:
            if what != "close" or row.payload.get("how") != "done":
                return ""
            closed = row.session, str(row.payload.get("candidate", ""))
        elif (
            closed is not None and what == "walk" and row.payload.get("walked") == runbook and row.session == closed[0]
        ):
            return closed[1]
    return ""


def past_of(rows: Iterable[Entry], candidate: str) -> Past:
    """What `rows` of the kind `runbook` say of a candidate. Pure; rows in any order."""
    past = Past()
    ordered = sorted(rows, key=lambda row: row.id)
    intents = {row.id: row for row in ordered if row.phase == "intent"}
    for row in intents.values():
        if process := str(row.payload.get("process", "")):
            past.processes[row.session] = process
        if row.payload.get("candidate") == candidate and row.payload.get("what") in ("open", "seat"):
            past.drivers.append(str(row.payload.get("by", "")))
    open_runs = {number: row for number, row in intents.items() if _of_step(row, candidate)}
    past.begun_at = {str(row.payload.get("key", "")): row.server_time or row.at for row in open_runs.values()}
    for row in ordered:
        intent = open_runs.pop(row.intent, None) if row.phase == "outcome" and row.intent is not None else None
        written = row.payload.get("evidence")
        if intent is None or not isinstance(written, dict):
            continue
        evidence = loaded(written)
        if evidence is not None:
            past.evidence.setdefault(evidence.step, []).append(evidence)
    past.begun = [
        Begun(
            row.id,
            str(row.payload.get("step", "")),
            str(row.payload.get("key", "")),
            row.server_time or row.at,
            str(row.payload.get("signer", "") or row.payload.get("by", "")),
            str(row.payload.get("process", "")),
            row.session,
        )
        for row in open_runs.values()
    ]
    return past


def _of_step(row: Entry, candidate: str) -> bool:
    return row.payload.get("candidate") == candidate and row.payload.get("what") == "step"


def dumped(evidence: Evidence) -> dict[str, object]:
    """Evidence as plain values, empty ones left out."""
    whole: dict[str, object] = {
        "step": evidence.step,
        "result": evidence.result.value,
        "by": evidence.by,
        "at": evidence.at.astimezone(UTC).isoformat(timespec="milliseconds"),
        "sentence": evidence.sentence,
        "machine": evidence.machine,
        "subject": evidence.subject,
        "figures": [[name, value] for name, value in evidence.figures],
        "problems": list(evidence.problems),
        "remedy": evidence.remedy,
        "excerpt": list(evidence.excerpt[-EXCERPT_LINES:]),
        "items": [
            {
                "id": item.id,
                "title": item.title,
                "result": item.result,
                "note": item.note,
                "critical": item.critical,
                "by": item.by,
            }
            for item in evidence.items
        ],
        "reason": evidence.reason,
        "learned": dict(evidence.learned),
        "key": evidence.key,
        "output": evidence.output,
    }
    return {name: value for name, value in whole.items() if value not in ("", [], {})}


def loaded(written: Mapping[str, object]) -> Evidence | None:
    """Evidence from plain values; None where they are none: a row that a newer canario wrote stops nothing."""

    def text(name: str, of: Mapping[str, object] = written) -> str:
        return clean(str(of.get(name, "") or ""))

    def texts(name: str) -> tuple[str, ...]:
        value = written.get(name)
        return tuple(clean(str(line)) for line in value) if isinstance(value, list) else ()

    try:
        result, at = Result(text("result")), datetime.fromisoformat(text("at"))
    except ValueError:
        return None
    figures, items, learned = written.get("figures"), written.get("items"), written.get("learned")
    return Evidence(
        step=text("step"),
        result=result,
        by=text("by"),
        at=at if at.tzinfo is not None else at.replace(tzinfo=UTC),
        sentence=text("sentence"),
        machine=bool(written.get("machine", True)),
        subject=text("subject"),
        figures=_pairs(figures),
        problems=texts("problems"),
        remedy=text("remedy"),
        excerpt=texts("excerpt"),
        items=tuple(
            ItemResult(
                text("id", item),
                text("title", item),
                text("result", item),
                text("note", item),
                bool(item.get("critical")),
                text("by", item),
            )
            for item in (items if isinstance(items, list) else [])
            if isinstance(item, dict)
        ),
        reason=text("reason"),
        learned={str(k): clean(str(v)) for k, v in learned.items()} if isinstance(learned, dict) else {},
        key=text("key"),
        output=text("output"),
    )


def _pairs(value: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, list):
        return ()
    return tuple(
        (clean(str(pair[0])), clean(str(pair[1]))) for pair in value if isinstance(pair, list) and len(pair) == 2
    )


def record_of(
    evidence: Evidence, image_id: str, *, own: str = "", played: bool = False, template: str = ""
) -> StepRecord:
    """What is shared of evidence with other consoles.

    Args:
        evidence: ours.
        image_id: identity of the image that is released, or empty.
        own: identity that this console writes under, which the audit log will name; empty: the evidence's.
        played: whether this is a simulator, where one console may speak for several people.
        template: fingerprint of what the revision in hand ran with, or empty.
    """
    others = bool(own) and own.casefold() != evidence.by.casefold()
    return StepRecord(
        step=evidence.step,
        result=evidence.result.value,
        by=own if others and not played else evidence.by,
        at=evidence.at,
        digest=image_id,
        subject=evidence.subject,
        sentence=evidence.sentence,
        reason=evidence.reason,
        key=evidence.key,
        told_by=own if others and played else "",
        template=template,
        cases=cases_of(evidence.items) or None,
        machine=evidence.machine,
        figures=_key_figures(evidence.figures) or None,
    )


def _key_figures(figures: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The first few, without the limits behind them: what a later message tells. The annotation is small."""
    return tuple((name, scrub_text(value.partition(" (")[0])) for name, value in figures if name and value)[:FIGURES]


def from_record(record: StepRecord, machine: bool = True) -> Evidence | None:
    """Another console's record as evidence; None of a step that only runs there.

    Args:
        record: as it stands in the annotation.
        machine: whether a machine checks its step, where the record is of a canario that did not say.
    """
    if record.result == "running":
        return None
    return Evidence(
        step=record.step,
        result=Result(record.result),
        by=record.by,
        at=record.at,
        sentence=record.sentence,
        subject=record.subject,
        reason=record.reason,
        key=record.key,
        items=items_from(record.cases or ()),
        machine=machine if record.machine is None else record.machine,
        figures=record.figures or (),
    )


def merged(
    own: Mapping[str, Sequence[Evidence]],
    candidate: Candidate | None,
    checks: Iterable[StepCheck] | None = None,
    texts: Mapping[str, Texts] | None = None,
    machine: Mapping[str, bool] | None = None,
) -> tuple[dict[str, tuple[Evidence, ...]], frozenset[str]]:
    """Our evidence with that of other consoles beside it, and the keys of theirs.

    Args:
        own: ours, by step.
        candidate: with what others told.
        checks: their records held against the audit log; of others what lets a release go on is taken once it vouches
            for that, the rest unless it was forged. None: all is.
        texts: of the steps' lists as our checkout has them, by step.
        machine: whether a machine checks a step, by its id, for records that do not say.
    """
    known = tuple(checks or ())
    whole = {step: tuple(known) for step, known in own.items()}
    ours = {evidence.key for known in own.values() for evidence in known}
    theirs: set[str] = set()
    for record in candidate.steps if candidate is not None else ():
        evidence = from_record(record, (machine or {}).get(record.step, True))
        if evidence is None or evidence.key in ours:
            continue
        found = next((check.state for check in known if check.record is record or check.record == record), None)
        state = found or ApprovalState.VERIFYING
        goes_on = evidence.result in (Result.PASSED, Result.SKIPPED)
        if checks is not None and state is not ApprovalState.VERIFIED and (goes_on or state is ApprovalState.FORGED):
            continue
        evidence = worded(evidence, (texts or {}).get(record.step, {}))
        whole[record.step] = (*whole.get(record.step, ()), evidence)
        theirs.add(evidence.key)
    return whole, frozenset(theirs)
