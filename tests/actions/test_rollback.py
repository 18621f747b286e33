"""Rollback is sacred: from everything, through everything, until the service reports the old split back."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from console.actions import RollbackProgress
from console.errors import (
    BlockedError,
    CloudError,
    InvalidRequestError,
    PermissionMissingError,
    UnavailableError,
    UsageError,
)
from console.release.state import ANNOTATION
from tests.actions.conftest import MakeTeam
from tests.actions.operators import CANARY, OLDER, REASON, STABLE, Operator, Team, until, updates
from tests.conftest import FRIDAY


async def at_ten(team: Team, **options: Any) -> Operator:
    maria = await team.join(**options)
    await maria.actions.shift(10)
    await maria.look()
    return maria


async def test_it_restores_the_split_marks_the_revision_and_says_how_long_it_took(team: Team) -> None:
    maria = await at_ten(team)
    seen: list[RollbackProgress] = []
    outcome = await maria.actions.rollback(reason="3.1 % errors", progress=seen.append)
    assert await maria.shares() == {STABLE: 100}
    assert (outcome.target, outcome.attempts, outcome.already) == (STABLE, 1, False)
    assert outcome.took > timedelta(0)
    release = await maria.release()
    assert release.ended == "rolled back"
    assert release.driver is None
    mark = release.was_rolled_back(CANARY)
    assert mark is not None
    assert (mark.by, mark.reason) == ("maria@acme.example", "3.1 % errors")
    assert (await maria.service()).traffic.revision_for_tag("canary") == CANARY
    assert [progress.state for progress in seen] == ["sending", "sending", "moving", "done"]
    assert maria.actions.rollback_progress == seen[-1]
    assert seen[-1].took == outcome.took
    assert maria.rows()[-2:] == [("intent", "rollback", ""), ("outcome", "rollback", "done")]
    await maria.actions.close()
    assert maria.slack.got[-1].title == "❌ DEPLOYMENT ROLLED BACK"
    assert "Previous revision: " + STABLE in maria.slack.got[-1].text
    assert any("tag canary still reaches" in note for note in outcome.notes)


async def test_the_call_leaves_at_once_with_no_read_before_it(team: Team) -> None:
    maria = await at_ten(team)
    calls: Any = team.simulator.state()["received"]
    before = len(calls)
    await maria.actions.rollback()
    received: Any = team.simulator.state()["received"]
    after = [str(call["method"]).rpartition("/")[2] for call in received[before:]]
    assert "GetService" not in after[: after.index("UpdateService")]


async def test_on_a_friday_night_nothing_stands_in_its_way(team_on: MakeTeam) -> None:
    team = team_on(now=FRIDAY)
    maria = await team.join()
    await maria.actions.shift(10, reason=REASON)
    await maria.actions.rollback()
    assert await maria.shares() == {STABLE: 100}


async def test_a_command_with_no_picture_reads_once_and_rolls_back(team: Team) -> None:
    await at_ten(team)
    command = await team.join("juan", console=False)
    outcome = await command.actions.rollback()
    assert outcome.target == STABLE
    assert await command.shares() == {STABLE: 100}


async def test_a_stable_revision_that_has_everything_is_left_alone(team: Team) -> None:
    for console in (True, False):
        operator = await team.join(console=console)
        outcome = await operator.actions.rollback()
        assert outcome.already
        assert outcome.after == {STABLE: 100}
    assert updates(team.simulator) == 0


async def test_a_second_rollback_never_goes_to_an_older_revision(team: Team) -> None:
    maria = await at_ten(team)
    await maria.actions.rollback()
    again = await maria.actions.rollback()
    assert again.already
    assert await maria.shares() == {STABLE: 100}
    assert updates(team.simulator) == 2


async def test_a_stale_picture_that_says_already_is_not_believed(team: Team) -> None:
    maria = await team.join()
    await asyncio.to_thread(team.simulator.rival, service="wa-backend", canary_percent=40)
    outcome = await maria.actions.rollback()
    assert not outcome.already
    assert await maria.shares() == {STABLE: 100}


async def test_a_rival_between_look_and_call_is_read_and_overruled(team: Team) -> None:
    maria = await at_ten(team)
    await asyncio.to_thread(team.simulator.rival, service="wa-backend", canary_percent=40)
    outcome = await maria.actions.rollback()
    assert outcome.attempts == 2
    assert await maria.shares() == {STABLE: 100}
    assert (await maria.release()).ended == "rolled back"


async def test_a_rival_who_moves_the_split_again_meanwhile_is_overruled(team: Team) -> None:
    team.simulator.set_speed(1)
    maria = await at_ten(team)
    team.simulator.fault(reconcile_s=1.5)
    rolling = asyncio.create_task(maria.actions.rollback())
    await until(lambda: maria.actions.rollback_progress and maria.actions.rollback_progress.state == "moving")
    await asyncio.to_thread(team.simulator.rival, service="wa-backend", canary_percent=40)
    outcome = await rolling
    assert outcome.attempts >= 2
    assert await maria.shares() == {STABLE: 100}


async def test_an_outage_is_waited_out_and_shown(team: Team) -> None:
    maria = await at_ten(team)
    team.simulator.fault(unavailable=True)
    rolling = asyncio.create_task(maria.actions.rollback())
    await until(lambda: maria.actions.rollback_progress and maria.actions.rollback_progress.state == "retrying")
    await asyncio.sleep(0.5)
    progress = maria.actions.rollback_progress
    assert progress is not None
    assert progress.problem
    assert progress.elapsed(time.monotonic()) > timedelta(seconds=0.4)
    before = progress.attempts
    await until(lambda: maria.actions.rollback_progress.attempts > before)  # reads that fail count too
    team.simulator.fault(unavailable=False)
    await rolling
    assert await maria.shares() == {STABLE: 100}


@pytest.mark.parametrize("code", ["UNAVAILABLE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "INTERNAL", "ABORTED"])
@pytest.mark.parametrize("answered", [False, True])
async def test_a_call_that_fails_or_whose_answer_is_lost_is_made_good(team: Team, code: str, answered: bool) -> None:
    maria = await at_ten(team)
    team.simulator.fault(fail_next={"method": "UpdateService", "code": code, "count": 2, "answered": answered})
    await maria.actions.rollback()
    assert await maria.shares() == {STABLE: 100}
    assert (await maria.release()).was_rolled_back(CANARY) is not None


async def test_through_a_flaky_cloud(team_on: MakeTeam) -> None:
    team = team_on(scenario="flaky-cloud", speed=1)
    maria = await team.join()
    for _attempt in range(20):
        try:
            await maria.actions.shift(10)
        except CloudError:
            continue
        break
    await until(lambda: maria.look())
    for _round in range(5):
        await maria.actions.rollback()
        assert maria.actions.rollback_progress is not None
        assert maria.actions.rollback_progress.state == "done"


async def test_a_failed_reconcile_is_sent_again(team: Team) -> None:
    maria = await at_ten(team)
    team.simulator.fault(fail_reconcile="the control plane had a bad day")
    outcome = await maria.actions.rollback()
    assert outcome.attempts == 2
    assert await maria.shares() == {STABLE: 100}


async def test_a_target_that_vanished_gives_way_to_the_next_best(team: Team) -> None:
    maria = await at_ten(team)
    for step in (50, 100):
        await maria.judge(step=50 if step == 100 else 10)
        await maria.actions.shift(step)
    await maria.look()
    await asyncio.to_thread(team.simulator.fault, delete_revision={"service": "wa-backend", "revision": STABLE})
    outcome = await maria.actions.rollback()
    assert outcome.target == OLDER
    assert await maria.shares() == {OLDER: 100}
    assert any(STABLE in note for note in outcome.notes)


async def test_a_named_target_must_exist_and_lie_behind(team: Team) -> None:
    maria = await at_ten(team)
    with pytest.raises(UsageError, match="has no revision wa-backend-00001-nil"):
        await maria.actions.rollback(to="wa-backend-00001-nil")
    with pytest.raises(UsageError, match="only goes back"):
        await maria.actions.rollback(to=CANARY)
    assert await maria.shares() == {CANARY: 10, STABLE: 90}
    outcome = await maria.actions.rollback(to=OLDER)
    assert outcome.target == OLDER
    assert await maria.shares() == {OLDER: 100}


async def test_a_command_cannot_roll_back_to_a_revision_that_is_newer_than_what_serves(team_on: MakeTeam) -> None:
    team = team_on(now=FRIDAY)
    juan = await team.join("juan", console=False)
    deployed = await juan.actions.deploy("img:1", tag="other", reason=REASON)
    with pytest.raises(UsageError, match="only goes back"):
        await juan.actions.rollback(to=deployed.canary)
    assert await juan.shares() == {STABLE: 100}


async def test_an_annotation_that_the_cloud_refuses_does_not_keep_users_on_the_canary(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    maria = await at_ten(team)
    write = maria.cloud.run.write

    async def picky(service: Any, **what: Any) -> Any:
        if what.get("annotations") is not None:
            raise InvalidRequestError("metadata.annotations: Too long: must have at most 262144 bytes")
        return await write(service, **what)

    monkeypatch.setattr(maria.cloud.run, "write", picky)
    outcome = await maria.actions.rollback()
    assert await maria.shares() == {STABLE: 100}
    assert any("refused the release annotation" in note for note in outcome.notes)


async def test_an_annotation_that_cannot_be_read_is_said_and_the_canary_loses_its_traffic(team: Team) -> None:
    maria = await at_ten(team)
    await maria.cloud.run.write(await maria.service(), annotations={ANNOTATION: '{"version": 9}'})
    outcome = await maria.actions.rollback()
    assert await maria.shares() == {STABLE: 100}
    assert any("annotation cannot be read" in note for note in outcome.notes)


async def test_a_revision_that_was_rolled_back_is_gone_back_to_only_with_a_reason(team: Team) -> None:
    maria = await at_ten(team)
    await maria.actions.rollback(to=OLDER, reason="errors")
    await maria.actions.shift(10, canary=STABLE)
    await maria.look()
    outcome = await maria.actions.rollback()
    assert outcome.target == OLDER
    with pytest.raises(BlockedError, match="was itself rolled back"):
        await maria.actions.rollback(to=STABLE)
    assert await maria.shares() == {OLDER: 100}


async def test_a_broken_journal_is_a_note_and_no_more(team: Team, tmp_path: Path) -> None:
    await at_ten(team)
    (tmp_path / "file").write_text("no folder")
    juan = await team.join("juan", journal=tmp_path / "file" / "journal.db")
    outcome = await juan.actions.rollback()
    assert await juan.shares() == {STABLE: 100}
    assert any("Not in the journal" in note for note in outcome.notes)


async def test_a_journal_whose_disk_hangs_holds_nothing_up(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    maria = await at_ten(team)
    monkeypatch.setattr(maria.journal, "write_intent", lambda *_a, **_k: time.sleep(3) or 1)
    started = time.monotonic()
    rolling = asyncio.create_task(maria.actions.rollback())
    await until(lambda: updates(team.simulator) == 2)
    assert time.monotonic() - started < 1.5
    outcome = await rolling
    assert any("does not answer" in note for note in outcome.notes)


async def test_a_slack_that_fails_is_no_reason_to_stop(team: Team) -> None:
    maria = await at_ten(team)
    maria.slack.problem = "Slack answered 500."
    await maria.actions.rollback()
    await maria.actions.close()
    assert maria.actions.notifier.undelivered
    assert await maria.shares() == {STABLE: 100}


async def test_missing_permission_is_said_at_once(team: Team) -> None:
    maria = await at_ten(team)
    team.simulator.fault(lost_permissions=["*"])
    with pytest.raises(PermissionMissingError):
        await maria.actions.rollback()
    assert maria.actions.rollback_progress is not None
    assert maria.actions.rollback_progress.state == "failed"
    assert maria.rows()[-1] == ("outcome", "rollback", "failed")


async def test_a_command_gives_a_silent_cloud_up_in_the_end(team: Team) -> None:
    await at_ten(team)
    juan = await team.join("juan", console=False)
    team.simulator.fault(unavailable=True)
    with pytest.raises(UnavailableError):
        await juan.actions.rollback(give_up_after=timedelta(seconds=0.5))


async def test_pressing_it_twice_rolls_back_once(team: Team) -> None:
    maria = await at_ten(team)
    one, two = await asyncio.gather(maria.actions.rollback(), maria.actions.rollback())
    assert one == two
    assert updates(team.simulator) == 2


async def test_whoever_waits_for_it_may_go_and_it_goes_on(team: Team) -> None:
    maria = await at_ten(team)
    waiting = asyncio.create_task(maria.actions.rollback())
    await until(lambda: maria.actions.rolling_back)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await until(lambda: not maria.actions.rolling_back)
    assert await maria.shares() == {STABLE: 100}


async def test_a_move_asked_for_before_a_rollback_does_not_arrive_after_it(team: Team) -> None:
    maria = await team.join()
    results = await asyncio.gather(maria.actions.shift(10), maria.actions.rollback(), return_exceptions=True)
    await asyncio.sleep(0.3)
    assert await maria.shares() == {STABLE: 100}, results


@pytest.mark.parametrize("wait_s", [0.0, 0.002, 0.005, 0.01, 0.02, 0.05])
async def test_one_then_r_ends_at_the_old_split_however_quickly_pressed(team: Team, wait_s: float) -> None:
    maria = await team.join()
    moving = asyncio.create_task(maria.actions.shift(10))
    await asyncio.sleep(wait_s)
    await maria.actions.rollback()
    await asyncio.gather(moving, return_exceptions=True)
    assert await maria.shares() == {STABLE: 100}


async def test_a_canary_moved_by_hand_with_no_release_goes_back_and_is_marked(team: Team) -> None:
    await asyncio.to_thread(team.simulator.rival, service="wa-backend", canary_percent=60)
    maria = await team.join()
    outcome = await maria.actions.rollback(reason="somebody was too quick")
    assert outcome.target == STABLE
    assert await maria.shares() == {STABLE: 100}
    assert (await maria.release()).was_rolled_back(CANARY) is not None


async def test_traffic_that_is_back_already_ends_the_release_all_the_same(team: Team) -> None:
    maria = await at_ten(team)
    await asyncio.to_thread(team.simulator.rival, service="wa-backend", shares={STABLE: 100})
    outcome = await maria.actions.rollback()
    assert await maria.shares() == {STABLE: 100}
    assert not (await maria.release()).under_way
    assert outcome.after == {STABLE: 100}
