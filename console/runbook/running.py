"""One run of one step: its progress, its cancellation, and what it comes to whatever happens."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from dataclasses import dataclass, field, replace
from datetime import datetime

from console.errors import CanarioError, ConfirmationLostError
from console.runbook.evidence import EXCERPT_LINES, Evidence, Progress, Result
from console.runbook.kinds.base import StepContext, StepKind
from console.text import clean
from console.words import _

log = logging.getLogger("canario.runbook")


def new_key() -> str:
    """A name for a run: sixteen random hexadecimal digits."""
    return secrets.token_hex(8)


@dataclass
class Run:
    """A run under way on this console."""

    step: str
    by: str
    begun: datetime
    """Server time."""
    started: float
    """Monotonic seconds."""
    key: str
    task: asyncio.Task[Evidence] | None = None
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    quitting: bool = False
    """Whether the console ends, so that the run is left unfinished for the next one to settle."""
    told: bool = False
    """Whether other consoles have been told that it runs."""
    _progress: Progress = field(default_factory=Progress)
    _lines: deque[str] = field(default_factory=lambda: deque(maxlen=EXCERPT_LINES))

    def report(self, progress: Progress) -> None:
        """Take in how it stands; lines are added to those before."""
        self._lines.extend(clean(line) for line in progress.lines)
        before = self._progress
        self._progress = replace(
            progress,
            sentence=progress.sentence or before.sentence,
            fraction=progress.fraction if progress.fraction is not None else before.fraction,
            figures=progress.figures or before.figures,
            curves=progress.curves or before.curves,
            items=progress.items or before.items,
        )

    def shown(self) -> Progress:
        """How it stands, with its last lines."""
        return replace(self._progress, lines=tuple(self._lines), sentence=self._progress.sentence or _("running"))


async def carry_out(run: Run, kind: StepKind, context: StepContext) -> Evidence:
    """Run a kind to its evidence.

    A person who stops it gets CANCELLED, after everything it started is gone; of a kind that must not be done twice the
    world is asked first. A fault inside the kind is an error in words.

    Raises:
        CanarioError: it could not be tried.
        asyncio.CancelledError: the console ends; nothing is known of how it ended.
    """
    run.task = asyncio.ensure_future(kind.run(context))
    try:
        return await asyncio.shield(run.task)
    except asyncio.CancelledError:
        if not run.cancelled.is_set() or run.quitting:
            run.task.cancel()
            await asyncio.wait({run.task})
            raise
        await asyncio.wait({run.task})
        settled = await _settled(kind, context, run) if kind.once else None
        return settled or context.evidence(Result.CANCELLED, _("stopped by {who}").format(who=context.identity))
    except ConfirmationLostError as error:
        if not kind.once:
            raise
        return await _settled(kind, context, run) or context.evidence(Result.UNKNOWN, str(error))
    except CanarioError:
        raise
    except Exception as error:
        log.exception("the step %s failed inside", run.step)
        raise CanarioError(
            _("The step {step} failed inside ({kind}: {words}); a fault of canario's own.").format(
                step=run.step, kind=type(error).__name__, words=clean(str(error), 200)
            ),
            remedy=_("Try again, and please report it."),
        ) from error


async def _settled(kind: StepKind, context: StepContext, run: Run) -> Evidence | None:
    try:
        return await kind.settle(context, run.begun)
    except CanarioError as error:
        return context.evidence(Result.UNKNOWN, str(error))
