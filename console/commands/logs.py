"""`canario logs`: the service's log, past or as it comes, as lines or as JSON."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from console.commands.output import say, say_json, stamp, warn
from console.commands.running import Place, session_at
from console.errors import ExitCode, QuotaError, UnavailableError
from console.words import _

if TYPE_CHECKING:
    from console.cloud.logs import LogEntry

RETRY_S = 2.0
"""Wall seconds before a cut tail is opened again."""


async def logs(
    place: Place, *, follow: bool, filter: str, since: timedelta | datetime, limit: int, as_json: bool
) -> int:
    """Print the newest `limit` entries of the last `since`, or from it on, and with `follow` those that come."""
    service = place.environment.service
    async with session_at(place) as session:
        await session.cloud.warm()
        now = session.cloud.server_clock.now() or datetime.now(UTC)
        wanted = service_filter(service, place.environment.region, filter)
        start = since if isinstance(since, datetime) else now - since
        past = f'{wanted} AND timestamp>="{stamp(start)}"'
        entries = await session.cloud.logs.list(past, limit=limit)
        entries.sort(key=lambda entry: entry.timestamp)
        for entry in entries:
            _say_entry(entry, as_json)
        if not follow:
            if not entries and not as_json:
                warn(_("No log entries of {service} in that time.").format(service=service))
            return ExitCode.DONE
        seen = {entry.insert_id for entry in entries}
        while True:
            try:
                async for batch in session.cloud.logs.tail(wanted):
                    for entry in batch.entries:
                        if entry.insert_id not in seen:
                            _say_entry(entry, as_json)
                    seen.clear()
                    if batch.suppressed:
                        _say_suppressed(batch.suppressed)
            except (UnavailableError, QuotaError) as error:
                warn(_("The log stream was cut ({what}); opening it again.").format(what=error.what))
                await asyncio.sleep(RETRY_S)


def read_moment(text: str) -> datetime | None:
    """An RFC 3339 timestamp, e.g. `2026-11-25T12:00:00Z`; UTC where it names no zone. None where `text` is none."""
    if "-" not in text:
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def service_filter(service: str, region: str, filter: str = "") -> str:
    """What selects the service's own entries, and of them those that `filter` selects."""
    own = (
        f'resource.type="cloud_run_revision" AND resource.labels.service_name="{service}" '
        f'AND resource.labels.location="{region}"'
    )
    # what was typed stands first and unshifted, so that an error's line and column are those of what was typed
    return f"{filter}\nAND {own}" if filter.strip() else own


def entry_document(entry: LogEntry) -> dict[str, object]:
    """An entry as `--json` prints it (docs/json.md)."""
    return {
        "time": stamp_ms(entry.timestamp),
        "severity": entry.severity,
        "log": entry.log,
        "service": entry.service,
        "revision": entry.revision,
        "text": entry.text,
        "status": entry.status or None,
        "latency_ms": round(entry.latency_ms, 3) if entry.status else None,
        "method": entry.method or None,
        "url": entry.url or None,
        "trace": entry.trace or None,
        "insert_id": entry.insert_id,
    }


def stamp_ms(timestamp: float) -> str:
    """Unix seconds as RFC 3339 in UTC, to the millisecond."""
    return datetime.fromtimestamp(timestamp, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _say_entry(entry: LogEntry, as_json: bool) -> None:
    if as_json:
        say_json(entry_document(entry), indent=None)
        return
    clock = stamp_ms(entry.timestamp)[11:23]
    figures = f" {entry.status} {entry.latency_ms:.0f} ms" if entry.status else ""
    say(f"{clock}  {entry.severity:<8}  {entry.revision}  {entry.text}{figures}")


def _say_suppressed(suppressed: dict[str, int]) -> None:
    warn(_("Held back by Cloud Logging: {counts}").format(counts=json.dumps(suppressed)))
