"""The kinds of value that settings have: durations with a unit, weekdays, times of day, lists.

A value says its unit (`"5 min"`), so that no reader has to guess. Everything that a variable sets arrives as text, so
each kind also reads text.
"""

from __future__ import annotations

import re
from datetime import time, timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

from console.errors import CanarioError
from console.words import _

UNITS_S = {
    "ms": 0.001, "s": 1.0, "sec": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86_400.0,
}  # fmt: skip
"""Seconds in each unit that a duration may be written in."""

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""Weekdays as settings write them, Monday first."""

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)\Z")
_TIME = re.compile(r"(\d{1,2}):(\d{2})\Z")


class Problem(ValueError):
    """What is wrong with a value, and the fix.

    Args:
        what: half a sentence that follows the key's name, e.g. `needs a unit`.
        remedy: one sentence; empty: the key's default is shown as an example.
        key: the key of the table that it lies in, where a whole table is judged.
    """

    def __init__(self, what: str, remedy: str = "", key: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy
        self.key = key

    @classmethod
    def of(cls, error: CanarioError, key: str = "") -> Problem:
        """The same as `error` of the pure core says."""
        return cls(error.what, error.remedy, key)


def read_duration(value: object) -> timedelta:
    """A duration such as `5 min`, `10 s`, `800 ms`, `24 h`.

    Raises:
        Problem: no number with a unit, or over a year.
    """
    if isinstance(value, timedelta):
        return value
    remedy = _('Write a number and a unit, like "5 min"; units: {units}.').format(units=", ".join(UNITS_S))
    found = _DURATION.match(value.strip().lower()) if isinstance(value, str) else None
    if found is None or found[2] not in UNITS_S:
        raise Problem(_("is no duration with a unit"), remedy)
    seconds = float(found[1]) * UNITS_S[found[2]]
    if seconds > 366 * 86_400:
        raise Problem(_("is longer than a year"), remedy)
    return timedelta(seconds=seconds)


def shown_duration(span: timedelta) -> str:
    """`span` as settings write it, in the largest unit that keeps it whole."""
    milliseconds = round(span.total_seconds() * 1000)
    for unit in ("d", "h", "min", "s"):
        size = round(UNITS_S[unit] * 1000)
        if milliseconds and milliseconds % size == 0 and not (unit == "d" and milliseconds == size):
            return f"{milliseconds // size} {unit}"
    return f"{milliseconds} ms"


def read_weekday(value: object) -> int:
    """A weekday's number, Monday 0, from its English name or the first three letters of it.

    Raises:
        Problem: it is none.
    """
    text = value.strip().lower() if isinstance(value, str) else ""
    full = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    for number, (short, name) in enumerate(zip(WEEKDAYS, full, strict=True)):
        if text in (short, name):
            return number
    if isinstance(value, int) and not isinstance(value, bool) and value in range(7):
        return value
    raise Problem(_("is no weekday"), _("Weekdays are {days}.").format(days=", ".join(WEEKDAYS)))


def read_time(value: object) -> time:
    """A time of day, UTC, from `HH:MM`; `24:00` is the end of the day (00:00).

    Raises:
        Problem: it is none.
    """
    if isinstance(value, time) and value.tzinfo is None:
        return value
    found = _TIME.match(value.strip()) if isinstance(value, str) else None
    if found is not None:
        hours, minutes = int(found[1]), int(found[2])
        if (hours, minutes) == (24, 0):
            return time(0)
        if hours < 24 and minutes < 60:
            return time(hours, minutes)
    raise Problem(_("is no time of day"), _('Write hours and minutes, UTC, like "10:00".'))


def read_list(value: object) -> object:
    """A list; text is taken apart at its commas."""
    if isinstance(value, str):
        return [part.strip() for part in value.strip().strip("[]").split(",") if part.strip()]
    return value


def _shown_days(days: frozenset[int]) -> list[str]:
    return [WEEKDAYS[day] for day in sorted(days)]


def _shown_time(at: time) -> str:
    return f"{at:%H:%M}"


Duration = Annotated[timedelta, BeforeValidator(read_duration), PlainSerializer(shown_duration, return_type=str)]
Weekday = Annotated[int, BeforeValidator(read_weekday)]
Weekdays = Annotated[
    frozenset[Weekday], BeforeValidator(read_list), PlainSerializer(_shown_days, return_type=list[str])
]
TimeOfDay = Annotated[time, BeforeValidator(read_time), PlainSerializer(_shown_time, return_type=str)]
Steps = Annotated[tuple[int, ...], BeforeValidator(read_list)]
Names = Annotated[tuple[str, ...], BeforeValidator(read_list)]
