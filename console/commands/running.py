"""How a command runs: where it goes (settings, environment, endpoint), its session, and how it ends.

Every failure ends as a sentence and an exit code; a bug ends as one sentence with the path of a log file.
"""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.commands.output import complain, mute, prepare, warn
from console.errors import CanarioError, ExitCode, SettingsError, UsageError
from console.words import _, use_language

if TYPE_CHECKING:
    from console.session import Session
    from console.settings import Environment, Settings

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\Z")
_RESOURCE = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?\Z")


@dataclass(frozen=True, slots=True)
class Where:
    """Where a command goes, as typed."""

    env: str | None = None
    endpoint: str | None = None
    email: str | None = None
    demo: bool = False
    """Whether it goes to the demo that another terminal runs."""

    def under(self, outer: Where) -> Where:
        """These options, those left out taken from `outer` (what was typed before the command's name)."""
        return Where(
            self.env or outer.env, self.endpoint or outer.endpoint, self.email or outer.email, self.demo or outer.demo
        )


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command goes, found out."""

    settings: Settings
    environment: Environment
    """Its project filled in."""
    endpoint: str | None
    email: str | None
    """Identity on loopback, else None."""


_instead: list[Settings] = []
"""The demo's settings, where this process goes to it."""


def use_settings(settings: Settings) -> None:
    """Let `settings` hold from now on in this process, in place of the user's: it goes to the demo."""
    _instead.append(settings)


def find_settings() -> Settings:
    """The settings that hold here, and their language chosen.

    Raises:
        SettingsError: a layer is wrong.
    """
    from console.settings import load_settings

    settings = _instead[-1] if _instead else load_settings()
    if settings.language:
        use_language(settings.language)
    return settings


def find_place(where: Where, settings: Settings | None = None) -> Place:
    """Settings, environment, endpoint and identity for `where`, before anything is connected.

    Raises:
        UsageError: no such environment, an endpoint that is not on this machine, an identity that is no e-mail.
    """
    from console.settings import check_endpoint, project_for
    from console.settings_types import Problem

    chosen = settings or find_settings()
    environment = chosen.environment(where.env)
    if where.endpoint is not None:
        try:
            check_endpoint(where.endpoint)
        except Problem as problem:
            raise UsageError(problem.what, remedy=problem.remedy) from problem
    endpoint = where.endpoint or environment.endpoint
    if environment.simulator and endpoint is None:
        raise SettingsError(
            _("The environment {name} is the local simulator, and nothing says where it runs.").format(
                name=environment.name
            ),
            remedy=_("Start `canario simulate`, and give its address: --endpoint 127.0.0.1:PORT."),
        )
    email = identity(where.email, endpoint)
    project = project_for(environment, where.endpoint)
    return Place(chosen, environment.model_copy(update={"project": project}), endpoint, email)


def identity(asked: str | None, endpoint: str | None) -> str | None:
    """Who we are on loopback: `asked`, or $USER@demo.example; None against Google, whose credentials tell.

    Raises:
        UsageError: `asked` is no e-mail, or there is no loopback endpoint for it.
    """
    if endpoint is None:
        if asked is not None:
            raise UsageError(
                _("--as is for the simulator only; against Google the credentials say who you are."),
                remedy=_("Leave it out, or give --endpoint."),
            )
        return None
    if asked is not None:
        if not _EMAIL.match(asked) or not asked.isprintable() or len(asked) > 254:
            raise UsageError(_("{email!r} is no e-mail address.").format(email=asked))
        return asked
    return default_identity()


def default_identity() -> str:
    """`$USER@demo.example`."""
    try:
        user = os.environ.get("USER") or getpass.getuser()
    except (OSError, KeyError):
        user = "operator"
    return f"{re.sub(r'[^A-Za-z0-9._-]', '', user) or 'operator'}@demo.example"


def check_name(kind: str, name: str) -> str:
    """`name` where it can be a Cloud Run name.

    Args:
        kind: what it names, translated, for the message.
        name: as typed.

    Raises:
        UsageError: it cannot.
    """
    if not _RESOURCE.match(name):
        raise UsageError(
            _("{name!r} can be no {kind}.").format(name=name[:80], kind=kind),
            remedy=_("Names have lower-case letters, digits and hyphens; `canario revisions` lists them."),
        )
    return name


def check_percent(text: str) -> int:
    """A whole percent, 0 to 100, with or without its sign.

    Raises:
        UsageError: it is none.
    """
    digits = text.strip().removesuffix("%").strip()
    if not digits.isascii() or not digits.isdecimal() or len(digits) > 3 or int(digits) > 100:
        raise UsageError(
            _("{percent!r} is no share of the traffic.").format(percent=text[:40]),
            remedy=_("Give a whole number from 0 to 100, e.g. canario shift 10."),
        )
    return int(digits)


@asynccontextmanager
async def session_at(place: Place, *, anonymous: bool = False) -> AsyncIterator[Session]:
    """A session for one command: connected, feeds not running, closed at the end.

    Args:
        place: where.
        anonymous: see `Session.open`.
    """
    from console.session import Session

    session = await Session.open(
        place.settings,
        place.environment,
        endpoint=place.endpoint,
        as_email=place.email,
        watch=False,
        anonymous=anonymous,
    )
    try:
        yield session
    finally:
        await session.close()


def run(command: Callable[[], int | None]) -> int:
    """Run a command to its exit code, its failures told.

    Returns:
        What `command` returned (None counts as 0), or the code of the error that it raised.
    """
    prepare()
    try:
        return int(command() or ExitCode.DONE)
    except CanarioError as error:
        complain(error)
        return int(error.exit_code)
    except KeyboardInterrupt:
        warn("")
        warn(_("Interrupted. What was sent before may still take effect: `canario status` shows it."))
        return INTERRUPTED
    except BrokenPipeError:
        mute()
        return int(ExitCode.DONE)
    except Exception as error:  # noqa: BLE001 - the last stop: a bug becomes a sentence and a file
        return _confess(error)


def _confess(error: Exception) -> int:
    """Tell of a bug of our own: a sentence here, the details in the file."""
    from console.crash import log, log_path, log_to_file

    log_to_file()
    log.error("a command failed", exc_info=error)
    warn(
        _("canario failed ({kind}): a fault of its own. `canario status` shows the traffic. Details: {path}").format(
            kind=type(error).__name__, path=log_path()
        )
    )
    return int(ExitCode.FAILED)
