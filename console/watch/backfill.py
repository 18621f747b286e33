"""What a tail has missed, listed page by page from the newest back, as far as the quota and the time allow."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from console.errors import CanarioError

if TYPE_CHECKING:
    from console.cloud.logs import LogEntry, LogsApi

WHOLE_LIMIT = 5_000
"""Entries of all revisions that a back-fill lists at most."""
CANARY_LIMIT = 25_000
"""Entries of the canary alone that it lists beyond that."""
PAGE = 1_000
"""Entries asked for at once: a page is one read of the quota's 60 a minute."""


def rfc3339(second: float) -> str:
    """A Unix time as filters write it."""
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


async def list_back(
    logs: LogsApi,
    wanted: str,
    take: Callable[[list[LogEntry]], object],
    since: int,
    before: int | None,
    limit: int,
    enough: Callable[[], bool],
) -> int:
    """List from `before` back to `since`, as far as `limit` and time allow.

    Args:
        logs: where to read.
        wanted: the filter, without the times.
        take: given each page, newest entry first.
        since: Unix second, included.
        before: Unix second, excluded; now where None.
        limit: entries at most.
        enough: asked after each page, whether the time is up.

    Returns:
        The Unix second from which on all is in.

    Raises:
        CloudError: nothing could be listed at all.
    """
    wanted = f'{wanted} AND timestamp>="{rfc3339(since)}"'
    upper = "" if before is None else f' AND timestamp<"{rfc3339(before)}"'
    reached = float("inf") if before is None else float(before)
    taken = 0
    while True:
        size = min(PAGE, limit - taken)
        try:
            page = await logs.list(wanted + upper, limit=size)
        except CanarioError:
            if not taken:
                raise
            return int(reached) + 1
        take(page)
        taken += len(page)
        if len(page) < size:
            return since
        oldest = min(page[0].timestamp, page[-1].timestamp)
        if taken >= limit or oldest >= reached or enough():
            return max(since, int(min(oldest, reached)) + 1)
        reached = oldest
        # a little overlap, for the filter has microseconds and the entries have more; insertIds settle it
        upper = f' AND timestamp<"{rfc3339(oldest + 2e-6)}"'
