"""What locust writes: the history of a running test, and its final figures. Pure, and safe on hostile text.

Source: https://docs.locust.io/en/stable/retrieving-stats.html (`PREFIX_stats.csv`, `PREFIX_stats_history.csv`; times in
milliseconds, rates a second; N/A where nothing was asked yet). Runbook: `Load Testing Opcional`.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass

from console.runbook.judging import Judged
from console.text import clean
from console.words import _

AGGREGATED = "Aggregated"
MOST_ROWS = 3_600
"""Rows of history that are read, the newest: an hour."""
SHOWN_FAILURES = 5


@dataclass(frozen=True, slots=True)
class Totals:
    """The whole test."""

    requests: int
    failures: int
    p95_ms: float
    per_second: float

    @property
    def errors_percent(self) -> float:
        """Share of requests that failed, percent."""
        return self.failures / self.requests * 100 if self.requests else 0.0


@dataclass(frozen=True, slots=True)
class History:
    """Curves so far, oldest first, all of one length."""

    p95_ms: tuple[float, ...] = ()
    per_second: tuple[float, ...] = ()
    errors_percent: tuple[float, ...] = ()
    users: int = 0
    """At the end."""
    requests: int = 0
    """In all."""


def _rows(text: str) -> list[Mapping[str, str]]:
    """The rows of a CSV file under its header; a line that is being written or is no row is left out."""
    try:
        reader = csv.DictReader(io.StringIO(text.replace("\0", "")))
        return [
            {key: value for key, value in row.items() if isinstance(key, str) and isinstance(value, str)}
            for row in reader
            if row and None not in row and None not in row.values()
        ]
    except csv.Error:
        return []


def _figure(row: Mapping[str, str], name: str) -> float | None:
    """A figure, 0 or more; None where there is none."""
    try:
        value = float(row.get(name, ""))
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def read_totals(text: str) -> Totals | None:
    """The Aggregated row of `PREFIX_stats.csv`; None where it is missing or has no figures."""
    for row in _rows(text):
        if row.get("Name") == AGGREGATED and not row.get("Type"):
            requests, failures = _figure(row, "Request Count"), _figure(row, "Failure Count")
            if requests is None or failures is None or failures > requests or requests > 1e12:
                return None
            p95 = _figure(row, "95%")
            if p95 is None and requests:
                return None
            return Totals(int(requests), int(failures), p95 or 0.0, _figure(row, "Requests/s") or 0.0)
    return None


def read_history(text: str) -> History:
    """The curves of `PREFIX_stats_history.csv`."""
    p95s: list[float] = []
    rates: list[float] = []
    errors: list[float] = []
    users = requests = 0
    for row in _rows(text)[-MOST_ROWS:]:
        p95 = _figure(row, "95%")
        if row.get("Name") != AGGREGATED or p95 is None:
            continue
        rate, failed = _figure(row, "Requests/s") or 0.0, _figure(row, "Failures/s") or 0.0
        p95s.append(p95)
        rates.append(rate)
        errors.append(min(failed / rate, 1.0) * 100 if rate else 0.0)
        users = int(min(_figure(row, "User Count") or 0, 1e9))
        requests = int(min(_figure(row, "Total Request Count") or 0, 1e12))
    return History(tuple(p95s), tuple(rates), tuple(errors), users, requests)


def read_failures(text: str) -> tuple[str, ...]:
    """The commonest failures of `PREFIX_failures.csv`, cleaned, e.g. `12 x POST /webhook: HTTPError(...)`."""
    rows = sorted(_rows(text), key=lambda row: -(_figure(row, "Occurrences") or 0))
    return tuple(
        clean(
            f"{row.get('Occurrences', '?')} x {row.get('Method', '')} {row.get('Name', '')}: {row.get('Error', '')}",
            200,
        )
        for row in rows[:SHOWN_FAILURES]
    )


ASKS_EVERY_S = 10.0
"""Seconds within which a user of a load test asks something at least: one that asks less loads nothing."""


def fewest_requests(users: int, seconds: float) -> int:
    """How many requests a test of so many users and seconds has made at least, where nobody says: 50 for 60 s, 300.

    The limit is canario's own: the runbook names 50 users and 60 s, and a P95 of a handful of requests says nothing.
    """
    return users * max(int(seconds // ASKS_EVERY_S), 1)


def judge(totals: Totals | None, *, p95_ms: float, errors_percent: float, code: int = 0, requests: int = 1) -> Judged:
    """Whether the test has put a load on the service and stays under both limits.

    Args:
        totals: of the whole test, or None where locust left none.
        p95_ms: limit that P95 must stay under, milliseconds.
        errors_percent: limit that the share of failed requests must stay under, percent.
        code: locust's exit code: 1 where a request failed, which the figures judge; others are failures of its own.
        requests: how many it must have made at least.
    """
    if totals is None or code not in (0, 1):
        said = _("locust did not end well (exit code {code}).").format(code=code)
        missing = _("It left no figures.") if totals is None else said
        return Judged(False, said, problems=(missing,), remedy=_("Read its last lines, and press Enter again."))
    figures = (
        ("P95", f"{totals.p95_ms:g} ms"),
        (_("errors"), f"{totals.errors_percent:.2f} %"),
        (_("requests"), f"{totals.requests:,}"),
        (_("requests/s"), f"{totals.per_second:.1f}"),
    )
    problems: list[str] = []
    if not totals.requests:
        problems.append(_("It sent no request."))
    elif totals.requests < requests:
        problems.append(
            _("It made {count} requests, not the {least} that it must make at least: that is no load.").format(
                count=f"{totals.requests:,}", least=f"{requests:,}"
            )
        )
    if totals.p95_ms >= p95_ms:
        problems.append(
            _("P95 is {p95} ms, not under {limit} ms.").format(p95=f"{totals.p95_ms:g}", limit=f"{p95_ms:g}")
        )
    if totals.errors_percent >= errors_percent:
        problems.append(
            _("{errors} % of requests failed, not under {limit} %.").format(
                errors=f"{totals.errors_percent:.2f}", limit=f"{errors_percent:g}"
            )
        )
    said = _("P95 {p95} ms, errors {errors} %, {requests} requests").format(
        p95=f"{totals.p95_ms:g}", errors=f"{totals.errors_percent:.2f}", requests=f"{totals.requests:,}"
    )
    if problems:
        return Judged(
            False, said, figures, tuple(problems), _("Find out what is slow or fails on staging, and fix it.")
        )
    return Judged(True, said, figures)
