"""Recorded logs made up for a test: seeded, with the REST names of LogEntry."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from console.cloud.logs import LogEntry
from console.replay.entries import EntryParser
from console.replay.judging import Change, Replay, ReplaySettings
from console.verdict.base import Word

CANARY, STABLE, OLDER = "wa-backend-00042-vez", "wa-backend-00041-kem", "wa-backend-00040-lam"
NOON = 1_795_608_000
"""2026-11-25T12:00:00Z."""
Document = dict[str, Any]


def rfc3339(unix: float) -> str:
    return datetime.fromtimestamp(unix, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def request(at: float, revision: str = CANARY, status: int = 200, *, number: int = 0, **fields: Any) -> Document:
    """One request; `fields` replace, or take out where None."""
    document = {
        "insertId": f"i{number or int(at * 1e6):x}",
        "logName": "projects/demo/logs/run.googleapis.com%2Frequests",
        "timestamp": rfc3339(at),
        "receiveTimestamp": rfc3339(at + 0.4),
        "severity": "ERROR" if status >= 500 else "INFO",
        "httpRequest": {
            "requestMethod": "POST",
            "requestUrl": "https://wa/webhook",
            "status": status,
            "latency": "0.2s",
        },
        "resource": {
            "type": "cloud_run_revision",
            "labels": {"service_name": revision.rsplit("-", 2)[0], "revision_name": revision},
        },
    } | fields
    return {key: value for key, value in document.items() if value is not None}


def traffic(
    seconds: int, rate: int, *, canary: float = 0.002, stable: float = 0.002, share: float = 0.1, seed: int = 1
) -> list[Document]:
    """`rate` requests a second from noon on, newest first; `canary`, `stable`: shares that fail."""
    dice = random.Random(seed)
    found = []
    for second in range(seconds):
        for index in range(rate):
            mine = dice.random() < share
            fails = dice.random() < (canary if mine else stable)
            at = NOON + second + (index + 0.5) / rate
            lag = dice.random()
            found.append(
                request(
                    at,
                    CANARY if mine else STABLE,
                    503 if fails else 200,
                    number=1 + second * rate + index,
                    receiveTimestamp=rfc3339(at + lag),
                )
            )
    found.reverse()
    return found


def entries(documents: list[Document]) -> list[LogEntry]:
    parser = EntryParser()
    return [entry for entry in map(parser.entry, documents) if entry is not None]


def replayed(documents: list[Document], canary: str = CANARY, stable: str | None = None, **fields: Any) -> list[Change]:
    return list(Replay(entries(documents), canary, stable, ReplaySettings(**fields)).run())


def words(changes: list[Change]) -> list[Word]:
    return [change.verdict.word for change in changes]


def as_gcloud(path: Path, documents: list[Document]) -> Path:
    """As `gcloud logging read --format=json` writes."""
    path.write_text(json.dumps(documents, indent=2))
    return path


def as_ndjson(path: Path, documents: list[Document]) -> Path:
    path.write_text("".join(json.dumps(document) + "\n" for document in documents))
    return path
