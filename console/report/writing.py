"""Writing a report's two files."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from console.errors import CanarioError
from console.report.gathering import Report, gather_report
from console.report.page import page
from console.report.paper import paper
from console.words import _

if TYPE_CHECKING:
    from console.chronicle import Source
    from console.settings import Settings

KEYRING_WAIT_S = 5.0
"""How long the keyring may take."""


@dataclass(frozen=True, slots=True)
class Written:
    """What was written."""

    release: str
    html: Path
    markdown: Path
    problems: tuple[str, ...] = ()
    """What could not be read, a sentence each."""


async def write_report(session: Source, settings: Settings, wanted: str, folder: Path) -> Written:
    """Gather a release's report and write it into `folder`, which is made where it is missing.

    Args:
        session: where from.
        settings: all of them.
        wanted: see `gather_report`.
        folder: where.

    Raises:
        UsageError: there is no such release.
        CanarioError: it cannot be written.
    """
    report = await gather_report(session, settings, wanted)
    if session.cloud.target.endpoint is None:  # against a simulator no keyring is asked
        await _know_secrets(settings)
    return await asyncio.to_thread(write, report, folder)


async def _know_secrets(settings: Settings) -> None:
    """Look up canario's secrets, so that a report has none of them even where nothing else has asked for them yet."""
    from console.secrets import ask_for_all

    # a daemon: a keyring that waits for a person keeps nobody from their report, nor the program from ending
    asking = threading.Thread(target=ask_for_all, args=(tuple(settings.environments),), daemon=True)
    asking.start()
    await asyncio.to_thread(asking.join, KEYRING_WAIT_S)


def paths(service: str, release: str, folder: Path) -> tuple[Path, Path]:
    """Where a release's report goes: the HTML file and the Markdown.

    Args:
        service: its name.
        release: the release's id.
        folder: where they are written.
    """
    name = re.sub(r"[^\w.-]", "_", f"canario-{service}-{release}")
    return folder / f"{name}.html", folder / f"{name}.md"


def write(report: Report, folder: Path) -> Written:
    """Write the two files. Blocking.

    Raises:
        CanarioError: they cannot be written.
    """
    html, markdown = paths(report.service, report.story.release.id, folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(html, page(report))
        _write(markdown, paper(report))
    except OSError as error:
        raise CanarioError(
            _("The report cannot be written to {folder}: {problem}").format(
                folder=folder, problem=error.strerror or type(error).__name__
            ),
            remedy=_("Name another folder with --out."),
        ) from error
    return Written(report.story.release.id, html, markdown, report.problems)


def _write(path: Path, text: str) -> None:
    """Write for the owner alone: names, figures and log lines are nobody else's on a shared machine.

    The file is made anew and put in place, so that a link that lies there is replaced and never followed.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
