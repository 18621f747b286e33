"""The simulator's state on disk, so that a restarted one goes on where it was.

In the directory: `state.json` (services, operations, splits, events that have happened), replaced as a whole after
each change; `clock.json`, replaced every second; `entries`, to which each kept log entry is appended as one line of
base64. A crash at any moment leaves the last whole state; an entry cut in half is left out when it is read.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import fcntl
import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from google.cloud import run_v2
from google.protobuf import any_pb2
from google.rpc import status_pb2

from console.errors import SettingsError
from console.simulator.operations import OperationRecord
from console.simulator.records import Pending, ServiceRecord
from console.simulator.revisions import RevisionRecord
from console.simulator.store import Store
from console.words import _

log = logging.getLogger(__name__)

VERSION = 1


@dataclass(slots=True)
class Saved:
    """What was kept."""

    scenario: str
    seed: int
    start: float
    """When the scenario first started, Unix seconds of simulated time."""
    now: float
    services: list[dict[str, Any]] = field(default_factory=list)
    operations: list[dict[str, Any]] = field(default_factory=list)
    splits: Mapping[str, list[list[object]]] = field(default_factory=dict)
    happened: list[str] = field(default_factory=list)
    """Scenario events that are over."""
    pushes: dict[str, int] = field(default_factory=dict)
    """How often each image reference was pushed again."""


class StateDir:
    """The directory.

    Args:
        path: made where it is not there.

    Raises:
        SettingsError: it cannot be made or written, or another simulator uses it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._entries: IO[bytes] = (path / "entries").open("ab")
            fcntl.flock(self._entries, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._entries.close()
            raise SettingsError(
                _("The state directory {path} is another simulator's, which is running.").format(path=path),
                remedy=_("End that one, or give --state another directory."),
            ) from error
        except OSError as error:
            raise SettingsError(
                _("The state directory {path} cannot be written: {problem}.").format(path=path, problem=error),
                remedy=_("Give --state a directory of yours."),
            ) from error

    def load(self) -> Saved | None:
        """What was kept, or None where nothing was.

        Raises:
            SettingsError: it is of another version, or not readable.
        """
        file = self.path / "state.json"
        if not file.exists():
            return None
        try:
            data = json.loads(file.read_text(encoding="utf-8"))
            if data.pop("version") != VERSION:
                raise ValueError(_("it is of another version"))
            saved = Saved(**data)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise SettingsError(
                _("The state in {path} cannot be read: {problem}.").format(path=file, problem=error),
                remedy=_("Remove the directory, or give --state another."),
            ) from error
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            saved.now = max(saved.now, float(json.loads((self.path / "clock.json").read_text())["now"]))
        return saved

    def save(self, saved: Saved) -> None:
        """Replace what was kept."""
        self._replace(
            "state.json",
            {
                "version": VERSION,
                "scenario": saved.scenario,
                "seed": saved.seed,
                "start": saved.start,
                "now": saved.now,
                "services": saved.services,
                "operations": saved.operations,
                "splits": saved.splits,
                "happened": saved.happened,
                "pushes": saved.pushes,
            },
        )

    def save_clock(self, now: float) -> None:
        """Keep the time, Unix seconds of simulated time."""
        self._replace("clock.json", {"now": now})

    def load_entries(self) -> list[str]:
        """The log entries that were kept, as base64 of their protobuf; whole ones only."""
        try:
            lines = (self.path / "entries").read_bytes().split(b"\n")
        except OSError:
            return []
        found = []
        for line in lines[:-1]:
            with contextlib.suppress(binascii.Error, ValueError):
                base64.b64decode(line, validate=True)
                found.append(line.decode("ascii"))
        if lines[-1]:  # cut in half by a crash: what follows starts on a line of its own
            self._entries.write(b"\n")
        return found

    def append_entry(self, serialised: bytes) -> None:
        """Keep one log entry."""
        try:
            self._entries.write(base64.b64encode(serialised) + b"\n")
            self._entries.flush()
        except OSError as error:
            log.warning("a log entry cannot be kept in %s: %s", self.path, error)

    def close(self) -> None:
        """No more is kept."""
        self._entries.close()

    def _replace(self, name: str, data: object) -> None:
        temporary = self.path / f".{name}.new"
        temporary.write_text(json.dumps(data, separators=(",", ":")), encoding="utf-8")
        temporary.replace(self.path / name)


def export_services(store: Store) -> list[dict[str, Any]]:
    """All services of `store`, as JSON can hold them."""
    return [
        {
            "desired": _text(record.desired),
            "serving": [_text(target) for target in record.serving],
            "latest_ready": record.latest_ready,
            "latest_created": record.latest_created,
            "observed_generation": record.observed_generation,
            "condition": _text(record.condition),
            "revisions": [_export_revision(revision) for revision in record.revisions.values()],
            "deleted": [_export_revision(revision) for revision in record.deleted.values()],
            "pending": (
                None
                if record.pending is None
                else [record.pending.due, list(record.pending.operations), list(record.pending.made)]
            ),
            "version": record.version,
            "last_number": record.last_number,
            "told": record.told,
        }
        for record in store.services.values()
    ]


def import_services(store: Store, rows: Iterable[Mapping[str, Any]]) -> None:
    """Put services that `export_services` gave into `store`."""
    for row in rows:
        record = ServiceRecord(run_v2.Service.deserialize(_bytes(row["desired"])))
        record.serving = [run_v2.TrafficTarget.deserialize(_bytes(text)) for text in row["serving"]]
        record.latest_ready = row["latest_ready"]
        record.latest_created = row["latest_created"]
        record.observed_generation = row["observed_generation"]
        record.condition = run_v2.Condition.deserialize(_bytes(row["condition"]))
        record.revisions = {r.name: r for r in map(_import_revision, row["revisions"])}
        record.deleted = {r.name: r for r in map(_import_revision, row["deleted"])}
        if row["pending"] is not None:
            record.pending = Pending(*row["pending"])
        record.version = row["version"]
        record.last_number = row["last_number"]
        record.told = dict(row["told"])
        store.add_existing(record)


def export_operations(store: Store) -> list[dict[str, Any]]:
    """All operations of `store`, as JSON can hold them."""
    return [
        {
            "name": operation.name,
            "target": operation.target,
            "created": operation.created,
            "metadata": _raw_text(operation.metadata),
            "done": operation.done,
            "response": _raw_text(operation.response) if operation.response is not None else None,
            "error": _raw_text(operation.error) if operation.error is not None else None,
        }
        for operation in store.operations.all()
    ]


def import_operations(store: Store, rows: Iterable[Mapping[str, Any]]) -> None:
    """Put operations that `export_operations` gave into `store`."""
    for row in rows:
        response, error = row["response"], row["error"]
        store.operations.restore(
            OperationRecord(
                name=row["name"],
                target=row["target"],
                created=row["created"],
                metadata=any_pb2.Any.FromString(_bytes(row["metadata"])),
                done=row["done"],
                response=any_pb2.Any.FromString(_bytes(response)) if response is not None else None,
                error=status_pb2.Status.FromString(_bytes(error)) if error is not None else None,
            )
        )


def _export_revision(record: RevisionRecord) -> list[Any]:
    return [_text(record.message), _text(record.template), record.created, record.ready, record.digest]


def _import_revision(row: list[Any]) -> RevisionRecord:
    message, template, created, ready, *digest = row  # older states hold no digest
    return RevisionRecord(
        run_v2.Revision.deserialize(_bytes(message)),
        run_v2.RevisionTemplate.deserialize(_bytes(template)),
        created,
        ready,
        *digest,
    )


def _text(message: Any) -> str:
    return base64.b64encode(type(message).serialize(message)).decode("ascii")


def _raw_text(message: Any) -> str:
    return base64.b64encode(message.SerializeToString()).decode("ascii")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)
