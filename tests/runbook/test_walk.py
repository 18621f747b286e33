"""Walking a runbook on a real simulator: what is kept, what others see, whose seat it is, what a crash leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from console.errors import BlockedError, UnavailableError, UsageError
from console.release.state import StepRecord
from console.runbook.evidence import Evidence, Progress, Result
from console.runbook.kinds.base import Answer, KindSettings, StepContext, StepKind
from console.runbook.kinds.confirm import Confirm, ConfirmSettings
from console.runbook.kinds.uat import Uat, UatSettings
from console.runbook.load import Loaded
from console.runbook.model import Phase, Runbook, Skip, Step, Words
from console.runbook.progress import Checklist, State, StepView
from console.runbook.shared import with_records
from console.runbook.store import Begun
from console.runbook.walk import Walk
from console.session import Session
from console.settings import Settings
from console.simulator.process import SimulatorProcess

MARIA, CARLOS, MALLORY = "maria@acme.example", "carlos@acme.example", "mallory@acme.example"

Opened = Callable[..., Awaitable[Walk]]


class Machine(StepKind):
    """A step of the tests' own: does what the class is told, once for each run."""

    name: ClassVar[str] = "machine"
    settings_model: ClassVar[type[KindSettings]] = KindSettings
    begun: ClassVar[asyncio.Event]
    """Set when a run has begun."""
    hold: ClassVar[bool] = False
    """Whether a run goes on until it is stopped."""
    runs: ClassVar[list[str]] = []
    """Keys of the runs, in order."""
    done: ClassVar[set[str]] = set()
    """Keys of the runs that the world has."""
    unreachable: ClassVar[bool] = False

    async def run(self, context: StepContext) -> Evidence:
        """Do it."""
        Machine.runs.append(context.key)
        Machine.begun.set()
        context.report(Progress("working", 0.5, ("one line",)))
        if Machine.hold:
            await asyncio.Event().wait()
        return context.evidence(Result.PASSED, "done", learned={"image": "repo/app:2"})

    async def settle(self, context: StepContext, begun: datetime) -> Evidence | None:
        """Ask the world."""
        if Machine.unreachable:
            raise UnavailableError("nobody answers")
        return context.evidence(Result.PASSED, "the world has it") if context.key in Machine.done else None


class Once(Machine):
    """The same, and never twice."""

    once = True


class Letter(Once):
    """A message: it may be sent again by a person, and another machine cannot know whether it had left."""

    again: ClassVar[bool] = True

    async def settle_elsewhere(self, context: StepContext, begun: datetime) -> Evidence | None:
        """Nobody knows."""
        return context.evidence(Result.PASSED, "maybe sent: look in the channel", problems=("cut off",))


class Blind(StepKind):
    """Never twice, and nothing can be asked about it."""

    name: ClassVar[str] = "blind"
    settings_model: ClassVar[type[KindSettings]] = KindSettings
    once = True

    async def run(self, context: StepContext) -> Evidence:
        """Do it."""
        Machine.begun.set()
        await asyncio.Event().wait()
        return context.evidence(Result.PASSED, "done")


@pytest.fixture(autouse=True)
def machine() -> None:
    Machine.begun, Machine.hold, Machine.unreachable = asyncio.Event(), False, False
    Machine.runs, Machine.done = [], set()


def step(own: str, **more: object) -> Step:
    return Step.model_validate(
        {"id": own, "title": {"en": own}, "help": {"en": ""}, "kind": "confirm", "skip": Skip()} | more
    )


BOOK = Runbook(
    id="book",
    title=Words(en="Book"),
    phases=(
        Phase(id="first", title=Words(en="First"), steps=(step("word"), step("build", skip=None))),
        Phase(
            id="second",
            title=Words(en="Second"),
            needs=("first",),
            steps=(step("lead", signers=["tech_lead"]), step("last")),
        ),
    ),
)


def loaded(kind: type[StepKind] = Machine) -> Loaded:
    kinds: dict[str, StepKind] = {one.id: Confirm(one, ConfirmSettings()) for one in BOOK.steps()}
    build = BOOK.step("build")
    assert build is not None
    return Loaded(BOOK, kinds | {"build": kind(build, KindSettings())}, "book.toml")


@pytest.fixture
async def console(simulator: Callable[..., SimulatorProcess], tmp_path: Path) -> AsyncIterator[Opened]:
    """Opens consoles on one bare simulator; each person has a journal of their own."""
    running = simulator(scenario="healthy", bare=True)
    async with AsyncExitStack() as stack:

        async def open_one(
            email: str = MARIA, kind: type[StepKind] = Machine, *, people: str = "", drive: bool = True
        ) -> Walk:
            settings = Settings.model_validate(
                {"journal": tmp_path / email / "journal.db"}
                | ({"people": {CARLOS: {"roles": ["tech_lead"]}, MARIA: {"roles": ["code"]}}} if people else {})
            )
            session = await Session.open(
                settings, settings.environment("production"), endpoint=running.grpc, as_email=email, watch=True
            )
            stack.push_async_callback(session.close)
            await session.watcher.refresh()
            walk = await Walk.open(session, settings, loaded(kind), drive=drive, checkout=tmp_path)
            stack.push_async_callback(walk.close)
            return walk

        yield open_one


async def until(walk: Walk, holds: Callable[[Checklist], object], timeout_s: float = 30.0) -> Checklist:
    async with asyncio.timeout(timeout_s):
        while not holds(walk.latest):
            await walk.changed()
    return walk.latest


def view(walk: Walk, own: str) -> StepView:
    found = walk.checklist().view(own)
    assert found is not None
    return found


async def left(walk: Walk) -> None:
    """The console is gone; its session stays, which does no more."""
    await walk.close()


# Keeping


async def test_a_word_is_kept_in_the_journal_and_told_to_everyone(console: Opened) -> None:
    walk = await console()
    assert walk.candidate is None, "nothing is written before the first step"
    evidence = await walk.sign("word", note="seen")
    assert (evidence.by, evidence.machine, evidence.result) == (MARIA, False, Result.PASSED)
    rows = [row for row in walk.session.journal.entries() if row.kind == "runbook"]
    assert [row.payload.get("what", row.result) for row in reversed(rows)] == ["open", "done", "step", "passed"]
    candidate = walk.candidate
    assert candidate is not None
    assert [(r.step, r.result, r.by) for r in candidate.steps] == [("word", "passed", MARIA)]
    assert candidate.driver is not None
    assert candidate.driver.email == MARIA


async def test_a_console_that_comes_back_asks_nothing_twice(console: Opened) -> None:
    first = await console()
    await first.sign("word", note="seen at noon")
    await left(first)
    again = await console()
    assert again.candidate_id == first.candidate_id
    kept = view(again, "word")
    assert kept.state is State.PASSED
    assert kept.evidence is not None
    assert kept.evidence.figures == (("note", "seen at noon"),)
    assert again.latest.next_for_me == "build"


async def test_what_a_step_finds_out_is_known_to_all(console: Opened) -> None:
    walk = await console()
    await walk.run("build")
    assert walk.subject.image == "repo/app:2"
    assert walk.candidate is not None
    assert walk.candidate.image == "repo/app:2"


async def test_the_version_that_somebody_names_is_the_releases_on_every_console(console: Opened) -> None:
    walk = await console()
    await walk.name_version("1.20.0")
    assert walk.subject.version == "1.20.0"
    await walk.sign("word")
    carlos = await console(CARLOS)
    assert carlos.subject.version == "1.20.0"


async def test_a_step_runs_with_progress_and_stops_when_asked(console: Opened) -> None:
    Machine.hold = True
    walk = await console()
    task = asyncio.create_task(walk.run("build"))
    await Machine.begun.wait()
    running = view(walk, "build")
    assert running.state is State.RUNNING
    assert (running.fraction, running.running and running.running.progress.lines) == (0.5, ("one line",))
    with pytest.raises(BlockedError, match="one step at a time"):
        await walk.sign("word")
    await walk.cancel("build")
    evidence = await task
    assert (evidence.result, evidence.sentence) == (Result.CANCELLED, f"stopped by {MARIA}")
    assert view(walk, "build").state is State.OPEN


async def test_a_skip_is_signed_and_has_a_reason(console: Opened) -> None:
    walk = await console()
    with pytest.raises(BlockedError, match="written reason"):
        await walk.skip("word", "no")
    with pytest.raises(BlockedError, match="does not let it be skipped"):
        await walk.skip("build", "because I am in a hurry")
    await walk.skip("word", "nothing changed in the core")
    skipped = view(walk, "word")
    assert (skipped.state, skipped.reason) == (State.SKIPPED, f"skipped by {MARIA}: nothing changed in the core")


async def test_a_runbook_that_is_done_closes_by_itself_and_its_first_step_begins_another(console: Opened) -> None:
    walk = await console()
    await walk.sign("word")
    await walk.run("build")
    await walk.sign("lead")
    await walk.sign("last")
    found = await until(walk, lambda found: found.closed == "done")
    assert found.done
    with pytest.raises(BlockedError, match="begins another"):
        await walk.sign("last")
    former = walk.candidate_id
    while walk.now().strftime("%H%M%S") in former:
        await walk.changed()
    await walk.sign("word")
    assert walk.candidate_id != former
    assert view(walk, "word").state is State.PASSED
    assert view(walk, "build").state is State.OPEN


async def test_a_step_that_is_not_there_is_a_sentence(console: Opened) -> None:
    walk = await console()
    with pytest.raises(UsageError, match="no step 'wrd'"):
        await walk.run("wrd")


async def test_a_broken_journal_lets_no_step_run(simulator: Callable[..., SimulatorProcess], tmp_path: Path) -> None:
    settings = Settings(journal=tmp_path)
    running = simulator(scenario="healthy", bare=True)
    session = await Session.open(
        settings, settings.environment("production"), endpoint=running.grpc, as_email=MARIA, watch=False
    )
    try:
        await session.watcher.refresh()
        walk = await Walk.open(session, settings, loaded(), look=False)
        with pytest.raises(BlockedError):
            await walk.run("build")
        assert Machine.runs == []
        await walk.close()
    finally:
        await session.close()


class Rescue(Machine):
    """A step that gives traffic back."""

    rescue: ClassVar[bool] = True


async def test_what_gives_traffic_back_waits_for_no_journal(
    simulator: Callable[..., SimulatorProcess], tmp_path: Path
) -> None:
    settings = Settings(journal=tmp_path)
    running = simulator(scenario="healthy", bare=True)
    session = await Session.open(
        settings, settings.environment("production"), endpoint=running.grpc, as_email=MARIA, watch=False
    )
    try:
        await session.watcher.refresh()
        walk = await Walk.open(session, settings, loaded(Rescue), shared=False, look=False)
        evidence = await walk.run("build")
        assert evidence.result is Result.PASSED
        assert view(walk, "build").state is State.PASSED
        await walk.close()
    finally:
        await session.close()


async def test_a_manual_rollback_is_kept_in_the_journal_alone_and_each_is_a_new_one(
    simulator: Callable[..., SimulatorProcess], tmp_path: Path
) -> None:
    settings = Settings(journal=tmp_path / "journal.db")
    running = simulator(scenario="healthy", bare=True)
    session = await Session.open(
        settings, settings.environment("production"), endpoint=running.grpc, as_email=MARIA, watch=False
    )
    try:
        await session.watcher.refresh()
        first = await Walk.open(session, settings, loaded(), shared=False, look=False)
        await first.sign("word")
        assert first.candidate is None
        assert "candidate" not in str((await session.watcher.refresh()).service)
        again = await Walk.open(session, settings, loaded(), shared=False, look=False)
        assert view(again, "word").state is State.PASSED
        await again.finish("done")
        another = await Walk.open(session, settings, loaded(), shared=False, look=False)
        assert view(another, "word").state is State.OPEN
        for walk in (first, again, another):
            await walk.close()
    finally:
        await session.close()


async def test_a_fault_inside_opening_the_runbook_is_told_and_it_is_tried_again(
    simulator: Callable[..., SimulatorProcess], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = simulator(scenario="healthy", bare=True)
    opened, faults = Walk.open, [ValueError("a bug")]

    async def open_one(*arguments: Any, **more: Any) -> Walk:
        if faults:
            raise faults.pop()
        return await opened(*arguments, **more)

    monkeypatch.setattr(Walk, "open", open_one)
    settings = Settings(journal=tmp_path / "journal.db")
    session = await Session.open(
        settings, settings.environment("production"), endpoint=running.grpc, as_email=MARIA, watch=True, drive=True
    )
    try:
        async with asyncio.timeout(60):
            while "runbook" not in session.problems:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.02)
            assert "a bug" in session.problems["runbook"]
            while session.walk is None:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert "runbook" not in session.problems
    finally:
        await session.close()


# Two consoles


async def test_who_takes_over_sees_every_uat_answer_and_is_asked_for_none_again(
    simulator: Callable[..., SimulatorProcess], tmp_path: Path
) -> None:
    running = simulator(scenario="healthy", bare=True)
    qa = tmp_path / "qa"
    qa.mkdir()
    qa.joinpath("UAT.md").write_text("".join(f"- [ ] C-{n}: case {n}\n" for n in range(1, 5)), encoding="utf-8")
    own = step("uat", kind="uat", settings={"file": "qa/UAT.md", "cases": 4}, skip=None)
    book = Runbook(id="book", title=Words(en="B"), phases=(Phase(id="first", title=Words(en="F"), steps=(own,)),))
    uat = Loaded(book, {"uat": Uat(own, UatSettings.model_validate(dict(own.settings)))}, "book.toml")
    async with AsyncExitStack() as stack:

        async def console_of(email: str) -> Walk:
            settings = Settings.model_validate({"journal": tmp_path / email / "journal.db"})
            session = await Session.open(
                settings, settings.environment("production"), endpoint=running.grpc, as_email=email, watch=True
            )
            stack.push_async_callback(session.close)
            await session.watcher.refresh()
            walk = await Walk.open(session, settings, uat, checkout=tmp_path)
            stack.push_async_callback(walk.close)
            return walk

        maria = await console_of(MARIA)
        await maria.answer("uat", "C-1", "pass")
        await maria.answer("uat", "C-2", "pass")
        carlos = await console_of(CARLOS)

        def told(checklist: Checklist) -> list[tuple[str, str, str]]:
            found = checklist.view("uat")
            known = found.evidence.items if found is not None and found.evidence is not None else ()
            return [(item.id, item.title, item.result) for item in known]

        answers = ["pass", "pass", "", ""]
        whole = [(f"C-{n}", f"case {n}", answers[n - 1]) for n in range(1, 5)]
        assert told(await until(carlos, lambda now: told(now) == whole)) == whole
        await carlos.take_over("Maria has gone home")
        await carlos.answer("uat", "C-3", "pass")
        evidence = await carlos.answer("uat", "C-4", "pass")
        assert evidence.result is Result.PASSED, evidence.sentence
        assert [item.by for item in evidence.items] == [MARIA, MARIA, CARLOS, CARLOS]


async def test_a_second_console_sees_the_same_and_signs_only_what_is_theirs(console: Opened) -> None:
    maria = await console(people="yes")
    await maria.sign("word", note="seen")
    carlos = await console(CARLOS, people="yes")
    seen = view(carlos, "word")
    assert (seen.state, seen.theirs) == (State.PASSED, True)
    assert f"{MARIA} drives" in view(carlos, "build").why_not
    assert view(carlos, "lead").state is State.NOT_YET
    await maria.run("build")
    await until(carlos, lambda found: found.next_for_me == "lead")
    assert view(maria, "lead").waiting_for == "tech lead"
    await carlos.sign("lead")
    await until(maria, lambda found: (lead := found.view("lead")) and lead.state is State.PASSED)
    lead = view(maria, "lead")
    assert lead.evidence is not None
    assert (lead.evidence.by, lead.theirs) == (CARLOS, True)


async def test_the_seat_moves_with_a_reason_and_both_see_it(console: Opened) -> None:
    maria = await console()
    await maria.sign("word")
    carlos = await console(CARLOS)
    assert not carlos.drives
    with pytest.raises(BlockedError, match=f"{MARIA} drives"):
        await carlos.take_over()
    await carlos.take_over("Maria has gone home")
    assert carlos.drives
    found = await until(maria, lambda found: not found.me.drives)
    assert found.me.driver == CARLOS
    with pytest.raises(BlockedError, match="take over"):
        await maria.run("build")
    await carlos.run("build")


async def test_a_seat_that_was_left_is_taken_with_the_next_step(console: Opened) -> None:
    maria = await console()
    await maria.sign("word")
    await left(maria)
    carlos = await console(CARLOS)
    assert carlos.drives
    await carlos.run("build")
    assert carlos.candidate is not None
    assert carlos.candidate.driver is not None
    assert carlos.candidate.driver.email == CARLOS


async def test_of_two_who_reach_for_a_free_seat_at_once_one_runs_the_step(console: Opened) -> None:
    maria = await console()
    await maria.sign("word")
    await left(maria)
    carlos, juan = await console(CARLOS), await console("juan@acme.example")
    assert (carlos.drives, juan.drives) == (True, True)
    results = await asyncio.gather(carlos.run("build"), juan.run("build"), return_exceptions=True)
    assert len(Machine.runs) == 1
    (refused,) = [result for result in results if isinstance(result, BaseException)]
    assert isinstance(refused, BlockedError)
    assert "just now" in str(refused)


async def test_evidence_of_an_earlier_image_is_not_told_as_of_the_present_one(console: Opened) -> None:
    walk = await console()
    await walk.run("build")
    build = walk.latest.view("build")
    assert build is not None
    assert build.evidence is not None
    image = walk.subject.image_id
    of_another = replace(build.evidence, subject="repo/app:1")
    bound = BOOK.model_copy(
        update={"phases": (Phase(id="first", title=Words(en="First"), steps=(step("build", bound_to="image"),)),)}
    )
    walk.runbook = bound
    assert (walk._image_of(replace(of_another, subject=image)), walk._image_of(of_another)) == (image, "")


async def test_a_smoke_test_that_somebody_else_wrote_into_the_annotation_counts_for_nobody_and_names_them(
    console: Opened,
) -> None:
    maria = await console()
    await maria.sign("word")
    mallory = await console(MALLORY, drive=False)
    forged = StepRecord(step="build", result="passed", by=MARIA, at=maria.now(), key="f" * 16, sentence="all well")
    await mallory._shared.change(lambda there: with_records(there, {"build": forged}) if there is not None else None)
    for walk in (maria, await console(CARLOS)):
        await until(walk, lambda found: (build := found.view("build")) and build.state is State.FAILED)
        build = view(walk, "build")
        assert build.reason == f"FORGED: {MALLORY} wrote it in the name of {MARIA}"
        assert not build.done
        assert view(walk, "lead").state is State.NOT_YET
    await maria.run("build")
    await until(maria, lambda found: (build := found.view("build")) and build.state is State.PASSED)


async def test_what_somebody_writes_over_our_own_word_is_named_and_our_word_is_told_again(console: Opened) -> None:
    maria = await console()
    await maria.run("build")
    mallory = await console(MALLORY, drive=False)
    forged = StepRecord(
        step="build", result="failed", by=MARIA, at=maria.now() + timedelta(hours=1), key="f" * 16, sentence="broken"
    )
    await mallory._shared.change(lambda there: with_records(there, {"build": forged}) if there is not None else None)
    found = await until(maria, lambda found: any("FORGED" in problem for problem in found.problems))
    assert any(MALLORY in problem for problem in found.problems)
    build = found.view("build")
    assert build is not None
    assert build.state is State.PASSED, "it is done, and not to be done again"

    def ours(found: Checklist) -> bool:
        told = maria.candidate.steps if maria.candidate is not None else ()
        return [(one.result, one.by) for one in told if one.step == "build"] == [("passed", MARIA)]

    await until(maria, ours)


# Crashes


async def crashed(console: Opened, kind: type[StepKind]) -> None:
    """A console dies in the middle of a step: its intent has no outcome, its seat no one."""
    walk = await console(kind=kind)
    await walk.sign("word")
    Machine.hold = True
    task = asyncio.create_task(walk.run("build"))
    await Machine.begun.wait()
    await left(walk)
    await asyncio.gather(task, return_exceptions=True)
    Machine.hold = False


async def test_what_the_world_has_is_not_done_again(console: Opened) -> None:
    await crashed(console, Once)
    Machine.done = set(Machine.runs)
    again = await console(kind=Once)
    built = view(again, "build")
    assert (built.state, built.reason) == (State.PASSED, "the world has it")
    assert len(Machine.runs) == 1
    with pytest.raises(BlockedError, match="it is done"):
        await again.run("build")


async def test_nor_is_it_by_a_console_with_another_journal(console: Opened) -> None:
    await crashed(console, Once)
    Machine.done = set(Machine.runs)
    carlos = await console(CARLOS, kind=Once)  # his journal knows nothing of it
    evidence = await carlos.run("build")
    assert (evidence.result, evidence.sentence, evidence.by) == (Result.PASSED, "the world has it", MARIA)
    assert len(Machine.runs) == 1


async def test_what_another_journals_console_had_not_done_yet_is_done(console: Opened) -> None:
    await crashed(console, Once)
    carlos = await console(CARLOS, kind=Once)
    await carlos.run("build")
    assert len(Machine.runs) == 2
    assert carlos.candidate is not None
    assert [(r.step, r.result, r.by) for r in carlos.candidate.steps if r.step == "build"] == [
        ("build", "passed", CARLOS)
    ]


async def test_what_the_world_has_not_is_open_again(console: Opened) -> None:
    await crashed(console, Once)
    again = await console(kind=Once)
    built = view(again, "build")
    assert built.state is State.OPEN
    assert "cut off" in built.reason
    await again.run("build")
    assert len(Machine.runs) == 2


async def test_while_the_world_cannot_be_asked_nothing_is_done_and_nobodys_word_stands_in_for_it(
    console: Opened,
) -> None:
    await crashed(console, Once)
    Machine.unreachable = True
    again = await console(kind=Once)
    built = view(again, "build")
    assert (built.state, built.reason) == (State.UNKNOWN, "nobody answers")
    with pytest.raises(UnavailableError, match="nobody answers"):
        await again.run("build", Answer(word="done", note="I looked at the service and it is there"))
    assert view(again, "build").state is State.UNKNOWN
    assert len(Machine.runs) == 1
    Machine.unreachable, Machine.done = False, set(Machine.runs)
    await again.run("build")
    assert view(again, "build").state is State.PASSED
    assert len(Machine.runs) == 1, "looking does nothing"


async def test_what_nothing_can_be_asked_about_is_a_persons_word_with_a_reason(console: Opened) -> None:
    await crashed(console, Blind)
    again = await console(kind=Blind)
    Machine.unreachable = True
    assert not view(again, "build").traits.looks
    again._unsettled["build"] = (Begun(0, "build", "k", again.now(), MARIA, "", ""), "cut off")
    for answer in (Answer(), Answer(word="done"), Answer(word="done", note="ok")):
        with pytest.raises(UsageError):
            await again.run("build", answer)
    again._unsettled["build"] = (
        Begun(await again.store.begin(again.candidate_id, "book", "build", "k", "", MARIA), "build", "k", again.now(),
              MARIA, "", ""), "cut off",
    )  # fmt: skip
    evidence = await again.run("build", Answer(word="done", note="the courier signed for it"))
    assert (evidence.result, evidence.machine, evidence.by) == (Result.PASSED, False, MARIA)
    assert evidence.sentence == f"{MARIA} says that it was done: the courier signed for it"


async def test_a_message_cut_off_on_another_machine_is_not_sent_again_by_whoever_takes_over(console: Opened) -> None:
    await crashed(console, Letter)
    carlos = await console(CARLOS, kind=Letter)  # his journal knows nothing of it
    await carlos.take_over("maria's machine is gone")
    sent = view(carlos, "build")
    assert (sent.state, sent.reason) == (State.PASSED, "maybe sent: look in the channel")
    assert sent.evidence is not None
    assert sent.evidence.problems
    assert len(Machine.runs) == 1
    assert sent.may_run, "sending again is a deliberate act"
    await carlos.run("build")
    assert len(Machine.runs) == 2


async def test_what_cannot_be_told_to_the_others_first_is_not_begun(
    console: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = await console(kind=Letter)
    await walk.sign("word")

    async def refused(*_arguments: object, **_more: object) -> None:
        raise UnavailableError("the service cannot be written")

    monkeypatch.setattr(walk._shared, "flush", refused)
    with pytest.raises(UnavailableError, match="is not begun"):
        await walk.run("build")
    assert Machine.runs == []
    monkeypatch.undo()
    await walk.run("build")
    assert len(Machine.runs) == 1


async def test_it_is_settled_by_itself_once_the_world_answers(console: Opened) -> None:
    await crashed(console, Once)
    Machine.unreachable, Machine.done = True, set(Machine.runs)
    again = await console(kind=Once)
    assert view(again, "build").state is State.UNKNOWN
    Machine.unreachable = False
    await until(again, lambda found: (built := found.view("build")) and built.state is State.PASSED)
    assert len(Machine.runs) == 1
