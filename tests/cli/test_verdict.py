"""`canario verdict`: what was last recorded, for people and for CI."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from console.commands.verdict import Reading, read_verdict
from console.errors import ExitCode
from console.release.service import Service
from console.release.state import Driver, Release, read_release
from console.release.transitions import Who, annotated, promoted, rolled_back
from tests.release.making import CANARY, STABLE, WEDNESDAY, release_at, service, verdict

NOW = WEDNESDAY
LATER = NOW + timedelta(minutes=47)
DRIVER = Driver(email="maria@acme.example", session="session-maria", expires=NOW + timedelta(minutes=1))


def at_ten(record: Any = None, *, driver: Driver | None = DRIVER, percent: int = 10) -> Service:
    release = release_at(10).model_copy(update={"driver": driver, "verdict": record})
    return holding(release, percent)


def holding(release: Release, percent: int = 10) -> Service:
    at = service({CANARY: percent, STABLE: 100 - percent} if percent else {STABLE: 100})
    return replace(at, annotations=annotated(at, release))


def seen(at: Service, now: Any = NOW) -> tuple[str, bool, ExitCode]:
    reading: Reading = read_verdict(at, now)
    return reading.word.value, reading.final, reading.exit_code


@pytest.mark.parametrize(
    ("word", "fields", "final", "code"),
    [
        ("PASS", {"over": True}, True, 0),
        ("FAIL", {"bake_done": False}, True, 1),
        ("INCONCLUSIVE", {"bake_done": False}, False, 5),
        ("INCONCLUSIVE", {"bake_done": False, "over": True}, True, 5),
        ("WARN", {"bake_done": False}, False, 5),
        ("SHARED BREACH", {"bake_done": False}, False, 6),
        ("SHARED BREACH", {"bake_done": False, "over": True}, True, 6),
    ],
)
def test_each_word_has_its_exit_code_and_ends_the_wait_or_does_not(
    word: str, fields: dict[str, Any], final: bool, code: int
) -> None:
    assert seen(at_ten(verdict(word, **fields))) == (word, final, code)


def test_without_a_release_or_a_record_it_is_inconclusive_and_says_how_to_get_one() -> None:
    assert seen(service()) == ("INCONCLUSIVE", True, 5)
    assert "canario shift 10" in read_verdict(service(), NOW).sentence
    assert seen(at_ten()) == ("INCONCLUSIVE", False, 5)
    assert "keep `canario` open" in read_verdict(at_ten(), NOW).sentence


def test_what_was_said_of_another_share_does_not_count() -> None:
    assert seen(at_ten(verdict("PASS", step=50))) == ("INCONCLUSIVE", False, 5)


def test_nobody_waits_for_a_console_that_is_gone() -> None:
    gone = at_ten(verdict("WARN", bake_done=False), driver=None)
    assert seen(gone) == ("INCONCLUSIVE", True, 5)
    assert "is gone" in read_verdict(gone, NOW).sentence
    ran_out = at_ten(verdict("SHARED BREACH", bake_done=False), driver=DRIVER.model_copy(update={"expires": NOW}))
    assert seen(ran_out) == ("INCONCLUSIVE", True, 5)
    assert seen(at_ten(), LATER) == ("INCONCLUSIVE", True, 5)


def test_an_old_pass_opens_no_gate_and_an_old_fail_stays_one() -> None:
    assert seen(at_ten(verdict("PASS")), LATER) == ("INCONCLUSIVE", True, 5)
    assert "PASS was said 47:06 ago" in read_verdict(at_ten(verdict("PASS")), LATER).sentence
    assert seen(at_ten(verdict("FAIL")), LATER) == ("FAIL", True, 1)


def test_a_release_that_has_ended_tells_how() -> None:
    release = read_release(at_ten(verdict("PASS", step=100)).annotations)[0]
    assert release is not None
    assert seen(holding(promoted(release, NOW), 100), LATER) == ("PASS", True, 0)
    who = Who("maria@acme.example", "session-maria", NOW)
    for automatic, word, code in ((True, "FAIL", 1), (False, "INCONCLUSIVE", 5)):
        after = rolled_back(
            release.model_copy(update={"verdict": None}), at_ten(), who, shares={STABLE: 100}, canary=CANARY,
            reason="3 % errors", automatic=automatic,
        )  # fmt: skip
        assert after is not None
        assert seen(holding(after, 0)) == (word, True, code)


def test_on_the_command_line_a_timeout_ends_the_wait(simulator, canario) -> None:
    endpoint = simulator().grpc
    assert canario("verdict", "--endpoint", endpoint).returncode == 5
    assert canario("verdict", "--wait", "--endpoint", endpoint).returncode == 5
    assert canario("shift", "10", "--endpoint", endpoint).returncode == 0
    done = canario("verdict", "--wait", "--timeout", "2 s", "--json", "--endpoint", endpoint)
    assert done.returncode == 5
    assert "has not ended in time" in done.stdout
    assert "keep `canario` open" in done.stderr
    assert canario("verdict", "--wait", "--timeout", "soon", "--endpoint", endpoint).returncode == 2
