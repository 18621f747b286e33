"""`revisions`: an earlier revision is chosen, and all traffic is given back to it. Runbook: `Rollback Manual`.

`choose` lists earlier revisions with when each served and for how long; marking one `pass` chooses it, the first is the
most sensible. `move` is the rollback itself: past every guardrail, and no journal holds it up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Literal

from console.chronicle import LOOK_BACK, documents_of, tell, versions_of
from console.errors import CanarioError, UsageError
from console.release.guardrails import shares_text
from console.release.state import read_document
from console.runbook.earlier import Listed, Span, doubtful, earlier_revisions, spans_of
from console.runbook.evidence import Evidence, ItemResult, Progress, Result
from console.runbook.kinds.base import Ask, KindSettings, StepContext, StepKind
from console.runbook.marks import StepId
from console.text import clean
from console.words import _

if TYPE_CHECKING:
    from console.cloud.client import Cloud
    from console.migrations.values import LedgerRow
    from console.runbook.model import Step
    from console.settings import Environment

SHOWN = 20
"""Revisions that are listed at most."""
HOUR = timedelta(hours=1)
MONITORING_S = 10.0
"""Wall seconds that Monitoring may take; a rollback does not wait for history."""
HISTORY_S = 10.0
"""Wall seconds after which no more of the audit log is asked for: its newest part tells the newest revisions."""
LEDGER_S = 5.0
"""Wall seconds that the database may take."""
READ = 100
"""Newest revisions that are read."""


class RevisionsSettings(KindSettings):
    """Settings of `revisions`."""

    do: Literal["choose", "move"] = "choose"
    """Choose an earlier revision, or give it the traffic."""
    chosen_by: StepId = "choose_revision"
    """`move`: id of the step that chose it."""


class Revisions(StepKind):
    """Going back by hand."""

    name: ClassVar[str] = "revisions"
    settings_model: ClassVar[type[KindSettings]] = RevisionsSettings

    def __init__(self, step: Step, settings: KindSettings) -> None:
        super().__init__(step, settings)
        self.ask = Ask.ITEMS if self._settings.do == "choose" else Ask.NOTHING
        self.once = self._settings.do == "move"

    rescue: ClassVar[bool] = True

    async def run(self, context: StepContext) -> Evidence:
        """List and choose, or move.

        Raises:
            CanarioError: nothing can be gone back to, or the cloud refuses.
        """
        return await (self._choose(context) if self._settings.do == "choose" else self._move(context))

    async def settle(self, context: StepContext, begun: datetime) -> Evidence | None:
        """The service tells whether the traffic was moved; a choice that was cut off is made again."""
        if self._settings.do == "choose":
            return None
        to, reason = self._chosen(context)
        cloud, environment = await context.tools.cloud()
        service = await cloud.run.get_service(environment.service)
        if service.desired_shares() != {to: 100}:
            return None
        return self._moved(context, to, reason, "", shares_text(service.effective_shares()))

    def explain(self) -> tuple[str, ...]:
        """What it does."""
        if self._settings.do == "move":
            return (_("All traffic to the chosen revision, at once, past every guardrail; Slack is told."),)
        return (
            _("Lists earlier revisions with when each served; the first is the most sensible."),
            _("One of them is chosen, with the reason of the rollback; nothing is moved yet."),
        )

    async def _choose(self, context: StepContext) -> Evidence:
        listed = await _listed(context)
        now = context.now()
        by_name = {one.name: one for one in listed.revisions}
        if not by_name:
            return context.evidence(
                Result.FAILED,
                _("There is no earlier revision that could serve."),
                problems=(listed.problem,) if listed.problem else (),
                remedy=_("Deploy the older image again: canario deploy IMAGE."),
            )
        before = {item.id: item for item in context.before.items} if context.before is not None else {}
        answer, note = context.answer, clean(context.answer.note.strip(), 500)
        if answer.item and answer.item not in by_name:
            raise UsageError(
                _("{revision} is no revision to go back to.").format(revision=clean(answer.item, 80)),
                remedy=_("There are: {known}.").format(known=", ".join(by_name)),
            )
        items = []
        for one in listed.revisions[:SHOWN]:
            said = before.get(one.name)
            result, why, by = (said.result, said.note, said.by) if said is not None else ("", "", "")
            if one.name == answer.item:
                result, why, by = answer.word, note, context.identity
            elif answer.word == "pass" and result == "pass":
                result = ""  # another one was chosen now
            items.append(ItemResult(one.name, one.sentence(now), result, why, critical=bool(one.doubts), by=by))
        problems = (listed.problem,) if listed.problem else ()
        chosen = next((item for item in items if item.result == "pass"), None)
        if chosen is None:
            return context.evidence(
                Result.PARTIAL,
                _("{count} earlier revisions; choose one").format(count=len(items)),
                items=tuple(items),
                problems=problems,
                remedy=_("Choose one."),
            )
        doubts = by_name[chosen.id].doubts
        evidence = context.evidence(
            Result.PASSED,
            _("back to {revision}: {what}").format(revision=chosen.id, what=chosen.title),
            items=tuple(items),
            figures=((_("revision"), chosen.id), (_("reason"), chosen.note or _("not given"))),
            problems=(*doubts, *problems),
            learned={"back_to": chosen.id},
        )
        return replace(evidence, reason=chosen.note)

    async def _move(self, context: StepContext) -> Evidence:
        to, reason = self._chosen(context)
        reason = context.answer.note.strip() or reason
        context.report(Progress(_("giving all traffic back to {revision}").format(revision=to)))
        outcome = await context.tools.actions.rollback(to=to, reason=reason)
        took = f"{outcome.took.total_seconds():.1f} s"
        evidence = self._moved(context, to, reason, took, shares_text(dict(outcome.after)))
        return replace(evidence, problems=outcome.notes)

    def _moved(self, context: StepContext, to: str, reason: str, took: str, shares: str) -> Evidence:
        sentence = _("all traffic to {revision}").format(revision=to)
        figures = [(_("revision"), to), (_("traffic"), shares), (_("reason"), reason or _("not given"))]
        if took:
            sentence = _("{what} in {took}").format(what=sentence, took=took)
            figures.append((_("took"), took))
        evidence = context.evidence(Result.PASSED, sentence, figures=tuple(figures), learned={"back_to": to})
        return replace(evidence, reason=reason)

    def _chosen(self, context: StepContext) -> tuple[str, str]:
        """The revision that was chosen, and why.

        Raises:
            UsageError: none was.
        """
        chosen = context.others.get(self._settings.chosen_by)
        to = chosen.learned.get("back_to", "") if chosen is not None else ""
        if chosen is None or not to:
            raise UsageError(_("No revision is chosen yet."), remedy=_("Choose one first."))
        return to, chosen.reason

    @property
    def _settings(self) -> RevisionsSettings:
        assert isinstance(self.settings, RevisionsSettings)
        return self.settings


async def _listed(context: StepContext) -> Listed:
    """Earlier revisions, with what is written of them; where the history cannot be read, the list alone."""
    cloud, environment = await context.tools.cloud()
    service, revisions = await asyncio.gather(
        cloud.run.get_service(environment.service), cloud.run.list_revisions(environment.service, limit=READ)
    )
    now, problem = context.now(), ""
    document, _wrong = read_document(service.annotations)
    versions = []
    try:
        found = await cloud.logs.writes(environment.service, since=now - LOOK_BACK, within_s=HISTORY_S)
        versions = versions_of(await asyncio.to_thread(documents_of, found.entries))
        problem = found.problem
    except CanarioError as error:
        problem = error.what
    if problem:
        problem = _("When they served is not known whole: {problem}").format(problem=problem)
    stories = tell(versions, document.release, (), document.candidate)
    counted, (rows, unread) = await asyncio.gather(
        _counted(cloud, environment.service, now), _ledger(context, environment)
    )
    known = {row.file for row in rows or ()}

    def doubt(migration: str) -> str:
        told = migration in known or (not migration and rows is not None)  # the ledger knows better than a word
        return "" if told else doubtful(migration)

    def schema(made: datetime | None) -> tuple[str, ...]:
        return schema_doubts(made, rows) if rows is not None else ()

    listed = earlier_revisions(service, revisions, stories, now, doubt, counted, schema)
    return Listed(listed, "; ".join(filter(None, (problem, unread))), now)


async def _ledger(context: StepContext, environment: Environment) -> tuple[tuple[LedgerRow, ...] | None, str]:
    """What was applied to the environment's database, and why that is not known; nothing where it has none.

    A rollback waits for no database: LEDGER_S at most.
    """
    if environment.database is None:
        return None, ""
    from console.migrations import ledger
    from console.migrations.database import make_database
    from console.migrations.places import addresses_of
    from console.migrations.threads import in_thread

    def look() -> tuple[LedgerRow, ...]:
        database = make_database(addresses_of(environment)[0], who=context.identity)
        database.connect()
        try:
            return tuple(ledger.rows(database).values())
        finally:
            database.close()

    try:
        return await in_thread(look, timeout_s=LEDGER_S), ""
    except TimeoutError:
        problem = _("the database does not answer")
    except CanarioError as error:
        problem = error.what
    return None, _("What the migrations since mean is not known: {problem}").format(problem=problem)


def schema_doubts(made: datetime | None, rows: Iterable[LedgerRow]) -> tuple[str, ...]:
    """Why a revision made at `made` may not run on the schema as it is now; empty where it runs. Pure."""
    from console.migrations.memory import runs_on

    told = runs_on(made, rows)
    return () if told.runs else (told.sentence, *told.warnings)


async def _counted(cloud: Cloud, service: str, now: datetime) -> dict[str, tuple[Span, ...]]:
    """When each revision had requests, by the hour, as Monitoring tells; nothing where it does not."""
    from console.cloud.metrics import Metric

    try:
        async with asyncio.timeout(MONITORING_S):
            found = await cloud.metrics.series(
                Metric.REQUEST_COUNT, service, start=now - LOOK_BACK, end=now, period=HOUR
            )
    except (CanarioError, TimeoutError):
        return {}
    return {name: spans_of(points, HOUR, now) for name, points in found.items()}


__all__ = ["Revisions", "RevisionsSettings"]
