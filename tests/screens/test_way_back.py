"""What is said of the way back before anybody needs it."""

from __future__ import annotations

from dataclasses import replace

from pictures import screen_text
from stub import make_app, snapshot

from console.watch.snapshot import Snapshot


def ready(warm: int | None, allowed: bool | None = True) -> Snapshot:
    seen = snapshot(10)
    return replace(seen, readiness=replace(seen.readiness, warm_instances=warm, allowed=allowed))


async def test_the_canary_screen_says_what_a_rollback_would_find() -> None:
    app = make_app(ready(2))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        app.repaint()
        await pilot.pause()
        assert "rollback to 00041-kud: there, ready, 2 warm instances, allowed, connected" in screen_text(app)
        await pilot.press("question_mark")
        await pilot.pause()
        app.repaint()
        await pilot.pause()
        assert "✔ rollback to 00041-kud: there, ready, 2 warm instances" in screen_text(app)


async def test_what_is_not_known_yet_is_not_claimed() -> None:
    app = make_app(ready(None, None))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        app.repaint()
        await pilot.pause()
        assert "warm instances not known yet, permission not asked yet" in screen_text(app)
