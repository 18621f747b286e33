"""Shifts, undo and deployments against a real server: guarded, merged, refused, told."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from console.cloud.run import PendingChange
from console.errors import (
    BlockedError,
    CloudError,
    ConfirmationLostError,
    ConflictError,
    UnavailableError,
    UsageError,
)
from console.release.guardrails import EnvironmentRules
from console.release.service import Service
from console.release.state import ANNOTATION, DEPLOYMENT, read_document, read_release
from tests.actions.conftest import MakeTeam
from tests.actions.operators import CANARY, OLDER, REASON, STABLE, Team, until, updates
from tests.conftest import FRIDAY


async def test_the_first_step_moves_traffic_and_writes_the_release_in_one_call(team: Team) -> None:
    maria = await team.join()
    outcome = await maria.actions.shift(10)
    assert outcome.before == {STABLE: 100}
    assert outcome.after == {CANARY: 10, STABLE: 90}
    assert await maria.shares() == {CANARY: 10, STABLE: 90}
    assert outcome.notes == ()
    assert updates(team.simulator) == 1
    service, release = await maria.service(), await maria.release()
    assert service.traffic.revision_for_tag("canary") == CANARY
    assert release.under_way
    assert (release.canary, release.stable, release.step) == (CANARY, STABLE, 10)
    assert release.baseline_shares() == {STABLE: 100}
    assert release.driver is not None
    assert release.driver.email == "maria@acme.example"
    assert maria.rows() == [("intent", "shift", ""), ("outcome", "shift", "done")]
    await maria.actions.close()
    assert maria.slack.titles == ["▲ CANARY RAISED"]


async def test_the_journals_rows_are_copied_to_the_audit_log(team: Team) -> None:
    maria = await team.join()
    await maria.actions.shift(10)
    await maria.actions.close()
    copies = await maria.cloud.logs.list('log_id("canario-audit")')
    assert len(copies) == 2


async def test_a_friday_is_refused_by_name_and_a_written_reason_is_journalled_and_told(team_on: MakeTeam) -> None:
    maria = await team_on(now=FRIDAY).join(console=False)
    with pytest.raises(BlockedError) as caught:
        await maria.actions.shift(10)
    assert caught.value.exit_code == 3
    assert "Tue-Thu 10:00-14:00" in str(caught.value)
    assert caught.value.overridable
    with pytest.raises(BlockedError, match="at least 10 characters; this one has 5"):
        await maria.actions.shift(10, reason="hurry")
    assert updates(maria.simulator) == 0
    outcome = await maria.actions.shift(10, reason=REASON)
    assert outcome.overridden == ("window",)
    assert (await maria.release()).moves[-1].reason == REASON
    assert maria.journal.entries()[-1].payload["reason"] == REASON
    await maria.actions.close()
    assert "⚠ GUARDRAIL OVERRIDDEN" in maria.slack.titles


async def test_a_whole_release_by_verdicts_and_the_next_one_after_it(team: Team) -> None:
    maria = await team.join()
    await maria.actions.shift(10)
    with pytest.raises(BlockedError, match="nobody has judged"):
        await maria.actions.shift(50)
    for step, following in ((10, 50), (50, 100)):
        await maria.judge(step=step)
        await maria.actions.shift(following)
    assert await maria.shares() == {CANARY: 100}
    assert (await maria.release()).under_way
    finished = await maria.actions.finish()
    assert finished is not None
    assert (await maria.release()).ended == "promoted"
    assert await maria.actions.finish() is None
    deployed = await maria.actions.deploy("host/app:2")
    outcome = await maria.actions.shift(10)
    assert outcome.canary == deployed.canary
    assert outcome.after == {deployed.canary: 10, CANARY: 90}
    assert (await maria.release()).stable == CANARY


async def test_a_failed_canary_is_not_promoted_by_a_command_either(team: Team) -> None:
    maria = await team.join()
    await maria.actions.shift(10)
    await maria.judge("FAIL", step=10)
    command = await team.join("maria", console=False)
    with pytest.raises(BlockedError, match="FAIL"):
        await command.actions.shift(50, reason=REASON)


async def test_fifty_from_nothing_an_unknown_revision_and_a_share_out_of_range(team: Team) -> None:
    maria = await team.join(console=False)
    with pytest.raises(BlockedError, match="after 0 % comes 10 %"):
        await maria.actions.shift(50, reason=REASON)
    with pytest.raises(UsageError, match="no revision wa-backend-09999-nil"):
        await maria.actions.shift(10, canary="wa-backend-09999-nil")
    with pytest.raises(UsageError):
        await maria.actions.shift(101)
    assert updates(team.simulator) == 0
    assert maria.rows() == []


async def test_the_same_share_again_sends_nothing(team: Team) -> None:
    maria = await team.join()
    await maria.actions.shift(10)
    again = await maria.actions.shift(10)
    assert again.already
    assert updates(team.simulator) == 1


async def test_foreign_annotations_and_tags_are_kept(team: Team) -> None:
    maria = await team.join()
    service = await maria.service()
    pending = await maria.cloud.run.write(
        service,
        traffic=service.traffic.with_tag("pr-7", OLDER),
        annotations={**service.annotations, "acme.example/owner": "wa"},
    )
    await maria.cloud.run.wait(pending.operation)
    await maria.look()
    await maria.actions.shift(10)
    after = await maria.service()
    assert after.annotations["acme.example/owner"] == "wa"
    assert set(after.traffic.tags()) == {("canary", CANARY), ("pr-7", OLDER)}


# undo


async def test_undo_restores_the_split_before_and_undoing_a_rollback_needs_a_reason(team: Team) -> None:
    maria = await team.join()
    await maria.actions.shift(10)
    await maria.judge(step=10)
    await maria.actions.shift(50)
    assert (await maria.actions.undo()).after == {CANARY: 10, STABLE: 90}
    await maria.actions.rollback()
    with pytest.raises(BlockedError, match="was rolled back"):
        await maria.actions.undo()
    outcome = await maria.actions.undo(reason=REASON)
    assert outcome.after == {CANARY: 10, STABLE: 90}
    assert (await maria.release()).under_way


async def test_a_rolled_back_revision_needs_a_typed_reason_to_move_again(team: Team) -> None:
    maria = await team.join()
    await maria.actions.shift(10)
    await maria.actions.rollback(reason="errors")
    with pytest.raises(BlockedError, match="was rolled back"):
        await maria.actions.shift(10)
    await maria.actions.shift(10, reason=REASON)
    assert await maria.shares() == {CANARY: 10, STABLE: 90}


# others


async def test_an_annotation_written_between_look_and_write_is_merged(team: Team) -> None:
    maria, juan = await team.join(), await team.join("juan")
    await juan.actions.shift(10)
    await juan.judge(step=10)
    seen = await juan.look()
    facts = juan.actions._mover._site.access.facts

    async def facts_then_somebody_writes(**options: object) -> object:
        found = await facts(**options)  # type: ignore[arg-type]
        service = await maria.service()
        await maria.cloud.run.write(service, annotations={**service.annotations, "acme.example/note": "x"})
        return found

    juan.actions._mover._site.access.facts = facts_then_somebody_writes  # type: ignore[assignment]
    await juan.actions.shift(50, seen=seen)
    after = await juan.service()
    assert after.effective_shares() == {CANARY: 50, STABLE: 50}
    assert after.annotations["acme.example/note"] == "x"
    assert ANNOTATION in after.annotations


async def test_an_approval_that_was_taken_away_between_look_and_write_blocks_the_move(team: Team) -> None:
    maria = await team.join()
    juan = await team.join("juan", rules=EnvironmentRules("production", approvals=("code", "tech_lead")))
    facts = juan.actions._mover._site.access.facts

    async def facts_then_maria_takes_the_approvals_back(**options: object) -> object:
        found = await facts(**options)  # type: ignore[arg-type]
        service = await maria.service()
        document = json.loads(service.annotations[ANNOTATION])
        document["candidate"]["approvals"] = []
        await maria.cloud.run.write(service, annotations={**service.annotations, ANNOTATION: json.dumps(document)})
        return found

    juan.actions._mover._site.access.facts = facts_then_maria_takes_the_approvals_back  # type: ignore[assignment]
    with pytest.raises(BlockedError, match="nobody has approved"):
        await juan.actions.shift(10)
    assert await juan.shares() == {STABLE: 100}


async def test_traffic_that_somebody_moved_is_a_conflict_that_names_them_and_the_split(team: Team) -> None:
    maria = await team.join()
    seen = await maria.look()
    facts = maria.actions._mover._site.access.facts

    async def facts_then_the_rival(**options: object) -> object:
        found = await facts(**options)  # type: ignore[arg-type]
        await asyncio.to_thread(
            team.simulator.rival, service="wa-backend", canary_percent=40, principal="eve@acme.example"
        )
        return found

    maria.actions._mover._site.access.facts = facts_then_the_rival  # type: ignore[assignment]
    with pytest.raises(ConflictError) as caught:
        await maria.actions.shift(10, seen=seen)
    assert "eve@acme.example" in caught.value.what
    assert "40 % wa-backend-00042-vez" in caught.value.what
    assert "Nothing of ours was done" in caught.value.traffic
    assert (await maria.service()).desired_shares() == {CANARY: 40, STABLE: 60}
    assert maria.rows()[-1] == ("outcome", "shift", "conflict")


async def test_a_split_other_than_the_operator_saw_is_refused_before_anything_is_sent(team: Team) -> None:
    maria = await team.join()
    seen = await maria.look()
    await asyncio.to_thread(team.simulator.rival, service="wa-backend", canary_percent=40)
    sent = updates(team.simulator)
    with pytest.raises(BlockedError, match="look again"):
        await maria.actions.shift(50, seen=seen, reason=REASON)
    assert updates(team.simulator) == sent


async def test_two_operators_cannot_both_win(team: Team) -> None:
    maria, juan = await team.join(), await team.join("juan")
    results = await asyncio.gather(maria.actions.shift(10), juan.actions.shift(5), return_exceptions=True)
    won = [result for result in results if not isinstance(result, BaseException)]
    lost = [result for result in results if isinstance(result, BaseException)]
    assert len(won) == 1
    assert isinstance(lost[0], ConflictError | BlockedError)
    assert await maria.shares() == dict(won[0].after)


async def test_another_driver_is_asked_for_a_reason(team: Team) -> None:
    maria, juan = await team.join(), await team.join("juan")
    await maria.actions.shift(10)
    await maria.judge(step=10)
    with pytest.raises(BlockedError, match=r"maria@acme\.example drives"):
        await juan.actions.shift(50)
    with pytest.raises(BlockedError):
        await juan.actions.take_over()
    await juan.actions.take_over(reason=REASON)
    driver = (await juan.release()).driver
    assert driver is not None
    assert driver.email == "juan@acme.example"
    assert not await maria.actions.renew_lease()
    assert await juan.actions.renew_lease()
    await juan.actions.close()
    assert "👤 DRIVER CHANGED" in juan.slack.titles
    await juan.actions.release_lease()
    assert (await juan.release()).driver is None


async def test_lowering_another_operators_canary_is_free(team: Team) -> None:
    maria, juan = await team.join(), await team.join("juan")
    await maria.actions.shift(10)
    outcome = await juan.actions.shift(5)
    assert outcome.after == {CANARY: 5, STABLE: 95}
    assert outcome.release is not None
    assert outcome.release.driver is not None
    assert outcome.release.driver.email == "maria@acme.example"


async def test_a_canary_can_be_lowered_while_its_rise_is_still_being_carried_out(team: Team) -> None:
    team.simulator.set_speed(1)
    team.simulator.fault(reconcile_s=2)
    maria = await team.join()
    raising = asyncio.create_task(maria.actions.shift(10))
    await until(lambda: updates(team.simulator) == 1)
    lowering = asyncio.create_task(maria.actions.shift(5))
    await until(lambda: updates(team.simulator) == 2, timeout_s=1.5)
    await asyncio.gather(raising, lowering, return_exceptions=True)
    assert await maria.shares() == {CANARY: 5, STABLE: 95}


async def test_a_secret_in_a_reason_reaches_neither_annotation_nor_slack(team_on: MakeTeam) -> None:
    maria = await team_on(now=FRIDAY).join()
    await maria.actions.shift(10, reason="use https://hooks.slack.com/services/T0/B0/secret for news")
    await maria.actions.close()
    kept = "".join((await maria.service()).annotations.values()) + "".join(message.text for message in maria.slack.got)
    assert "[hidden]" in kept
    assert "B0/secret" not in kept


# a cloud that fails


async def test_an_answer_lost_on_the_way_is_looked_up_not_sent_again(team: Team) -> None:
    maria = await team.join()
    team.simulator.fault(fail_next={"method": "UpdateService", "code": "UNAVAILABLE", "answered": True})
    await maria.actions.shift(10)
    assert await maria.shares() == {CANARY: 10, STABLE: 90}
    assert updates(team.simulator) == 1


async def test_a_deployment_whose_answer_is_lost_is_looked_up_not_sent_again(team: Team) -> None:
    maria = await team.join()
    team.simulator.fault(fail_next={"method": "UpdateService", "code": "UNAVAILABLE", "answered": True})
    outcome = await maria.actions.deploy("us-docker.pkg.dev/demo/app/wa-backend:new")
    assert outcome.canary == (await maria.service()).traffic.revision_for_tag("canary") != CANARY
    assert updates(team.simulator) == 1


async def test_a_deployment_that_is_lost_on_its_way_is_told_as_not_seen(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    maria = await team.join()

    async def lost(_service: Service, **_what: object) -> PendingChange:
        raise ConfirmationLostError("the answer was lost")

    monkeypatch.setattr(maria.cloud.run, "deploy", lost)
    with pytest.raises(ConfirmationLostError, match="shows no new revision under canary"):
        await maria.actions.deploy("us-docker.pkg.dev/demo/app/wa-backend:new")


async def test_an_answer_that_is_lost_for_good_is_never_told_as_nothing_moved(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    maria = await team.join()
    read = maria.cloud.run.get_service

    async def dead(_name: str, **_what: float) -> Service:
        raise UnavailableError("no answer", traffic="Traffic stays as it is.")

    async def lost(_service: Service, **_what: object) -> PendingChange:
        monkeypatch.setattr(maria.cloud.run, "get_service", dead)
        raise ConfirmationLostError("the answer was lost", traffic="The change may or may not have been made.")

    monkeypatch.setattr(maria.cloud.run, "write", lost)
    with pytest.raises(ConfirmationLostError):
        await maria.actions.shift(10)
    monkeypatch.setattr(maria.cloud.run, "get_service", read)


async def test_an_annotation_that_cannot_be_read_may_hide_a_driver_and_asks_for_a_reason(team: Team) -> None:
    maria = await team.join()
    await maria.actions.shift(10)
    await maria.cloud.run.write(await maria.service(), annotations={ANNOTATION: '{"version": 9}'})
    juan = await team.join("juan", console=False)
    with pytest.raises(BlockedError, match="nobody knows who drives"):
        await juan.actions.shift(20)
    await juan.actions.shift(5)
    assert await juan.shares() == {CANARY: 5, STABLE: 95}


async def test_a_move_that_a_rollback_overtakes_does_not_end_as_if_it_still_held(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    maria, juan = await team.join(), await team.join("juan", console=False)
    wait = maria.cloud.run.wait

    async def overtaken(operation: str, *, timeout_s: float = 120.0) -> Service:
        await juan.actions.rollback()
        return await wait(operation, timeout_s=timeout_s)

    monkeypatch.setattr(maria.cloud.run, "wait", overtaken)
    team.simulator.fault(reconcile_s=80)  # the move is still under way when the rollback comes, on a slow machine too
    outcome = await maria.actions.shift(10)
    assert any(
        f"moved the split again before this move was done. Serving now: 100 % {STABLE}" in n for n in outcome.notes
    )


async def test_a_reconcile_that_fails_says_what_serves(team: Team) -> None:
    maria = await team.join()
    team.simulator.fault(fail_reconcile="the container did not start")
    with pytest.raises(CloudError) as caught:
        await maria.actions.shift(10)
    assert "did not start" in str(caught.value)
    assert await maria.shares() == {STABLE: 100}
    assert maria.rows()[-1] == ("outcome", "shift", "failed")


async def test_a_missing_permission_moves_nothing_and_says_so(team: Team) -> None:
    maria = await team.join()
    team.simulator.fault(lost_permissions=["*"])
    with pytest.raises(CloudError):
        await maria.actions.shift(10)
    assert await maria.shares() == {STABLE: 100}


async def test_a_broken_journal_blocks_a_promotion_before_anything_is_sent(team: Team, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    maria = await team.join(journal=tmp_path / "file" / "journal.db")
    with pytest.raises(BlockedError, match="cannot be written"):
        await maria.actions.shift(10, reason=REASON)
    assert updates(team.simulator) == 0


# deployments and arming


async def test_a_deployment_gets_no_traffic_and_the_tag(team: Team) -> None:
    maria = await team.join()
    outcome = await maria.actions.deploy("host/path/app:abc123", tag="canary")
    service = await maria.service()
    assert outcome.canary is not None
    assert outcome.canary not in (CANARY, STABLE)
    assert service.traffic.revision_for_tag("canary") == outcome.canary
    assert service.effective_shares() == {STABLE: 100}
    assert maria.rows() == [("intent", "deploy", ""), ("outcome", "deploy", "done")]
    with pytest.raises(UsageError):
        await maria.actions.deploy("  ")


async def test_a_deployment_is_written_on_the_service_by_the_same_call_and_begins_no_release(team: Team) -> None:
    maria = await team.join()
    before = updates(team.simulator)
    await maria.actions.deploy("host/path/app:abc123", tag="canary")
    annotations = (await maria.service()).annotations
    written = read_document(annotations)[0].deployment
    assert written is not None
    assert (written.image, written.tag, written.by) == ("host/path/app:abc123", "canary", maria.actions.identity)
    assert DEPLOYMENT not in annotations
    assert read_release(annotations) == (None, "")
    assert updates(team.simulator) == before + 1


async def test_a_next_release_waits_for_a_bake_at_100_or_a_reason_and_writes_how_the_last_one_ended(team: Team) -> None:
    maria = await team.join()
    for step in (10, 50, 100):
        await maria.actions.shift(step, reason=REASON)
    before = await maria.release()
    deployed = await maria.actions.deploy("host/path/app:abc123")
    with pytest.raises(BlockedError, match="still bakes at 100 %"):
        await maria.actions.shift(10, canary=deployed.canary)
    await maria.actions.shift(10, canary=deployed.canary, reason=REASON)
    release = await maria.release()
    assert release.canary == deployed.canary
    assert release.former is not None
    assert (release.former.id, release.former.ended) == (before.id, "promoted unwatched")
    await maria.actions.rollback()
    assert await maria.shares() == {CANARY: 100}


async def test_a_friday_takes_no_deployment(team_on: MakeTeam) -> None:
    maria = await team_on(now=FRIDAY).join()
    with pytest.raises(BlockedError, match="window"):
        await maria.actions.deploy("host/app:1")


async def test_a_workflow_deploys_through_the_same_door_and_on_a_friday_it_is_not_started(team_on: MakeTeam) -> None:
    maria = await team_on(now=FRIDAY).join()
    started: list[str] = []

    async def start() -> None:
        started.append("deploy-backend.yml")

    for percent in (0, 10):
        with pytest.raises(BlockedError, match="window"):
            await maria.actions.deploy_elsewhere("dispatch deploy-backend.yml", percent, start)
    assert started == []
    assert maria.rows() == []
    await maria.actions.deploy_elsewhere("dispatch deploy-backend.yml", 0, start, reason="agreed with the tech lead")
    assert started == ["deploy-backend.yml"]
    assert maria.rows() == [("intent", "dispatch", ""), ("outcome", "dispatch", "done")]


async def test_a_workflow_that_moves_traffic_waits_for_both_approvals(team_on: MakeTeam) -> None:
    rules = EnvironmentRules("production", approvals=("code", "tech_lead"))
    maria = await team_on(bare=True).join(rules=rules)
    started: list[str] = []

    async def start() -> None:
        started.append("deploy-backend.yml")

    with pytest.raises(BlockedError, match="approvals") as raised:
        await maria.actions.deploy_elsewhere("dispatch deploy-backend.yml", 10, start, reason="a reason that is long")
    assert not raised.value.overridable
    assert started == []
    await maria.actions.deploy_elsewhere("dispatch deploy-backend.yml", 0, start)
    assert started == ["deploy-backend.yml"]
    approved = await team_on().join("juan", rules=rules)  # its service has both recorded
    await approved.actions.deploy_elsewhere("dispatch deploy-backend.yml", 10, start)
    assert len(started) == 2


async def test_disarming_is_written_journalled_and_told(team: Team) -> None:
    maria = await team.join()
    await maria.actions.shift(10)
    assert (await maria.release()).auto_rollback
    await maria.actions.set_auto_rollback(False, reason=REASON)
    assert not (await maria.release()).auto_rollback
    assert ("outcome", "disarm", "done") in maria.rows()
    await maria.actions.close()
    assert "🔕 AUTOMATIC ROLLBACK DISARMED" in maria.slack.titles
    await maria.actions.set_auto_rollback(True)
    assert (await maria.release()).auto_rollback


async def test_disarmed_before_a_release_the_next_one_starts_so(team: Team) -> None:
    maria = await team.join()
    await maria.actions.set_auto_rollback(False)
    await maria.actions.shift(10)
    assert not (await maria.release()).auto_rollback
