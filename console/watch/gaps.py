"""What a watch has missed, read from the request log afterwards: whole requests by chance, so that it stays readable.

At most some 20,000 entries are read for a gap; Cloud Monitoring tells the totals beside them where the log was thinned.
`sample(insertId, f)` is Cloud Logging's own
(https://cloud.google.com/logging/docs/view/logging-query-language#sample).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from console.errors import CanarioError
from console.verdict.base import Counts, Tick
from console.watch.backfill import rfc3339
from console.watch.lasting import Thinned, block_s

if TYPE_CHECKING:
    from console.cloud.client import Cloud
    from console.cloud.logs import LogEntry

MOST_READ = 20_000
"""Entries that are read for a gap, about: twenty pages of the sixty that a project may read a minute."""
ROOM = 1.25
"""Times as many as expected that are listed: the rate is a mean."""
MINUTE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Gap:
    """What was read of a gap."""

    ticks: tuple[Tick, ...]
    upto: int
    """Unix second up to which all is in."""
    thinned: Thinned


async def read_gap(
    cloud: Cloud,
    service: str,
    revision: str,
    start: int,
    end: int,
    *,
    usual_per_s: float,
    most: int = MOST_READ,
) -> Gap:
    """Read what a revision answered between two Unix seconds.

    Args:
        cloud: an open connection.
        service: short name.
        revision: whose requests.
        start: included.
        end: excluded.
        usual_per_s: requests a second where Monitoring cannot tell.
        most: entries to read at most, about.

    Raises:
        CloudError: the log cannot be read.
    """
    first, last = datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC)
    span = max(1, end - start)
    total, error_rate, worst = await _totals(cloud, service, revision, first, last)
    expected = total if total else usual_per_s * span
    fraction = min(1.0, most / expected) if expected > 0 else 1.0
    wanted = (
        f'resource.type="cloud_run_revision" AND resource.labels.service_name="{service}"'
        f' AND resource.labels.location="{cloud.target.region}" AND resource.labels.revision_name="{revision}"'
        f' AND logName="projects/{cloud.target.project}/logs/run.googleapis.com%2Frequests"'
        f' AND timestamp>="{rfc3339(start)}" AND timestamp<"{rfc3339(end)}"'
    )
    if fraction < 1.0:
        wanted += f" AND sample(insertId, {fraction:.6g})"
    limit = max(100, int(most * ROOM))
    entries = await cloud.logs.list(wanted, limit=limit, newest_first=False)
    upto = end if len(entries) < limit else max(start + 1, int(entries[-1].timestamp))
    ticks = ticks_of(entries, revision, start, upto, fraction, block_s(expected * fraction / span))
    read = sum(tick.canary.requests for tick in ticks)
    whole = fraction >= 1.0
    return Gap(
        ticks,
        upto,
        Thinned(
            first,
            datetime.fromtimestamp(upto, UTC),
            fraction,
            read,
            None if whole else total,
            None if whole else error_rate,
            None if whole else worst,
        ),
    )


def ticks_of(
    entries: Iterable[LogEntry], revision: str, start: int, end: int, fraction: float, block: int
) -> tuple[Tick, ...]:
    """One tick for each `block` seconds of [start, end), those without a request too. Pure; each insertId once.

    Args:
        entries: request entries, any order.
        revision: whose.
        start: Unix second.
        end: Unix second, excluded.
        fraction: share of the requests that they are.
        block: seconds in one tick.
    """
    counts: dict[int, Counts] = {}
    seen: set[str] = set()
    for entry in entries:
        second = int(entry.timestamp)
        if entry.revision != revision or not entry.status or not start <= second < end or entry.insert_id in seen:
            continue
        if entry.insert_id:
            seen.add(entry.insert_id)
        counts.setdefault((second - start) // block, Counts()).request(entry.status, entry.latency_ms)
    found = []
    for index in range((end - start + block - 1) // block):
        second = min(start + (index + 1) * block, end) - 1
        found.append(Tick(second, counts.get(index) or Counts(), Counts(), canary_sampling=fraction))
    return tuple(found)


async def _totals(
    cloud: Cloud, service: str, revision: str, start: datetime, end: datetime
) -> tuple[float | None, float | None, float | None]:
    """(requests, share of 5xx, that of the worst minute) as Monitoring counted them; None where it cannot tell."""
    from console.cloud.metrics import Metric

    try:
        rates = await cloud.metrics.series(Metric.REQUEST_COUNT, service, start=start, end=end, period=MINUTE)
        errors = await cloud.metrics.error_rates(service, start=start, end=end, period=MINUTE)
    except CanarioError:
        return None, None, None
    per_s = dict(rates.get(revision, ()))
    failed = dict(errors.get(revision, ()))
    if not per_s:
        return None, None, None
    mean = sum(per_s.values()) / len(per_s)
    weighed = sum(failed.get(at, 0.0) * rate for at, rate in per_s.items())
    return (
        mean * (end - start).total_seconds(),
        weighed / sum(per_s.values()) if mean else None,
        max(failed.values(), default=None),
    )
