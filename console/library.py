"""Documents that an operator reads without leaving the console: the incident playbook, the team's runbook.

A file of the checkout or a URL of the settings, bounded in size and time; a redirect to another host is refused. What
comes is foreign text: it is cleaned, line by line, before anything draws it.
"""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path
from urllib.parse import urlsplit

from console.clock import SystemClock
from console.cloud.target import is_loopback
from console.errors import CanarioError, UsageError
from console.text import clean
from console.words import _

LARGEST = 1024 * 1024
"""Bytes of a document that are read."""
MOST_LINES = 5_000
"""Lines that are shown."""
LONGEST_LINE = 4_000
TIMEOUT_S = 10.0
"""Wall seconds that a URL may take, redirects included."""


def fetch(place: str, checkout: Path) -> str:
    """The text of a document, cleaned, its lines kept apart. Blocks: for a thread.

    Args:
        place: a file, from `checkout`, or an https URL (http on loopback alone).
        checkout: the team's code.

    Raises:
        CanarioError: it is not there, cannot be read, is too large, or leads elsewhere; says what to do.
    """
    if urlsplit(place).scheme in ("http", "https"):
        return cleaned(asyncio.run(_from_url(place)))
    return cleaned(_from_file(Path(place).expanduser(), checkout))


def shown_place(place: str) -> str:
    """A place as it may be shown: an address without the password that somebody may have put into it."""
    parts = urlsplit(place)
    if parts.scheme in ("http", "https") and "@" in parts.netloc:
        place = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return clean(place, 200)


def cleaned(raw: bytes) -> str:
    """Bytes as lines of safe text: no control, escape or bidi character; what is over MOST_LINES is counted."""
    lines = raw.decode("utf-8", "replace").splitlines()
    kept = [clean(line, LONGEST_LINE) for line in lines[:MOST_LINES]]
    if len(lines) > MOST_LINES:
        kept += ["", _("… and {count:,} more lines").format(count=len(lines) - MOST_LINES)]
    return "\n".join(kept)


def _from_file(file: Path, checkout: Path) -> bytes:
    path = checkout / file
    shown = clean(str(path), 200)
    remedy = _("Write where it is in canario.toml, table [contacts].")
    try:
        # a pipe would never end, and must not even be waited for
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as opened:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise UsageError(_("{file} is no file.").format(file=shown), remedy=remedy)
            raw = opened.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        problem = error.strerror if isinstance(error, OSError) else ""
        raise UsageError(
            _("{file} cannot be read: {problem}.").format(file=shown, problem=problem or error), remedy=remedy
        ) from error
    if len(raw) > LARGEST:
        raise UsageError(_("{file} is over 1 MiB.").format(file=shown), remedy=remedy)
    return raw


async def _from_url(url: str) -> bytes:
    from console.runbook.probe import Probe

    parts = urlsplit(url)
    if parts.username or not (parts.scheme == "https" or is_loopback(parts.hostname or "")):
        raise UsageError(
            _("{url} is no https address.").format(url=shown_place(url)),
            remedy=_("Write it like https://HOST/PATH in canario.toml, table [contacts], without a password."),
        )
    origin = f"{parts.scheme}://{parts.netloc}"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    async with Probe(origin, SystemClock(), timeout_s=TIMEOUT_S) as probe:
        reply = await probe.ask("GET", path, largest=LARGEST)
    if reply.status != 200:
        raise CanarioError(
            _("{url} answers {status}.").format(url=shown_place(url), status=reply.status),
            remedy=_("Look at the address in canario.toml, table [contacts]; canario signs in nowhere for it."),
        )
    return reply.body


__all__ = ["LARGEST", "MOST_LINES", "cleaned", "fetch", "shown_place"]
