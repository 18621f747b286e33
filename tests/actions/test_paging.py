"""Who is called, how often, and what an operator reads while the release holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from console.actions.countdown import CountdownMachine, Event, Sight
from console.actions.paging import Page, Pager, trouble
from console.notify import held
from console.verdict.base import Verdict, Word

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def said(word: Word, second: int, *, no_data: bool = False) -> Verdict:
    return Verdict(word, "12 % of both fail", at=NOON + timedelta(seconds=second), no_data=no_data)


def test_a_shared_breach_calls_once_however_long_it_lasts() -> None:
    pager = Pager()
    pages = [pager.look(said(Word.SHARED_BREACH, second)) for second in range(300)]
    assert pages[0] == Page("shared breach", "12 % of both fail")
    assert pages[1:] == [None] * 299


def test_a_breach_that_flickers_is_one_spell_and_one_after_a_quiet_minute_is_another() -> None:
    pager = Pager()
    assert pager.look(said(Word.SHARED_BREACH, 0))
    assert not pager.look(said(Word.INCONCLUSIVE, 10))
    assert not pager.look(said(Word.SHARED_BREACH, 50))
    assert pager.look(said(Word.SHARED_BREACH, 111))


def test_a_canary_that_is_not_seen_calls_and_one_that_only_needs_requests_does_not() -> None:
    pager = Pager()
    assert pager.look(said(Word.INCONCLUSIVE, 0)) is None
    assert pager.look(said(Word.INCONCLUSIVE, 1, no_data=True)) == Page("no data", "12 % of both fail")
    assert pager.look(said(Word.SHARED_BREACH, 2)) is not None, "another trouble is another call"
    assert not any(trouble(said(word, 0)) for word in (Word.PASS, Word.WARN, Word.FAIL))


def test_the_call_says_that_the_release_holds() -> None:
    message = held(
        environment="production", service="wa-backend", canary="wa-backend-00042-vez", percent=10,
        kind="shared breach", sentence="12 % of both fail", who="maria@acme.example",
    )  # fmt: skip
    assert message.urgent
    assert "SHARED BREACH" in message.title
    assert "12 % of both fail" in message.text


def test_a_latched_fail_starts_its_countdown_again_a_minute_after_escape() -> None:
    machine = CountdownMachine()
    standing = Sight(now=0, breach=True, reason="3 %", may=True, step="r 1 10")
    assert machine.look(standing) is Event.STARTED
    assert machine.stop(1.0, "r 1 10")
    events = [machine.look(Sight(float(now), True, "3 %", True, "r 1 10")) for now in range(2, 75)]
    assert events[:59] == [None] * 59
    assert events[59] is Event.STARTED
    assert Event.FIRE in events
