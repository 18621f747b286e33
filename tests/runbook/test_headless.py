"""The runbook walked without a terminal, on a real simulator: what it tries again, and what it never answers over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from console.commands.runbook_run import run
from console.commands.runbook_typed import again
from console.commands.running import Place
from console.errors import BlockedError, ExitCode, UsageError
from console.runbook.kinds.base import Answer
from console.runbook.load import load_runbook
from console.runbook.model import Runbook, Words
from console.runbook.progress import Checklist, State
from console.runbook.walk import Walk
from console.session import Session
from console.settings import Settings
from console.simulator.process import SimulatorProcess

MARIA, CARLOS = "maria@acme.example", "carlos@acme.example"

Headless = Callable[..., Awaitable[int]]

HEAD = """\
id = "ours"
title = { en = "Ours" }

[[phases]]
id = "first"
title = { en = "First" }
"""


def step(own: str, kind: str, more: str = "", **settings: str) -> str:
    """A step as a runbook writes it; `settings` as TOML."""
    written = ", ".join(f"{name} = {value}" for name, value in settings.items())
    return (
        f'\n[[phases.steps]]\nid = "{own}"\nkind = "{kind}"\ntitle = {{ en = "{own}" }}\nhelp = {{ en = "It." }}\n'
        f"settings = {{ {written} }}\n{more}"
    )


BUILD = step("build", "command", argv='["test", "-e", "built"]')
WORD = step("plan", "confirm")
CASES = step("uat", "uat", file='"uat.md"', cases="2")


class Desk:
    """A simulator, a checkout, and who comes to walk a runbook there.

    Args:
        running: the simulator.
        folder: the checkout; journals are below it.
    """

    def __init__(self, running: SimulatorProcess, folder: Path) -> None:
        self.running, self.folder = running, folder

    def place(self, email: str) -> Place:
        settings = Settings.model_validate({"journal": self.folder / email / "journal.db"})
        return Place(settings, settings.environment("production"), self.running.grpc, email)

    def book(self, *steps: str, name: str = "ours.toml") -> Path:
        file = self.folder / name
        file.write_text(HEAD + "".join(steps), encoding="utf-8")
        return file

    async def headless(self, book: Path, *, email: str = MARIA, words: bool = True, **more: object) -> int:
        """`canario runbook run --headless`; with `words` in this person's name."""
        said = (email,) if words else ()
        return await run(self.place(email), book, yes_as=said, checkout=self.folder, **more)  # type: ignore[arg-type]

    async def by_hand(self, book: Path, act: Callable[[Walk], Awaitable[object]], *, email: str = MARIA) -> None:
        """What somebody does on the console, who then goes away."""
        place = self.place(email)
        session = await Session.open(
            place.settings, place.environment, endpoint=place.endpoint, as_email=email, watch=True
        )
        try:
            await session.watcher.refresh()
            walk = await Walk.open(session, place.settings, load_runbook(book), checkout=self.folder)
            try:
                await act(walk)
            finally:
                await walk.close()
        finally:
            await session.close()

    async def candidate(self) -> tuple[str, str]:
        """How the candidate on the service stands: `open` or how it was closed, and its runbook."""
        place = self.place("auditor@acme.example")
        session = await Session.open(
            place.settings, place.environment, endpoint=place.endpoint, as_email=place.email, watch=False
        )
        try:
            walk = await Walk.open(
                session, place.settings, load_runbook(self.book(WORD, name="looks.toml")), drive=False, look=False
            )
            found = walk.candidate
            await walk.close()
        finally:
            await session.close()
        assert found is not None
        return found.closed or "open", found.runbook


@pytest.fixture
def desk(simulator: Callable[..., SimulatorProcess], tmp_path: Path) -> Desk:
    """A desk at a bare simulator."""
    (tmp_path / "uat.md").write_text("- [ ] UAT-01 it answers\n- [ ] UAT-02 it books\n", encoding="utf-8")
    return Desk(simulator(scenario="healthy", bare=True), tmp_path)


def begun(told: str, own: str) -> int:
    """How often a step was begun."""
    return sum(line.endswith(f"> {own}") for line in told.splitlines())


# What failed


async def test_a_step_that_fails_is_told_with_its_evidence_and_ends_the_walk(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await desk.headless(desk.book(BUILD, WORD)) == ExitCode.FAILED
    told = capsys.readouterr().out
    assert begun(told, "build") == 1
    assert begun(told, "plan") == 0
    assert "failed    build" in told
    assert "(checked by a machine)" in told
    assert told.rstrip().splitlines()[-1].startswith("build failed: ")


async def test_what_failed_before_is_tried_once_more_and_ends_the_walk_where_it_fails_again(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    book = desk.book(BUILD, WORD)
    assert await desk.headless(book) == ExitCode.FAILED
    capsys.readouterr()
    assert await desk.headless(book) == ExitCode.FAILED
    told = capsys.readouterr().out
    assert begun(told, "build") == 1
    assert told.count("failed    build") == 1

    (desk.folder / "built").touch()
    assert await desk.headless(book) == ExitCode.DONE
    told = capsys.readouterr().out
    assert begun(told, "build") == 1
    assert "failed " not in told


# A person's no


async def test_a_persons_no_is_shown_and_not_answered_over_by_the_next_walk(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    book = desk.book(WORD)
    await desk.by_hand(book, lambda walk: walk.run("plan", Answer(word="no", note="there is none")))
    assert await desk.headless(book) == ExitCode.FAILED
    told = capsys.readouterr().out
    assert begun(told, "plan") == 0
    assert f"{MARIA} says no" in told
    assert "there is none" in told
    assert "says yes" not in told
    assert "--yes-again plan=WHY" in told.splitlines()[-1]
    assert await desk.candidate() == ("open", "ours")


async def test_a_no_is_answered_over_by_who_says_so_and_the_reason_is_kept_with_the_word(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    book = desk.book(WORD)
    await desk.by_hand(book, lambda walk: walk.run("plan", Answer(word="no")))
    assert await desk.headless(book, yes_again=("plan=it is written now",)) == ExitCode.DONE
    told = capsys.readouterr().out
    assert f"{MARIA} says yes" in told
    assert "note: it is written now" in told


async def test_a_no_that_has_aged_out_is_not_answered_over_either(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    book = desk.book(step("plan", "confirm", 'holds = "1 ms"\n'))

    async def said_no_a_while_ago(walk: Walk) -> None:
        said = await walk.run("plan", Answer(word="no"))
        desk.running.set_speed(60)
        while walk.now() - said.at < timedelta(seconds=5):
            await walk.changed()
        assert walk.checklist().steps[0].state is State.STALE

    await desk.by_hand(book, said_no_a_while_ago)
    assert await desk.headless(book) == ExitCode.BLOCKED
    told = capsys.readouterr().out
    assert f"{MARIA} says no" in told
    assert "says yes" not in told


@pytest.mark.parametrize(("word", "other"), [("fail", ""), ("blocked", "pass"), ("blocked", "")])
async def test_a_case_that_a_person_failed_or_found_blocked_is_not_passed_over_by_the_next_walk(
    desk: Desk, capsys: pytest.CaptureFixture[str], word: str, other: str
) -> None:
    book = desk.book(CASES)

    async def answer(walk: Walk) -> None:
        await walk.answer("uat", "UAT-01", word, "it hangs")
        if other:
            await walk.answer("uat", "UAT-02", other)

    await desk.by_hand(book, answer)
    code = await desk.headless(book)
    assert code == (ExitCode.BLOCKED if (word, other) == ("blocked", "") else ExitCode.FAILED)
    told = capsys.readouterr().out
    assert begun(told, "uat") == 0
    assert f"UAT-01: {word}  {MARIA}" in told
    assert "it hangs" in told

    assert await desk.headless(book, yes_again=("uat=the fix is in",)) == ExitCode.DONE
    told = capsys.readouterr().out
    assert f"UAT-01: pass  {MARIA}" in told


async def test_a_no_to_an_advisory_step_holds_nothing_up_and_stays_a_no(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    book = desk.book(step("plan", "confirm", "advice = true\n"), step("last", "confirm"))
    await desk.by_hand(book, lambda walk: walk.run("plan", Answer(word="no")))
    assert await desk.headless(book) == ExitCode.DONE
    told = capsys.readouterr().out
    assert f"{MARIA} says no: plan" in told
    assert f"{MARIA} says yes: last" in told


def test_a_word_over_a_no_needs_a_reason() -> None:
    assert again(["plan=it is written now "]) == {"plan": "it is written now"}
    for typed in ("plan", "plan=", "=why"):
        with pytest.raises(UsageError, match="answers nothing") as caught:
            again([typed])
        assert "--yes-again STEP=WHY" in caught.value.remedy


def test_a_runbook_without_steps_is_never_done() -> None:
    assert not Checklist(Runbook(id="empty", title=Words(en="Empty"), phases=()), ()).done


# Whose release it is, and which runbook's


async def test_a_release_that_was_opened_with_another_runbook_is_neither_walked_nor_closed(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    real = desk.book(WORD, step("last", "confirm"))
    await desk.by_hand(real, lambda walk: walk.sign("plan"))
    short = desk.book(WORD, name="short.toml")
    assert await desk.headless(short) == ExitCode.CONFLICT
    told = capsys.readouterr().out
    assert "was opened with another runbook (ours, " in told
    assert "says yes" not in told
    assert await desk.candidate() == ("open", "ours")
    assert await desk.headless(real) == ExitCode.DONE


async def test_a_release_goes_on_with_a_later_version_of_its_runbook(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    await desk.by_hand(desk.book(WORD, step("last", "confirm")), lambda walk: walk.sign("plan"))
    later = desk.book(WORD, step("last", "confirm", "advice = true\n"), name="later.toml")
    assert await desk.headless(later) == ExitCode.DONE
    assert "says yes: last" in capsys.readouterr().out
    assert await desk.candidate() == ("done", "ours")


async def test_the_console_leaves_a_release_open_that_only_another_runbook_has_done(desk: Desk) -> None:
    real = desk.book(WORD, step("last", "confirm"))
    await desk.by_hand(real, lambda walk: walk.sign("plan"))

    async def looked(walk: Walk) -> None:
        assert walk.checklist().done
        await walk.changed()
        await walk.changed()
        assert "not closed as done" in " ".join(walk.latest.problems)
        with pytest.raises(BlockedError, match="opened with another runbook"):
            await walk.finish("done")

    await desk.by_hand(desk.book(WORD, name="short.toml"), looked)
    assert await desk.candidate() == ("open", "ours")


async def test_only_its_driver_closes_a_release(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    book = desk.book(WORD, step("last", "confirm"))

    async def meanwhile(walk: Walk) -> None:
        await walk.sign("plan")

        async def other(theirs: Walk) -> None:
            with pytest.raises(BlockedError, match=f"only its driver closes a release, and that is {MARIA}"):
                await theirs.finish("stopped")

        await desk.by_hand(book, other, email=CARLOS)
        assert await desk.headless(book, email=CARLOS) == ExitCode.CONFLICT
        assert f"{MARIA} drives this release now." in capsys.readouterr().out

    await desk.by_hand(book, meanwhile)
    assert await desk.candidate() == ("open", "ours")
