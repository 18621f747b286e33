"""The autopilot on a live service: counts down, rolls back, keeps the seat, records the verdict, ends the release."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from console.actions import Autopilot
from console.clock import SystemClock
from console.release.guardrails import EnvironmentRules
from console.release.plan import RolloutPlan
from console.verdict.base import Word
from tests.actions.conftest import MakeTeam
from tests.actions.operators import CANARY, REASON, STABLE, Operator, Team, until

QUICK = EnvironmentRules("production", plan=RolloutPlan(bake=timedelta(seconds=30), minimum_requests=100))


@asynccontextmanager
async def driving(operator: Operator, countdown_s: float = 0.5) -> AsyncIterator[Autopilot]:
    """An operator's console with feeds and autopilot running."""
    autopilot = Autopilot(
        cloud=operator.cloud,
        watcher=operator.watcher,
        actions=operator.actions,
        clock=SystemClock(),
        countdown_s=countdown_s,
    )
    tasks = [asyncio.create_task(operator.watcher.run()), asyncio.create_task(autopilot.run())]
    try:
        yield autopilot
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


async def test_a_bad_canary_is_rolled_back_by_itself(team_on: MakeTeam) -> None:
    maria = await team_on(scenario="broken-canary").join()
    async with driving(maria) as autopilot:
        await maria.actions.shift(10)
        assert autopilot.armed
        await until(lambda: autopilot.countdown is not None)
        await until(lambda: maria.actions.rollback_progress and maria.actions.rollback_progress.state == "done")
        progress = maria.actions.rollback_progress
        assert progress is not None
        assert progress.automatic
        release = await maria.release()
        assert release.moves[-1].automatic
        assert "%" in release.moves[-1].reason
        assert release.verdict is not None
        assert (release.verdict.word, release.verdict.step) == ("FAIL", 10), "history says what it was rolled back for"
        assert await maria.shares() == {STABLE: 100}
        await until(lambda: maria.watcher.latest.service and maria.watcher.latest.service.settled)
        assert any("automatic rollback" in note for note in autopilot.notes)


async def test_escape_stops_it_and_the_canary_stays(team_on: MakeTeam) -> None:
    maria = await team_on(scenario="broken-canary").join()
    async with driving(maria, countdown_s=1.0) as autopilot:
        await maria.actions.shift(10)
        await until(lambda: autopilot.countdown is not None)
        autopilot.stop_countdown()
        assert autopilot.held_s() > 50
        await asyncio.sleep(1.5)
        assert autopilot.countdown is None
        assert await maria.shares() == {CANARY: 10, STABLE: 90}


async def test_disarmed_it_watches_and_does_nothing(team_on: MakeTeam) -> None:
    maria = await team_on(scenario="broken-canary").join()
    await maria.actions.set_auto_rollback(False, reason=REASON)
    async with driving(maria) as autopilot:
        await maria.actions.shift(10)
        await until(lambda: maria.watcher.latest.verdict and maria.watcher.latest.verdict.breach)
        await asyncio.sleep(0.8)
        assert not autopilot.armed
        assert autopilot.countdown is None
        assert await maria.shares() == {CANARY: 10, STABLE: 90}


async def test_a_release_begun_by_a_command_is_guarded_by_its_own_users_open_console(team_on: MakeTeam) -> None:
    team = team_on(scenario="broken-canary")
    maria, juan = await team.join("maria"), await team.join("juan")
    command = await team.join("maria", console=False, session="maria-command")
    async with driving(maria) as autopilot, driving(juan) as other:
        await command.actions.shift(10)
        await until(lambda: autopilot.drives)
        assert not other.drives
        await until(lambda: maria.actions.rollback_progress and maria.actions.rollback_progress.state == "done")
        assert juan.actions.rollback_progress is None
    assert await maria.shares() == {STABLE: 100}


async def test_a_console_that_only_watches_rolls_nothing_back(team_on: MakeTeam) -> None:
    team = team_on(scenario="broken-canary")
    maria, juan = await team.join(), await team.join("juan")
    await maria.actions.shift(10)
    async with driving(juan) as autopilot:
        await until(lambda: juan.watcher.latest.verdict and juan.watcher.latest.verdict.breach)
        assert not autopilot.drives
        assert autopilot.countdown is None
        # maria's console is gone: her lease runs out in two minutes of the cloud's time
        await until(lambda: autopilot.may_take_over)
        await juan.actions.take_over()
        await until(lambda: juan.actions.rollback_progress and juan.actions.rollback_progress.state == "done")
        assert await juan.shares() == {STABLE: 100}


async def test_a_living_console_keeps_its_seat_and_records_what_its_judge_says(team: Team) -> None:
    maria = await team.join(rules=QUICK)
    async with driving(maria) as autopilot:
        await maria.actions.shift(10)
        first = (await maria.release()).driver
        assert first is not None

        async def renewed() -> bool:
            driver = (await maria.release()).driver
            return driver is not None and driver.expires > first.expires + timedelta(minutes=2)

        await until(renewed)
        assert autopilot.drives

        async def baked() -> bool:
            verdict = (await maria.release()).verdict
            return verdict is not None and verdict.bake_done and verdict.step == 10

        await until(baked)
        command = await team.join("maria", console=False, rules=QUICK)
        outcome = await command.actions.shift(50)
        assert outcome.after == {CANARY: 50, STABLE: 50}
        driver = (await maria.release()).driver
        assert driver is not None
        assert driver.session == maria.actions.session_id


async def test_a_release_that_bakes_at_100_is_written_down_as_promoted(team: Team) -> None:
    maria = await team.join(rules=QUICK)
    async with driving(maria):
        for step in (10, 50, 100):
            await maria.actions.shift(step)
            if step < 100:
                await until(_baked_at(maria, step))

        async def promoted() -> bool:
            return (await maria.release()).ended == "promoted"

        await until(promoted)
        await until(lambda: maria.slack.titles and maria.slack.titles[-1] == "✅ DEPLOYMENT SUCCESSFUL")


async def test_a_bake_at_100_that_its_driver_left_is_watched_to_its_end_by_whoever_takes_the_seat(team: Team) -> None:
    maria = await team.join(rules=QUICK)
    for step in (10, 50, 100):
        await maria.actions.shift(step, reason=REASON)
    await maria.actions.release_lease()
    juan = await team.join("juan", rules=QUICK)
    async with driving(juan) as autopilot:
        await until(lambda: autopilot.may_take_over)
        assert not autopilot.drives
        await juan.actions.take_over()

        async def promoted() -> bool:
            return (await maria.release()).ended == "promoted"

        await until(promoted, timeout_s=60)
        await until(lambda: juan.slack.titles and juan.slack.titles[-1] == "✅ DEPLOYMENT SUCCESSFUL")


def _baked_at(operator: Operator, step: int):  # type: ignore[no-untyped-def]
    def baked() -> bool:
        snapshot = operator.watcher.latest
        return (
            snapshot.verdict is not None
            and snapshot.verdict.bake_done
            and snapshot.verdict.word is Word.PASS
            and snapshot.service is not None
            and snapshot.service.effective_shares().get(CANARY) == step
        )

    return baked


async def test_a_rollback_that_is_refused_is_said_and_tried_again(team_on: MakeTeam) -> None:
    maria = await team_on(scenario="broken-canary").join()
    async with driving(maria) as autopilot:
        await maria.actions.shift(10)
        await until(lambda: autopilot.countdown is not None)
        maria.simulator.fault(lost_permissions=["*"])
        await until(lambda: maria.actions.rollback_progress and maria.actions.rollback_progress.state == "failed")
        await until(lambda: autopilot.problem)
        maria.simulator.fault(clear=True)
        await until(lambda: maria.actions.rollback_progress and maria.actions.rollback_progress.state == "done")
        assert await maria.shares() == {STABLE: 100}


async def test_a_fault_of_our_own_is_said_and_the_rollback_tried_again(
    team_on: MakeTeam, monkeypatch: pytest.MonkeyPatch
) -> None:
    maria = await team_on(scenario="broken-canary").join()
    rollback, calls = maria.actions.rollback, 0

    async def faulty(**what: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise KeyError("a bug")
        return await rollback(**what)

    monkeypatch.setattr(maria.actions, "rollback", faulty)
    async with driving(maria) as autopilot:
        await maria.actions.shift(10)
        await until(lambda: "a bug" in autopilot.problem)
        await until(lambda: maria.actions.rollback_progress and maria.actions.rollback_progress.state == "done")
        assert await maria.shares() == {STABLE: 100}


async def test_with_no_release_nothing_is_driven(team: Team) -> None:
    maria = await team.join()
    async with driving(maria) as autopilot:
        await asyncio.sleep(0.3)
        assert not autopilot.drives
        assert not autopilot.may_take_over
        assert autopilot.armed
        assert replace(QUICK).protected
