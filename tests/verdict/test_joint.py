"""The verdict and the runbook's own rules, side by side on one screen."""

from __future__ import annotations

from datetime import timedelta

from console.verdict.base import Counts, Tick, Verdict, Word
from console.verdict.joint import Drives, JointJudge
from console.verdict.sequential import SequentialJudge
from console.verdict.threshold import ThresholdJudge

START = 1_795_600_000


def joint(drives: Drives = Drives.VERDICT) -> JointJudge:
    return JointJudge(SequentialJudge(0.1), ThresholdJudge(10, timedelta(minutes=5), 500), drives)


def counts(requests: int, errors: int = 0, lines: int = 0) -> Counts:
    result = Counts(error_lines=lines, error_traces=lines)
    for number in range(requests):
        result.request(500 if number < errors else 200, 300.0)
    return result


def bake(judge: JointJudge, seconds: int, canary: Counts, stable: Counts, start: int = 0) -> Verdict:
    for second in range(start, start + seconds):
        judge.tick(Tick(START + second, canary.copy(), stable.copy()))
    return judge.verdict


def test_five_error_lines_a_minute_are_shown_and_called_noise() -> None:
    verdict = bake(joint(), 60, counts(125, lines=1), counts(1125, lines=9))
    assert any(reading.crossed for reading in verdict.rules)
    assert not verdict.breach
    assert "ERROR lines > 5 a minute" in verdict.note
    assert "normal noise" in verdict.note


def test_a_short_burst_crosses_the_runbooks_rule_while_the_verdict_waits_and_both_are_said() -> None:
    judge = joint()
    bake(judge, 60, counts(30), counts(270))
    verdict = bake(judge, 3, counts(30, errors=10), counts(270), start=60)
    assert verdict.word is not Word.FAIL
    assert not verdict.breach
    assert "error rate > 1 %" in verdict.note
    assert "The verdict drives" in verdict.note


def test_a_setting_lets_the_runbooks_rules_drive_the_rollback() -> None:
    judge = joint(Drives.RUNBOOK)
    bake(judge, 60, counts(30), counts(270))
    verdict = bake(judge, 3, counts(30, errors=10), counts(270), start=60)
    assert verdict.breach
    assert any(reading.arms for reading in verdict.rules)
    assert "The runbook's rules drive" in verdict.note
    assert verdict.breach_reason.startswith("error rate > 1 %: "), "the engine's sentence explains no rollback yet"
    verdict = bake(judge, 40, counts(30, errors=10), counts(270), start=63)
    assert verdict.word is Word.FAIL
    assert verdict.breach_reason == verdict.sentence


def test_a_healthy_canary_has_nothing_to_explain() -> None:
    assert bake(joint(), 60, counts(30), counts(270)).note == ""


def test_where_both_say_fail_nothing_needs_explaining() -> None:
    verdict = bake(joint(), 120, counts(30, errors=3), counts(270))
    assert verdict.word is Word.FAIL
    assert verdict.note == ""
