"""After the release, on a real simulator: the final validation, the watch of hours, going back by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from console.chronicle import Source
from console.commands.running import Where, find_place
from console.commands.watching import begun_before, watch
from console.errors import UsageError
from console.report import gather_report
from console.runbook.evidence import Evidence, Result
from console.runbook.kinds.base import Answer
from console.runbook.kinds.watch import BACK_TO, alarm_of
from console.runbook.load import Loaded, load_runbook
from console.runbook.model import Phase, Runbook, Words
from console.runbook.progress import State
from console.runbook.walk import Walk
from console.session import Session
from console.settings import Settings
from console.simulator.process import SimulatorProcess

MARIA = "maria@acme.example"
CANARY, STABLE = "wa-backend-00042-vez", "wa-backend-00041-kem"

Opened = Callable[..., Awaitable[Walk]]


def only(*steps: str) -> Loaded:
    """The packaged runbook's own steps, without what comes before them."""
    whole = load_runbook(None, "despliegue")
    kept = []
    for name in steps:
        step = whole.runbook.step(name)
        assert step is not None
        kept.append(step.model_copy(update={"needs": ()}))
    book = Runbook(
        id="after", title=Words(en="After"), phases=(Phase(id="after", title=Words(en="After"), steps=tuple(kept)),)
    )
    return Loaded(book, {name: whole.kinds[name] for name in steps}, "after.toml")


@pytest.fixture
async def opened(
    simulator: Callable[..., SimulatorProcess], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[..., Awaitable[tuple[Walk, SimulatorProcess]]]]:
    """Opens a console on a simulator whose canary has all traffic, its move recorded."""
    async with AsyncExitStack() as stack:

        async def open_one(
            loaded: Loaded,
            *,
            scenario: str = "healthy",
            speed: float = 30.0,
            full: bool = True,
            running: SimulatorProcess | None = None,
            shared: bool = True,
            look_first: bool = True,
        ) -> tuple[Walk, SimulatorProcess]:
            first = running is None
            process = running or simulator(scenario=scenario, speed=speed)
            monkeypatch.setenv("CANARIO_SLACK_WEBHOOK", str(process.info["slack"]))
            settings = Settings.model_validate({"journal": tmp_path / "journal.db"})
            session = await Session.open(
                settings, settings.environment("production"), endpoint=process.grpc, as_email=MARIA, watch=True
            )
            stack.push_async_callback(session.close)
            if look_first:
                await session.watcher.refresh()
            if first and full:
                await give_all(session)
            walk = await Walk.open(session, settings, loaded, shared=shared, checkout=tmp_path)
            stack.push_async_callback(walk.close)
            return walk, process

        yield open_one


async def give_all(session: Session) -> None:
    """All traffic to the canary, as a release that has come to its end would leave it."""
    for percent in (10, 50, 100):
        snapshot = await session.watcher.refresh()
        assert snapshot.service is not None
        split = snapshot.service.traffic.with_shares({CANARY: percent, STABLE: 100 - percent})
        pending = await session.cloud.run.write(snapshot.service, traffic=split)
        await session.cloud.run.wait(pending.operation, timeout_s=30.0)
    while session.watcher.latest.service is None or session.watcher.latest.service.effective_shares() != {CANARY: 100}:
        await session.watcher.refresh()


def messages(process: SimulatorProcess) -> list[str]:
    import urllib.request

    address = str(process.info["slack"]).partition("/services")[0] + "/messages"
    with urllib.request.urlopen(address) as answer:
        return [one["text"] for one in json.load(answer)]


async def test_a_limit_crossed_names_the_revision_to_go_back_to_and_tells_slack_once(
    simulator: Callable[..., SimulatorProcess], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: object
) -> None:
    process = simulator(scenario="bad-canary", speed=30.0)
    monkeypatch.setenv("CANARIO_SLACK_WEBHOOK", str(process.info["slack"]))
    monkeypatch.setenv("CANARIO_JOURNAL", str(tmp_path / "journal.db"))
    place = find_place(Where(None, process.grpc, MARIA))
    session = await Session.open(place.settings, place.environment, endpoint=process.grpc, as_email=MARIA, watch=False)
    await give_all(session)
    await session.close()
    assert await watch(place, None, anew=False, as_json=True) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]  # type: ignore[attr-defined]
    assert lines[0]["event"] == "begin"
    assert lines[0]["revision"] == CANARY
    assert lines[-1]["end"] == "crossed"
    assert lines[-1]["rollback_to"] == STABLE
    (told,) = await asyncio.to_thread(messages, process)
    assert "LIMIT CROSSED" in told
    assert f"--to {STABLE}" in told


async def test_a_quiet_watch_ends_well_and_one_that_was_cut_off_goes_on_with_what_it_saw(
    simulator: Callable[..., SimulatorProcess], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: object
) -> None:
    from datetime import timedelta

    process = simulator(scenario="quiet-service", speed=60.0)
    monkeypatch.setenv("CANARIO_JOURNAL", str(tmp_path / "journal.db"))
    place = find_place(Where(None, process.grpc, MARIA))
    length = timedelta(minutes=20)
    first = asyncio.create_task(watch(place, length, anew=False, as_json=True))
    files = tmp_path / "watch"
    async with asyncio.timeout(90):
        while not any(  # noqa: ASYNC110 - files tell nobody
            file.read_text().count("\n") > 1 for file in files.glob("*.jsonl")
        ):
            await asyncio.sleep(0.05)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    before = capsys.readouterr().out.splitlines()  # type: ignore[attr-defined]
    assert await watch(place, length, anew=False, as_json=True) == 0
    after = [json.loads(line) for line in capsys.readouterr().out.splitlines()]  # type: ignore[attr-defined]
    assert after[0]["resumed"] is True
    assert after[0]["since"] == json.loads(before[0])["since"]
    assert after[-1]["end"] == "quiet"
    assert after[-1]["seen_s"] >= length.total_seconds() / 2


async def test_the_watch_step_fails_with_an_alarm_that_a_screen_can_open_the_rollback_with(opened: Opened) -> None:
    walk, process = await opened(only("watch_24h"), scenario="bad-canary")
    evidence = await walk.run("watch_24h")
    assert evidence.result is Result.FAILED
    assert dict(evidence.figures)[BACK_TO] == STABLE
    alarm = alarm_of(walk.checklist())
    assert alarm is not None
    assert alarm.back_to == STABLE
    assert len(await asyncio.to_thread(messages, process)) == 1


async def test_a_watch_whose_traffic_somebody_moved_away_does_not_pass_and_names_them(opened: Opened) -> None:
    walk, process = await opened(only("watch_24h"), scenario="quiet-service", speed=20.0)
    walk.start("watch_24h")
    async with asyncio.timeout(60):
        while (seen := walk.checklist().view("watch_24h")) is None or seen.fraction is None:
            await walk.changed()
    rival = {"service": "wa-backend", "shares": {STABLE: 100}, "principal": "mallory@acme.example"}
    await asyncio.to_thread(process.post, "/rival", rival)
    async with asyncio.timeout(60):
        while (seen := walk.checklist().view("watch_24h")) is None or seen.state is State.RUNNING:
            await walk.changed()
    assert seen.state is State.FAILED
    assert "mallory@acme.example moved the traffic away" in seen.reason


async def test_a_console_that_comes_back_goes_on_watching_by_itself(opened: Opened) -> None:
    first, process = await opened(only("watch_24h"), scenario="quiet-service", speed=20.0)
    first.start("watch_24h")
    while not any(file.read_text() for file in first.store.folder(first.candidate_id).glob("watch-*.jsonl")):
        await first.changed()
    await first.close()
    again, _process = await opened(only("watch_24h"), running=process, look_first=False)
    async with asyncio.timeout(60):
        while (view := again.checklist().view("watch_24h")) is None or view.running is None or view.fraction is None:
            await again.changed()
    assert view.state is State.RUNNING
    assert len(list(again.store.folder(again.candidate_id).glob("watch-*.jsonl"))) == 1


async def test_the_validation_reads_every_limit_and_asks_the_service_itself(opened: Opened) -> None:
    walk, _process = await opened(only("validation"), speed=40.0)
    evidence = await walk.run("validation")
    figures = dict(evidence.figures)
    assert evidence.problems == ()
    assert evidence.result is Result.PASSED
    assert {"error rate", "P95", "CPU", "requests", "/healthz", "/metrics"} <= set(figures)
    assert "RPS" in figures["requests"]


async def test_a_release_that_breaks_a_limit_is_not_validated(opened: Opened) -> None:
    walk, _process = await opened(only("validation"), scenario="slow-canary", speed=40.0)
    evidence = await walk.run("validation")
    assert evidence.result is Result.FAILED


async def test_going_back_by_hand_walks_to_the_post_mortem(opened: Opened, tmp_path: Path) -> None:
    walk, process = await opened(load_runbook(None, "rollback"), shared=False, speed=40.0)
    offered = await walk.run("choose_revision", Answer())
    assert offered.result is Result.PARTIAL
    assert offered.items[0].id == STABLE
    chosen = await walk.run("choose_revision", Answer("pass", STABLE, "bookings lost their time zone"))
    assert chosen.result is Result.PASSED
    moved = await walk.run("move_back")
    assert moved.result is Result.PASSED
    assert moved.reason == "bookings lost their time zone"
    service = await walk.session.cloud.run.get_service("wa-backend")
    assert service.effective_shares() == {STABLE: 100}
    assert (await walk.run("healthz")).result is Result.PASSED
    watched = await walk.run("watch_back")
    assert watched.result is Result.PASSED, watched.sentence
    await walk.run("tell")
    texts = await asyncio.to_thread(messages, process)
    assert any(text.startswith("❌ Deployment rolled back due to bookings lost their time zone") for text in texts)
    signed: Evidence = await walk.sign("postmortem")
    assert not signed.machine
    (written,) = (tmp_path / "docs" / "postmortems").glob("*.md")
    assert "bookings lost their time zone" in written.read_text()
    assert all(view.state is State.PASSED for view in walk.checklist().steps)
    async with asyncio.timeout(30):
        while not walk.over:
            await walk.changed()
    assert walk.checklist().closed == "done"
    former = walk.candidate_id
    await walk.run("choose_revision", Answer())
    assert walk.candidate_id != former, "the first step begins another rollback"
    assert walk.checklist().view("move_back").evidence is None  # type: ignore[union-attr]


async def test_a_rollback_that_was_left_after_its_move_does_not_stand_before_the_next_one(opened: Opened) -> None:
    walk, process = await opened(load_runbook(None, "rollback"), shared=False)
    await walk.run("choose_revision", Answer("pass", STABLE, "bookings lost their time zone"))
    await walk.run("move_back")
    await walk.close()
    again, _process = await opened(load_runbook(None, "rollback"), shared=False, running=process)
    assert again.checklist().view("move_back").state is State.PASSED  # type: ignore[union-attr]
    assert again.begins_another
    offered = await again.run("choose_revision", Answer())
    assert offered.result is Result.PARTIAL
    assert again.candidate_id != walk.candidate_id
    assert STABLE not in [item.id for item in offered.items], "it serves already"


async def test_an_unknown_revision_is_no_choice(opened: Opened) -> None:
    walk, _process = await opened(load_runbook(None, "rollback"), shared=False)
    with pytest.raises(UsageError, match="no revision to go back to"):
        await walk.run("choose_revision", Answer("pass", "wa-backend-00099-xxx", ""))


async def test_a_report_of_no_such_release_names_those_that_exist(opened: Opened) -> None:
    walk, _process = await opened(load_runbook(None, "rollback"), shared=False)
    await walk.run("choose_revision", Answer("pass", STABLE, "a reason that is long enough"))
    await walk.run("move_back")
    await walk.session.watcher.refresh()
    source = Source.of(walk.session)
    report = await gather_report(source, walk.settings)
    assert report.story.release.canary == CANARY
    with pytest.raises(UsageError, match="no release 'nonsense'") as error:
        await gather_report(source, walk.settings, "nonsense")
    assert report.story.release.id in str(error.value)


def test_a_watch_that_has_ended_is_not_gone_on_with() -> None:
    from datetime import UTC, datetime, timedelta

    from console.journal import Entry

    now, day = datetime(2026, 11, 25, 14, tzinfo=UTC), timedelta(hours=24)

    def row(number: int, what: str, revision: str = CANARY) -> Entry:
        payload = {"what": what, "revision": revision, "since": "2026-11-25T12:00:00+00:00", "seconds": 86400}
        return Entry(number, now, now, "intent", None, "watch", "", "", "", payload)

    assert begun_before([row(1, "begin")], CANARY, day, now) == datetime(2026, 11, 25, 12, tzinfo=UTC)
    assert begun_before([row(2, "end"), row(1, "begin")], CANARY, day, now) is None
    assert begun_before([row(1, "begin", STABLE)], CANARY, day, now) is None
    assert begun_before([row(1, "begin")], CANARY, timedelta(hours=1), now) is None
