"""The deployment window: when production may be changed, judged in UTC by the cloud's clock.

Source: the runbook, `Ventana de Deployment`: Tuesday to Thursday, 10:00-14:00 UTC, holidays avoided. Issue 2,
section 4: start included, end excluded. Holidays come in as data (settings fill them from the `holidays` library);
this module knows no country and no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from console.errors import SettingsError
from console.words import _

Holidays = Mapping[date, str] | Callable[[date], str | None]
"""Holiday names by date, or a function that names the holiday of a date (None: a working day)."""

HORIZON_DAYS = 400
"""How far ahead an opening is looked for; past that the window counts as never opening."""


@dataclass(frozen=True, slots=True)
class WindowState:
    """What the window says at one moment."""

    open: bool
    reason: str
    """One sentence with the figures that decided it, translated."""
    closes_at: datetime | None = None
    """When it closes, UTC; only where open."""
    opens_at: datetime | None = None
    """When it opens next, UTC; only where closed, None where no opening lies within HORIZON_DAYS."""
    holiday: str = ""
    """Name of the holiday that keeps it closed, where that is why."""


@dataclass(frozen=True)
class DeploymentWindow:
    """Weekdays and hours, UTC, in which the canary's share may rise and the service may change.

    Raises:
        SettingsError: no day at all, a day that is no weekday number, or an end that is not after the start: a
            window that never opens.
    """

    days: frozenset[int] = frozenset({1, 2, 3})
    """Weekdays, Monday 0 to Sunday 6."""
    start: time = time(10, 0)
    """First moment that is inside, UTC."""
    end: time = time(14, 0)
    """First moment that is outside again, UTC; 00:00 stands for the end of the day."""
    holidays: Holidays = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        """Refuse a window that can never open."""
        if not self.days:
            raise SettingsError(
                _("The deployment window has no weekday, so it never opens."),
                remedy=_('Name at least one day, e.g. days = ["tue", "wed", "thu"].'),
            )
        if any(day not in range(7) for day in self.days):
            raise SettingsError(
                _("A weekday is a number from 0 (Monday) to 6 (Sunday); got {days}.").format(days=sorted(self.days))
            )
        if self.end != time(0) and self.end <= self.start:
            raise SettingsError(
                _("The deployment window ends at {end:%H:%M} and starts at {start:%H:%M}, so it never opens.").format(
                    start=self.start, end=self.end
                ),
                remedy=_("Put the end after the start; 00:00 as the end means midnight."),
            )

    def holiday(self, day: date) -> str:
        """Name of the holiday on `day`, or empty."""
        if callable(self.holidays):
            return self.holidays(day) or ""
        return self.holidays.get(day) or ""

    def opening_on(self, day: date) -> tuple[datetime, datetime] | None:
        """(start, end) of the opening on `day`, UTC; None where that day has none."""
        if day.weekday() not in self.days or self.holiday(day):
            return None
        end_day = day + timedelta(days=1) if self.end == time(0) else day
        return (
            datetime.combine(day, self.start, tzinfo=UTC),
            datetime.combine(end_day, self.end, tzinfo=UTC),
        )

    def state(self, now: datetime) -> WindowState:
        """What the window says at `now`.

        Args:
            now: server time, aware.

        Raises:
            ValueError: `now` has no time zone.
        """
        if now.tzinfo is None:
            raise ValueError("the window is judged in UTC: an aware time is needed")
        now = now.astimezone(UTC)
        opening = self.opening_on(now.date())
        if opening is not None and opening[0] <= now < opening[1]:
            closes = self._closing(opening[1])
            reason = _("{now} is inside {window}; closes {closes}").format(
                now=moment(now), window=self.label(), closes=moment(closes, since=now)
            )
            return WindowState(True, reason, closes_at=closes)
        opens = self._next_opening(now)
        holiday = self.holiday(now.date()) if now.weekday() in self.days else ""
        if opens is None:
            then = _("it does not open in the next {days} days").format(days=HORIZON_DAYS)
        else:
            then = _("opens {opens}").format(opens=moment(opens, since=now))
        if holiday:
            reason = _("{now} is a holiday ({holiday}); {then}").format(now=moment(now), holiday=holiday, then=then)
        else:
            reason = _("{now} is outside {window}; {then}").format(now=moment(now), window=self.label(), then=then)
        return WindowState(False, reason, opens_at=opens, holiday=holiday)

    def ever_opens(self, after: datetime) -> bool:
        """Whether an opening lies within HORIZON_DAYS of `after` (holidays may fill every day of a window)."""
        return self.state(after).open or self._next_opening(after.astimezone(UTC)) is not None

    def label(self) -> str:
        """The window in figures, e.g. `Tue-Thu 10:00-14:00`."""
        names = weekday_names()
        days = sorted(self.days)
        if len(days) > 2 and days == list(range(days[0], days[-1] + 1)):
            span = f"{names[days[0]]}-{names[days[-1]]}"
        else:
            span = ", ".join(names[day] for day in days)
        end = "24:00" if self.end == time(0) else f"{self.end:%H:%M}"
        return f"{span} {self.start:%H:%M}-{end}"

    def _closing(self, end: datetime) -> datetime:
        """`end`, or the end of the last of the openings that follow it without a break."""
        for _day in range(HORIZON_DAYS):
            following = self.opening_on(end.date())
            if following is None or following[0] != end:
                break
            end = following[1]
        return end

    def _next_opening(self, now: datetime) -> datetime | None:
        for ahead in range(HORIZON_DAYS):
            opening = self.opening_on(now.date() + timedelta(days=ahead))
            if opening is not None and opening[0] > now:
                return opening[0]
        return None


def weekday_names() -> tuple[str, ...]:
    """Short weekday names, Monday first, in the operator's language."""
    return (_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun"))


def moment(at: datetime, *, since: datetime | None = None) -> str:
    """`at` for people: `Fri 12:00 UTC`, with the date where `since` is given and six days or more lie between."""
    at = at.astimezone(UTC)
    day = weekday_names()[at.weekday()]
    if since is not None and at - since >= timedelta(days=6):
        return f"{day} {at:%Y-%m-%d %H:%M} UTC"
    return f"{day} {at:%H:%M} UTC"
