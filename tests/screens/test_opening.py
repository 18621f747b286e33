"""While the console does not know yet where it opens: nothing wrong is shown, no key is lost, and it can be left."""

from __future__ import annotations

import asyncio
import threading

from pictures import screen_text
from stub import StubEngine, snapshot
from textual.pilot import Pilot

from console.app import ConsoleApp
from console.app_opening import INTERRUPTED
from console.errors import SettingsError
from console.opening import Opening
from console.settings import Settings
from screens.canary import CanaryScreen


class Slow:
    """Finds out where to open when it is let."""

    def __init__(self, settings: Settings | None = None, error: Exception | None = None) -> None:
        self.go = threading.Event()
        self.settings = settings or Settings()
        self.error = error
        self.engine = StubEngine(self.settings.rules("production"), snapshot())
        self.app = ConsoleApp(find=self.find, engine=lambda _environment: self.engine)

    def find(self) -> Opening:
        assert self.go.wait(60)
        if self.error is not None:
            raise self.error
        return Opening(self.settings, self.settings.environment("production"), "127.0.0.1:1", "maria@acme.example")

    @property
    def asked(self) -> list[str]:
        return [name for name, _arguments in self.engine.actions.asked]


async def until_open(pilot: Pilot[int], slow: Slow) -> None:
    slow.go.set()
    async with asyncio.timeout(60):
        while not slow.engine.started:
            await pilot.pause()
    await pilot.pause()


async def test_the_first_frame_names_no_environment_and_the_next_one_the_right_one() -> None:
    slow = Slow()
    async with slow.app.run_test(size=(120, 40)) as pilot:
        first = screen_text(slow.app)
        assert "canario" in first
        assert "opening" in first
        assert not {"PRODUCTION", "STAGING", "DEV"} & set(first.split())
        assert not slow.engine.started
        await until_open(pilot, slow)
        assert isinstance(slow.app.screen, CanaryScreen)
        assert "PRODUCTION" in screen_text(slow.app)


async def test_a_rollback_that_is_typed_before_the_settings_are_known_leaves_once_they_are() -> None:
    slow = Slow()
    async with slow.app.run_test(size=(120, 40)) as pilot:
        await pilot.press("r")
        assert slow.asked == []
        await until_open(pilot, slow)
        async with asyncio.timeout(60):
            while not slow.asked:
                await pilot.pause()
        assert slow.asked == ["rollback"]


async def test_a_key_typed_early_means_what_the_settings_say_it_means() -> None:
    slow = Slow(Settings(keymap={"logs": "z"}))
    async with slow.app.run_test(size=(120, 40)) as pilot:
        await pilot.press("z")
        await until_open(pilot, slow)
        async with asyncio.timeout(60):
            while slow.app.current_mode != "logs":
                await pilot.pause()


async def test_ctrl_c_leaves_while_it_opens() -> None:
    slow = Slow()
    async with slow.app.run_test(size=(120, 40)) as pilot:
        await pilot.press("ctrl+c")
        slow.go.set()
        await pilot.pause()
    assert slow.app.return_code == INTERRUPTED
    assert not slow.engine.started
    assert not slow.app.rolling_back


async def test_wrong_settings_end_it_with_their_exit_code_and_are_kept_for_the_shell() -> None:
    wrong = SettingsError("canario.toml:2: plan.steps do not rise.")
    slow = Slow(error=wrong)
    async with slow.app.run_test(size=(120, 40)) as pilot:
        slow.go.set()
        async with asyncio.timeout(60):
            while slow.app.failure is None:
                await pilot.pause()
    assert slow.app.failure is wrong
    assert slow.app.return_code == 2
    assert not slow.engine.started


async def test_a_bug_while_it_opens_is_a_sentence_and_exit_1() -> None:
    slow = Slow(error=ZeroDivisionError("a bug"))
    async with slow.app.run_test(size=(120, 40)) as pilot:
        slow.go.set()
        async with asyncio.timeout(60):
            while slow.app.return_code is None:
                await pilot.pause()
        slow.app._exception = None  # run_test would raise it again: what counts here is how it ended
    assert slow.app.return_code == 1
