"""`canario runbook run --headless`: the whole runbook walked without a terminal, each step printed with its evidence.

The same walk as the console's; this module only presses the keys. Persons' words are given in the names that were
typed (`--yes-as`); on a simulator it signs approvals from sessions under those identities, against Google only our own
identity can sign. Killed and started again it goes on where the journal and the world say it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from console.commands.output import warn
from console.commands.runbook import loaded
from console.commands.runbook_before import Before, case_to_answer
from console.commands.runbook_told import Told, standing
from console.commands.runbook_typed import Person, again, options, people, skips
from console.commands.running import Place
from console.errors import BlockedError, CanarioError, ExitCode, JournalError, QuotaError, UnavailableError, UsageError
from console.runbook.evidence import Evidence, Result
from console.runbook.kinds.base import Answer, Ask
from console.runbook.progress import Checklist, State, StepView, closed_word, role_name, state_word
from console.runbook.walk import Walk
from console.runbook.weighing import families
from console.words import _

if TYPE_CHECKING:
    from console.session import Session

OPEN_S = 30.0
"""Wall seconds that the first picture may take."""

AGAIN_S = 60.0
"""Wall seconds for which a step that cannot be tried just now (a guardrail a moment behind) is tried again."""

PAUSE_S = 0.5
"""Wall seconds between two tries."""

WRITING_S = 5.0
"""Wall seconds that are waited for evidence of what was seen."""

WAIT_S = 1800.0
"""Wall seconds without any change after which it gives up waiting."""


class _EndedError(Exception):
    """The walk is over."""

    def __init__(self, code: ExitCode, sentence: str) -> None:
        super().__init__(sentence)
        self.code, self.sentence = code, sentence


async def run(
    place: Place,
    file: Path | None,
    *,
    yes_as: Sequence[str] = (),
    version: str = "",
    until: str = "",
    note: str = "",
    skip: Sequence[str] = (),
    option: Sequence[str] = (),
    yes_again: Sequence[str] = (),
    rollback: bool = False,
    as_json: bool = False,
    checkout: Path | None = None,
    variables: Mapping[str, str] | None = None,
) -> int:
    """Walk the runbook to its end, or to a step."""
    from console.session import Session

    book = loaded(place.settings, file, rollback=rollback, environment=place.environment.name)
    persons, reasons, over_no = people(yes_as), skips(skip), again(yes_again)
    for step in (*reasons, *over_no, *((until,) if until else ())):
        if book.runbook.step(step) is None:
            raise UsageError(
                _("The runbook has no step {step!r}.").format(step=step[:60]),
                remedy=_("Its steps: {steps}.").format(steps=", ".join(s.id for s in book.runbook.steps())),
            )
    options(book.runbook, option)
    session = await Session.open(
        place.settings,
        place.environment,
        endpoint=place.endpoint,
        as_email=place.email,
        watch=True,
        drive=True,
        walk=False,
    )
    try:
        await _first_picture(session)
        walk = await Walk.open(
            session, place.settings, book, shared=not rollback, checkout=checkout, variables=variables
        )
        try:
            if version:
                await walk.name_version(version)
            walker = Headless(
                walk,
                place,
                persons,
                reasons,
                options=options(book.runbook, option),
                yes_again=over_no,
                until=until,
                note=note,
                as_json=as_json,
            )
            return await walker.run()
        finally:
            await walk.close()
    finally:
        await session.close()


async def _first_picture(session: Session) -> None:
    async with asyncio.timeout(OPEN_S):
        while session.watcher.latest.service is None or session.cloud.server_clock.now() is None:
            await session.clock.sleep(0.05)


class Headless:
    """One walk without a terminal.

    Args:
        walk: an open one.
        place: where; signers' sessions are opened there too.
        persons: in whose names words are given.
        reasons: why steps are skipped, by step.
        options: ids of the steps that are walked of those that do the same; of others the first.
        yes_again: why a word is given though a person said no before, by step.
        until: id of the last step that is walked; empty: the whole runbook.
        note: that goes with each word.
        as_json: print one JSON object for each step.
    """

    def __init__(
        self,
        walk: Walk,
        place: Place,
        persons: tuple[Person, ...],
        reasons: Mapping[str, str],
        *,
        options: frozenset[str] = frozenset(),
        yes_again: Mapping[str, str] | None = None,
        until: str = "",
        note: str = "",
        as_json: bool = False,
    ) -> None:
        self._walk, self._place, self._persons, self._reasons = walk, place, persons, reasons
        self._until, self._note, self._told = until, note, Told(walk, as_json=as_json)
        self._options, self._kin = options, families(walk.runbook)
        self._before = Before(walk.latest, yes_again or {}, frozenset(reasons))
        self._said: dict[str, tuple[str, str]] = {}
        self._waited = self._clock()
        self._waiting = ""
        self._beside: set[str] = set()
        self._writing: float | None = None

    async def run(self) -> int:
        """Walk to the end; its exit code. A walk that was cut off after its end is not begun anew: its end is said."""
        if other := self._walk.another_runbook:
            ended = _EndedError(
                ExitCode.CONFLICT,
                _(
                    "{candidate} was opened with another runbook ({other}) than this one ({own}): nothing was run, and "
                    "it stays open. Walk it with the file that it was opened with (--runbook FILE)."
                ).format(
                    candidate=self._walk.candidate_id,
                    other=other,
                    own=f"{self._walk.runbook.id}, {self._walk.runbook.digest()}",
                ),
            )
            self._told.end(ended.code, ended.sentence)
            return ended.code
        if finished := await self._untold():
            over = _(
                "The whole runbook is done: the walk of {candidate} was cut off before it could say so. "
                "Run it again to begin another release."
            ).format(candidate=finished)
            await self._ending(_EndedError(ExitCode.DONE, over))
            return ExitCode.DONE
        self._told.begin()
        try:
            while True:
                await self._once()
        except _EndedError as ended:
            await self._ending(ended)
            return ended.code

    async def _untold(self) -> str:
        """Id of the candidate that the walk before this had finished when it was cut off; empty where there is none."""
        store, book = self._walk.store, self._walk.runbook.id
        try:
            ended = "" if self._walk.candidate_id else await store.untold(book)
            if not ended:
                await store.walks(book)
        except JournalError as error:
            warn(str(error))  # a rollback goes on without a journal, and any other step refuses by itself
            return ""
        return ended

    async def _once(self) -> None:
        checklist = self._walk.checklist()
        self._say_news(checklist)
        await self._check_over(checklist)
        if self._being_written(checklist):
            await self._walk.changed()
            return
        for view in checklist.steps:
            if await self._do(view):
                self._waited = self._clock()
                return
        self._wait_for(checklist)
        await self._walk.changed()

    def _being_written(self, checklist: Checklist) -> bool:
        """Whether a step was just seen to pass and its evidence is not written down yet; waited for a little."""
        seen = [v for v in checklist.steps if v.state is State.PASSED and not _kept(v)]
        if not seen:
            self._writing = None
            return False
        self._writing = self._writing if self._writing is not None else self._clock()
        return self._clock() - self._writing < WRITING_S

    async def _do(self, view: StepView) -> bool:
        """Do something about a step, where anything can be done; whether it was."""
        step = view.step
        if view.done or view.state in (State.NOT_YET, State.RUNNING, State.VERIFYING):
            return False
        if step.id in self._beside:
            if why := self._walk.refused.get(step.id):
                raise _EndedError(ExitCode.BLOCKED, f"{step.id}: {why}")
            return False
        if step.id not in self._reasons and not self._is_way(step.id):
            return False
        if view.state is State.UNKNOWN and view.traits.looks:
            await self._tried(view, Answer())
            return True
        if view.state is State.UNKNOWN:
            raise _EndedError(
                ExitCode.INCONCLUSIVE,
                _("{step} was cut off, and nobody can tell whether it was done: {why}").format(
                    step=step.id, why=view.reason
                ),
            )
        if step.id in self._reasons and view.state is not State.SKIPPED:
            await self._walk.skip(step.id, self._reasons[step.id], by=self._named(step.skip.by if step.skip else ()))
            return True
        if view.unmet:
            return False
        note = self._before.why(view) or self._note
        match view.traits.ask:
            case Ask.SIGN:
                await self._sign(view)
            case Ask.WORD:
                await self._tried(view, Answer(word="yes", note=note), by=self._someone(view))
            case Ask.ITEMS:
                await self._items(view)
            case _ if view.traits.background:
                self._told.begun(view)
                self._beside.add(step.id)
                self._walk.start(step.id)
            case _:
                await self._tried(view, Answer(note=self._note))
        return True

    def _is_way(self, step: str) -> bool:
        """Whether the step is the one that is walked of those that do the same."""
        kin = [each.id for each in self._kin[step]]
        return step == next((each for each in kin if each in self._options), kin[0])

    async def _tried(self, view: StepView, answer: Answer, *, by: str = "") -> Evidence:
        """Run a step; where it cannot be tried just now, again for a while."""
        self._told.begun(view)
        give_up = self._clock() + AGAIN_S
        while True:
            try:
                return await self._walk.run(view.step.id, answer, by=by)
            except (BlockedError, UnavailableError, QuotaError) as error:
                await self._check_over(self._walk.checklist())
                if self._clock() > give_up or (isinstance(error, BlockedError) and not view.traits.once):
                    raise _EndedError(ExitCode(error.exit_code), f"{view.step.id}: {error}") from error
            except CanarioError as error:
                raise _EndedError(ExitCode(error.exit_code), f"{view.step.id}: {error}") from error
            await self._walk.session.clock.sleep(PAUSE_S)

    async def _items(self, view: StepView) -> None:
        """A list, item by item: what a machine can check it has checked, the rest is said in a person's name."""
        who, over_no = self._someone(view), self._before.why(view)
        evidence = await self._tried(view, Answer(), by=who)
        while True:
            item = case_to_answer(evidence, over_no=bool(over_no))
            if item is None and evidence.result is Result.PARTIAL:
                raise _EndedError(ExitCode.INCONCLUSIVE, f"{view.step.id}: {evidence.sentence}")
            if item is None:
                return
            answer = Answer(word="pass", item=item.id, note=over_no or self._note)
            evidence = await self._walk.run(view.step.id, answer, by=who)

    async def _sign(self, view: StepView) -> None:
        """Give an approval from a session of the person whose it is."""
        who, own = self._someone(view), self._walk.session.identity
        self._told.begun(view)
        try:
            if who == own:
                await self._walk.run(view.step.id, Answer(word="yes", role=view.step.signers[0]))
                return
            if not self._walk.tools.loopback:
                raise _EndedError(
                    ExitCode.BLOCKED,
                    _("{step} waits for {who}, who signs on their own console (`canario approve`).").format(
                        step=view.step.id, who=who
                    ),
                )
            async with self._console_of(who) as other:
                await other.run(view.step.id, Answer(word="yes", role=view.step.signers[0]))
            await self._walk.refresh()
        except CanarioError as error:
            raise _EndedError(ExitCode(error.exit_code), f"{view.step.id}: {error}") from error

    @asynccontextmanager
    async def _console_of(self, email: str) -> AsyncIterator[Walk]:
        from console.session import Session

        place = self._place
        session = await Session.open(
            place.settings, place.environment, endpoint=place.endpoint, as_email=email, watch=False, drive=False
        )
        try:
            await session.watcher.refresh()
            walk = await Walk.open(session, place.settings, self._walk.loaded, drive=False, look=False)
            try:
                yield walk
            finally:
                await walk.close()
        finally:
            await session.close()

    def _someone(self, view: StepView) -> str:
        """In whose name a step is signed."""
        roles = frozenset(view.step.signers)
        taken = {
            seen.by
            for seen in self._walk.latest.approvals
            if seen.state in ("verified", "verifying") and seen.role not in roles
        }
        for person in self._persons:
            held = person.roles if person.roles is not None else self._place.settings.roles_of(person.email)
            if person.email in taken and view.traits.ask is Ask.SIGN:
                continue
            if roles & held or roles & {"anyone", "driver"}:
                return person.email
        raise _EndedError(
            ExitCode.BLOCKED,
            _("{step} waits for {who}: nobody's word was given for it (--yes-as EMAIL:ROLE).").format(
                step=view.step.id, who=", ".join(role_name(role) for role in view.step.signers)
            ),
        )

    def _named(self, roles: Sequence[str]) -> str:
        """Whose name a skip carries: our own where we may, else that of a person who may."""
        if set(roles) & {"anyone", "driver"}:
            return ""
        return next((p.email for p in self._persons if p.roles is not None and p.roles & set(roles)), "")

    # Ends

    async def _check_over(self, checklist: Checklist) -> None:
        if checklist.done and not self._walk.drives:
            raise _EndedError(
                ExitCode.CONFLICT,
                _("Every step is done, and {who} drives this release: their console closes it.").format(
                    who=checklist.me.driver or _("somebody")
                ),
            )
        if checklist.done:
            raise _EndedError(ExitCode.DONE, _("The whole runbook is done."))
        until = checklist.view(self._until) if self._until else None
        if until is not None and until.done:
            raise _EndedError(ExitCode.DONE, _("Walked until {step}.").format(step=self._until))
        if checklist.closed:
            raise _EndedError(
                ExitCode.FAILED,
                _("The release candidate was closed ({how}).").format(how=closed_word(checklist.closed)),
            )
        failed = [view for view in checklist.failed if self._before.ends(view, checklist)]
        if failed:
            view = failed[0]
            told = _("{step} failed: {why}").format(step=view.step.id, why=view.reason)
            raise _EndedError(ExitCode.FAILED, standing(told, view))
        if (held := next((v for v in checklist.steps if self._before.held(v, checklist)), None)) is not None:
            assert held.evidence is not None
            self._told.step(held)
            told = f"{held.step.id}: {held.evidence.sentence}"
            raise _EndedError(ExitCode.BLOCKED, standing(told, held))
        if not self._walk.drives:
            raise _EndedError(
                ExitCode.CONFLICT, _("{who} drives this release now.").format(who=checklist.me.driver or _("somebody"))
            )

    def _wait_for(self, checklist: Checklist) -> None:
        waiting = [view for view in checklist.steps if view.state in (State.RUNNING, State.VERIFYING, State.WAITING)]
        told = "; ".join(f"{view.step.id} {state_word(view.state)}" for view in waiting)
        if told != self._waiting:
            self._waiting, self._waited = told, self._clock()
        if self._clock() - self._waited > WAIT_S or not (waiting or self._beside):
            raise _EndedError(
                ExitCode.INCONCLUSIVE,
                _("Nothing can be done, and nothing is under way: {steps}").format(
                    steps=", ".join(f"{v.step.id} ({state_word(v.state)})" for v in checklist.steps if not v.done)
                ),
            )

    async def _ending(self, ended: _EndedError) -> None:
        """Let a rollback under way end, close the candidate where it is over, and say how."""
        session = self._walk.session
        give_up = self._clock() + AGAIN_S
        while (session.autopilot.countdown is not None or session.actions.rolling_back) and self._clock() < give_up:
            await session.clock.sleep(0.1)
        checklist = self._walk.checklist()
        self._say_news(checklist)
        snapshot = session.watcher.latest
        release = snapshot.release
        rolled_back = (
            release is not None
            and release.ended in ("rolled back", "abandoned")
            and release.canary == checklist.subject.canary
        )
        candidate = self._walk.candidate
        rolled_back = rolled_back and candidate is not None  # a manual rollback goes on where it was left
        ours = self._walk.drives and bool(self._walk.candidate_id) and (candidate is None or candidate.open)
        try:
            if ours and (checklist.done or rolled_back):
                await self._walk.finish("done" if checklist.done else "stopped")
        except CanarioError as error:
            warn(str(error))
        self._told.end(ended.code, ended.sentence)
        try:
            await self._walk.store.told(self._walk.runbook.id)
        except CanarioError as error:
            warn(str(error))

    # Words

    def _clock(self) -> float:
        return self._walk.session.clock.monotonic()

    def _say_news(self, checklist: Checklist) -> None:
        """Print each step once it is done or has failed, with its evidence."""
        for view in checklist.steps:
            evidence = view.evidence
            mark = (view.state.value, evidence.key if evidence is not None else view.reason)
            if not (view.done or view.state in (State.FAILED, State.UNKNOWN)) or self._said.get(view.step.id) == mark:
                continue
            if view.state is State.FAILED and not self._before.ends(view, checklist):
                continue
            if view.state is State.PASSED and not _kept(view):
                continue  # seen, and its evidence is being written down
            self._said[view.step.id] = mark
            self._told.step(view)


def _kept(view: StepView) -> bool:
    return view.evidence is not None and view.evidence.result is Result.PASSED
