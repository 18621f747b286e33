"""Going elsewhere without a restart, and reading what happened."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pictures import assert_picture, screen_text
from stub import NOON, make_app, release, rolled_back_release, service, snapshot
from test_chronicle import audit, move
from textual.widgets import OptionList

from console.app import ConsoleApp
from console.errors import UnavailableError
from console.report import Written, paths
from console.settings import Settings
from screens.dialogs import base as dialog_base
from screens.dialogs.base import Dialog


@pytest.fixture(autouse=True)
def no_quiet_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialog_base, "QUIET_S", 0.0)


def team_settings() -> Settings:
    place = {"project": "acme-prod", "region": "us-central1"}
    return Settings(
        environments={
            "production": {"name": "production", "service": "wa-backend", **place},  # type: ignore[dict-item]
            "staging": {"name": "staging", "service": "wa-backend-staging", "protected": False, **place},  # type: ignore[dict-item]
        }
    )


def team_app() -> ConsoleApp:
    app = make_app(snapshot(0, release=rolled_back_release()), settings=team_settings())
    app.stub.session.cloud.services = [
        service(10, last_modifier="juan@acme.example", updated=NOON - timedelta(minutes=3)),
        replace(service(0), name="wa-backend-staging"),
        replace(service(0), name="menu-renderer"),
    ]
    return app


async def test_every_environment_and_service_is_listed_with_how_it_stands() -> None:
    app = team_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("e")
        await app.workers.wait_for_complete()
        await pilot.pause()
        text = assert_picture(app, "environments-120x40")
        assert "● ▲ PRODUCTION" in text
        assert "wa-backend-staging" in text
        assert "menu-renderer" in text
        assert "changed 3 min ago by juan@acme.example" in text


async def test_enter_goes_there_without_a_restart() -> None:
    app = team_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("e")
        await app.workers.wait_for_complete()
        first = app.stub
        opened = []

        def engine(environment: object) -> object:
            opened.append(environment)
            return first.__class__(app.settings.rules(environment), snapshot(10), environment)  # type: ignore[arg-type]

        app._make_engine = engine  # type: ignore[assignment]
        app.screen.query_one("#environments", OptionList).highlighted = 1
        await pilot.press("enter")
        await app.workers.wait_for_complete()
        app.repaint()
        await pilot.pause()
        assert [environment.name for environment in opened] == ["staging"]
        assert first.stopped
        assert "staging" in screen_text(app)
        assert "PRODUCTION" not in screen_text(app)


async def test_what_cannot_be_read_says_why_and_the_list_stays() -> None:
    app = team_app()
    app.stub.session.cloud.services = UnavailableError("The cloud does not answer.")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("e")
        await app.workers.wait_for_complete()
        await pilot.pause()
        text = screen_text(app)
        assert text.count("The cloud does not answer.") == 2
        assert "staging" in text


async def test_leaving_for_another_environment_asks_while_a_release_is_under_way() -> None:
    app = team_app()
    app.stub.publish(snapshot(10))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("e")
        await app.workers.wait_for_complete()
        app.screen.query_one("#environments", OptionList).highlighted = 1
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, Dialog)
        assert "Go to staging while a release is under way here?" in screen_text(app)


async def test_history_shows_releases_and_the_timeline_of_the_chosen_one() -> None:
    old = rolled_back_release(NOON - timedelta(days=1)).model_copy(
        update={"id": "2026-11-24-1200-00040-pol", "canary": "wa-backend-00040-pol"}
    )
    now = release(10, started=NOON - timedelta(minutes=4), moves=(move(-4, 10),))
    app = make_app(snapshot(10, release=now))
    app.stub.session.cloud.audits = [audit(-24 * 60, old), audit(-4, now)]
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("h")
        for _ in range(4):
            await pilot.pause()
            app.repaint()
        text = assert_picture(app, "history-120x40")
        assert "under way at 10 %" in text
        assert "canary to 10 %" in text
        await pilot.press("down")
        await pilot.pause()
        assert "timeline of 2026-11-24-1200-00040-pol" in screen_text(app)
        await pilot.press("enter")
        await pilot.pause()
        assert app.focused is not None
        assert app.focused.id == "timeline"


async def test_f_writes_the_report_of_the_release_under_the_cursor_and_says_where(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    old = rolled_back_release(NOON - timedelta(days=1)).model_copy(
        update={"id": "2026-11-24-1200-00040-pol", "canary": "wa-backend-00040-pol"}
    )
    now = release(10, started=NOON - timedelta(minutes=4), moves=(move(-4, 10),))
    app = make_app(snapshot(10, release=now))
    app.stub.session.cloud.audits = [audit(-24 * 60, old), audit(-4, now)]
    asked: list[tuple[str, Path]] = []

    async def write_report(_source: object, _settings: Settings, wanted: str, folder: Path) -> Written:
        asked.append((wanted, folder))
        html, markdown = paths("wa-backend", wanted, folder)
        return Written(wanted, html, markdown, ("The audit log can't be read.",))

    monkeypatch.setattr("console.report.write_report", write_report)
    monkeypatch.chdir(tmp_path)
    async with app.run_test(size=(200, 60)) as pilot:
        await pilot.press("h")
        for _ in range(4):
            await pilot.pause()
            app.repaint()
        assert "f: write the report" in screen_text(app)
        await pilot.press("down", "f")
        await pilot.pause()
        assert "Write the report of 2026-11-24-1200-00040-pol?" in screen_text(app)
        assert str(tmp_path / "canario-wa-backend-2026-11-24-1200-00040-pol.html")[:60] in screen_text(app)
        assert asked == []
        await pilot.press("enter")
        await app.workers.wait_for_complete()
        assert asked == [("2026-11-24-1200-00040-pol", tmp_path)]
        told = str([each.message for each in app._notifications])
        assert "The report is written: " in told
        assert "The audit log can't be read." in told


async def test_history_of_a_service_with_none_says_so() -> None:
    app = make_app(snapshot(0, release=None))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("h")
        for _ in range(4):
            await pilot.pause()
            app.repaint()
        assert "No release is recorded" in screen_text(app)
