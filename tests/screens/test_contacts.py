"""`i`: whom to call and what to read, over whatever screen one is on."""

from __future__ import annotations

from pathlib import Path

import checklists as made
from pictures import screen_text
from stub import make_app, snapshot
from textual.pilot import Pilot

from console.app import ConsoleApp
from console.settings import Settings
from screens.dialogs.contacts import ContactsDialog


def with_documents(folder: Path, **contacts: object) -> Settings:
    (folder / "playbook.md").write_text(
        "# Cuando arde\n\n1. Avisar en #incidents\n\n" + "\n\n".join(f"Paso {n}" for n in range(80)), encoding="utf-8"
    )
    return Settings(
        environments={"production": {"name": "production", "service": "wa-backend", "project": "acme-prod"}},  # type: ignore[dict-item]
        people={"ana@acme.example": {"name": "Ana Díaz", "roles": ["code"], "phone": "+58-0414-1"}},  # type: ignore[dict-item]
        contacts={"playbook": str(folder / "playbook.md"), **contacts},  # type: ignore[arg-type]
    )


def opened(settings: Settings) -> ConsoleApp:
    return make_app(snapshot(0), settings=settings, walk=made.StubWalk(made.fresh()))


async def press(pilot: Pilot[int], *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        for _ in range(3):
            await pilot.pause()
    await pilot.app.workers.wait_for_complete(
        [worker for worker in pilot.app.workers if worker.node is pilot.app.screen]
    )
    await pilot.pause()
    await pilot.pause()


async def test_i_shows_the_cards_from_any_screen_and_leads_back_there(tmp_path: Path) -> None:
    app = opened(with_documents(tmp_path))
    async with app.run_test(size=(120, 40)) as pilot:
        for screen in ("l", "k"):
            await press(pilot, screen)
            here = app.screen
            await press(pilot, "i")
            assert isinstance(app.screen, ContactsDialog)
            text = screen_text(app)
            assert "Tech lead" in text
            assert "Carlos López" in text
            assert "ana@acme.example" in text
            assert "F9 Roll back" in text
            await press(pilot, "i" if screen == "l" else "escape")
            assert app.screen is here


async def test_the_playbook_is_read_and_scrolled_without_leaving(tmp_path: Path) -> None:
    app = opened(with_documents(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "i", "right")
        assert "Cuando arde" in screen_text(app)
        assert "Paso 79" not in screen_text(app)
        await press(pilot, "end")
        assert "Paso 79" in screen_text(app)


async def test_without_a_text_of_its_own_the_runbooks_steps_are_read(tmp_path: Path) -> None:
    app = opened(with_documents(tmp_path))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "i", "3")
        text = screen_text(app)
        assert "Before the pull request" in text
        assert "pytest in the checkout" in text


async def test_a_document_that_is_not_there_is_a_sentence_and_is_tried_again(tmp_path: Path) -> None:
    app = opened(with_documents(tmp_path, playbook=str(tmp_path / "missing.md")))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "i", "right")
        assert "cannot be read" in screen_text(app)
        (tmp_path / "missing.md").write_text("# Here now", encoding="utf-8")
        await press(pilot, "left", "right")
        assert "Here now" in screen_text(app)


async def test_f9_rolls_back_while_the_playbook_is_read(tmp_path: Path) -> None:
    app = opened(with_documents(tmp_path))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "i", "right", "f9")
        assert [name for name, _arguments in app.stub.actions.asked] == ["rollback"]  # type: ignore[attr-defined]
