"""A key that is pressed before anything is known is answered, whichever it is, and asks for nothing."""

from __future__ import annotations

import pytest
from pictures import screen_text
from stub import make_app

from console.app import ConsoleApp
from console.watch.snapshot import FeedHealth, FeedState, Snapshot
from screens.dialogs.base import Dialog

EARLY = ("1", "2", "3", "+", "-", "u", "a", "t", "d")


async def pressed(app: ConsoleApp, key: str) -> str:
    """What the screen says a moment after the key."""
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await pilot.press(key)
        await pilot.pause()
        app.repaint()
        await pilot.pause()
        assert not isinstance(app.screen, Dialog)
        assert app.stub.actions.asked == []  # type: ignore[attr-defined]
        return " ".join(screen_text(app).replace("▌", " ").split())


@pytest.mark.parametrize("key", EARLY)
async def test_before_the_session_is_open_a_key_says_that_it_is_still_connecting(key: str) -> None:
    assert "Still connecting" in await pressed(make_app(None), key)


@pytest.mark.parametrize("key", EARLY)
async def test_before_the_first_picture_a_key_says_so_too_and_why(key: str) -> None:
    waits = Snapshot("acme-prod", "us-central1", "wa-backend")
    assert "Still connecting (the service is not known yet)" in await pressed(make_app(waits), key)


async def test_where_the_service_cannot_be_read_the_answer_names_the_reason() -> None:
    health = FeedHealth("service", FeedState.DOWN, None, "Cloud Run does not answer.")
    down = Snapshot("acme-prod", "us-central1", "wa-backend", feeds=(health,))
    assert "Still connecting (Cloud Run does not answer.)" in await pressed(make_app(down), "1")
