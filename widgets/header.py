"""The header: where am I, may I, is what I see fresh, and how do I get out. It must not know where its values come from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from textual.content import Content
from textual.widget import Widget


@dataclass(frozen=True, slots=True)
class FeedBadge:
    """Health of one feed, as the header shows it."""

    name: str
    """`service`, `logs` or `metrics`, translated by whoever makes it."""
    state: str = "waiting"
    """`waiting`, `live`, `late` or `down` (`console.watch.snapshot.FeedState`)."""
    age_s: float | None = None
    """Age of the newest data, seconds of server time; None before the first."""


@dataclass(frozen=True, slots=True)
class HeaderState:
    """All that the header says."""

    environment: str
    """Name of the environment, e.g. `production`."""
    protected: bool
    """Whether it is a protected one: its badge is then unmistakable."""
    project: str
    region: str
    service: str
    time: datetime | None = None
    """Server time, UTC; None until the cloud told it. Cut to whole seconds."""
    window_open: bool | None = None
    """None where there is no window (unprotected), or no time yet."""
    window_closes: datetime | None = None
    """Where open: when it closes, UTC."""
    window_opens: datetime | None = None
    """Where closed: when it opens next, UTC."""
    window_reason: str = ""
    """Why it is closed, in a few words (a holiday's name, a weekday), or empty."""
    driver: str = ""
    """E-mail of the driver, or empty where nobody drives."""
    you_drive: bool = False
    """Whether that is this console."""
    feeds: tuple[FeedBadge, ...] = ()
    rollback_target: str = ""
    """Short name of the revision that a rollback would restore, or empty."""
    rollback_ready: bool | None = None
    """None while it isn't known yet."""
    rollback_problem: str = ""
    """Why a rollback would not work, one sentence."""
    auto_rollback: bool | None = None
    """Whether the automatic rollback is armed; None where it doesn't apply."""
    skew_s: float = 0.0
    """Local clock minus server clock, seconds; shown from 5 s up."""
    notice: str = ""
    """One more thing to say on the second line (somebody moved the split, a feed's problem), or empty."""
    demo: str = ""
    """Banner line of the demo (`demo · Wed 10:05 UTC · 5 times as fast · < > speed`), or empty."""


class EnvironmentHeader(Widget):
    """Two lines (three with the demo's banner) at the top of every screen.

    Args:
        state: what to say first; None says that it is connecting.
    """

    def __init__(
        self,
        state: HeaderState | None = None,
        *,
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._state = state

    def show(self, state: HeaderState) -> None:
        """Draw `state`, where it differs from what is drawn."""
        if state != self._state:
            self._state = state
            self.refresh(layout=True)

    def render(self) -> Content:
        """See `Widget.render`."""
        return Content("")
