"""Slack fails in the demo, comes back, and `w` on the checklist delivers: a real console on the demo's own parts."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from textual.pilot import Pilot

from console.app import ConsoleApp
from console.demo import playing
from console.demo_shared import RunningDemo, find_running
from console.settings import Settings
from console.simulator.process import ask
from screens.dialogs.move import MoveDialog
from tests.screens.pictures import screen_text

pytestmark = pytest.mark.slow

ME = "maria@demo.example"


def slack(demo: RunningDemo, **what: object) -> None:
    """Break the demo's Slack, or mend it."""
    ask(demo.control, "POST", "/slack", json.dumps(what).encode())


def delivered(demo: RunningDemo) -> Counter[str]:
    """What Slack got: how often each text came."""
    place = urlsplit(demo.slack_webhook)
    with urllib.request.urlopen(f"{place.scheme}://{place.netloc}/messages", timeout=5) as answer:
        return Counter(message["text"] for message in json.loads(answer.read()))


async def until(pilot: Pilot[int], holds: Callable[[], object], timeout_s: float = 40.0) -> None:
    """Wait for it."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, screen_text(pilot.app)  # type: ignore[arg-type]
        await pilot.pause(0.05)


def told(app: ConsoleApp) -> str:
    return str([toast.message for toast in app._notifications])


async def test_what_slack_did_not_get_is_kept_and_w_delivers_it_exactly_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("screens.dialogs.base.QUIET_S", 0.0)
    with playing("healthy", Settings(), speed=5.0, seed=1, email=ME, bare=False) as opening:
        demo = find_running()
        assert demo is not None
        app = ConsoleApp(
            opening.settings,
            opening.environment,
            endpoint=opening.endpoint,
            as_email=opening.as_email,
            demo=opening.demo,
        )
        async with app.run_test(size=(120, 40)) as pilot:

            def seen(words: str) -> Callable[[], bool]:
                return lambda: words in " ".join(screen_text(app).split())

            await until(pilot, seen("rollback ready"))
            slack(demo, fail_next=1_000, status=403)
            before = delivered(demo)
            await pilot.press("1")
            await until(pilot, lambda: isinstance(app.screen, MoveDialog) and app.screen.can_confirm())
            await pilot.press("enter")
            await until(pilot, seen("● 10 %"))
            await until(pilot, lambda: app.current.undelivered)
            await pilot.press("k")
            await until(pilot, seen("Slack answered 403.) · w sends again"))
            missed = [item.message.text for item in app.current.undelivered]
            assert delivered(demo) == before

            await pilot.press("w")  # Slack is still down: nothing is lost by trying
            await until(pilot, lambda: "Slack still does not get them: Slack answered 403." in told(app))
            assert [item.message.text for item in app.current.undelivered] == missed
            assert delivered(demo) == before

            slack(demo, clear=True)
            await pilot.press("w", "w")  # an operator in a hurry
            await until(pilot, lambda: "Slack has them all now." in told(app))
            await until(pilot, lambda: not app.current.undelivered)
            assert not seen("w sends again")()
            assert delivered(demo) - before == Counter(missed)

            await pilot.press("w")
            await until(pilot, lambda: "Slack got every message." in told(app))
            await asyncio.to_thread(app.stop)
            assert delivered(demo) - before == Counter(missed)
