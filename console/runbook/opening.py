"""The two runbooks of a console: the release's, and the manual rollback's, which is read when it is asked for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

from console.errors import JournalError
from console.runbook.fitting import check_fits
from console.runbook.load import load_runbook
from console.runbook.store import Store
from console.runbook.walk import Walk

if TYPE_CHECKING:
    from console.session import Session
    from console.settings import Settings

Book = Literal["despliegue", "rollback"]
"""Which runbook: the release's, or the manual rollback's."""


async def open_deploy(session: Session, settings: Settings) -> Walk:
    """The release's runbook, standing where its candidate stands.

    Raises:
        SettingsError: the file is wrong.
        CloudError: the service cannot be read.
    """
    loaded = await asyncio.to_thread(load_runbook, settings.runbook_file("despliegue"))
    check_fits(loaded, settings, session.environment.name)
    return await Walk.open(session, settings, loaded)


async def open_rollback(session: Session, settings: Settings) -> Walk:
    """The manual rollback's runbook; its evidence is in this machine's journal alone. Raises as `open_deploy`."""
    loaded = await asyncio.to_thread(load_runbook, settings.runbook_file("rollback"), "rollback")
    return await Walk.open(session, settings, loaded, shared=False)


async def rollback_unfinished(session: Session, settings: Settings) -> bool:
    """Whether this machine's journal holds a manual rollback that was begun and not ended.

    Raises:
        SettingsError: the team's own runbook is wrong.
    """
    loaded = await asyncio.to_thread(load_runbook, settings.runbook_file("rollback"), "rollback")
    try:
        return bool(await Store(session.actions.door, session.journal).last_candidate(loaded.runbook.id))
    except JournalError:
        return False  # said elsewhere, and a rollback begins without one


__all__ = ["Book", "open_deploy", "open_rollback", "rollback_unfinished"]
