"""Entries kept in some bytes each, in whatever order a file has them, judge as whole entries in order would."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from console.replay import packed
from console.replay.files import LogFiles
from console.replay.judging import Replay
from console.replay.packed import PackedLog
from tests.replay.logs import CANARY, NOON, STABLE, Document, as_gcloud, as_ndjson, request, rfc3339, traffic
from tests.replay.plain import PlainReplay, entries_of


def everything(seed: int) -> list[Document]:
    """A log with all that may be in one: lines, audit logs, copies, late and early entries, other services, no ids."""
    dice = random.Random(seed)
    log = traffic(90, 60, canary=0.05, seed=seed)
    for number, document in enumerate(log):
        if dice.random() < 0.3:
            document["httpRequest"]["latency"] = f"{dice.expovariate(2):.9f}s"
        if dice.random() < 0.02:
            document["receiveTimestamp"] = rfc3339(NOON + number / 60 + 400 * dice.random())
    copies = dice.sample(log, 300)
    log += [d | {"receiveTimestamp": rfc3339(NOON + 100 * dice.random())} for d in copies]
    stderr = {"httpRequest": None, "severity": "ERROR", "logName": "projects/demo/logs/run.googleapis.com%2Fstderr"}
    for number in range(200):
        at = NOON + 90 * dice.random()
        log.append(request(at, CANARY, number=10**6 + number, trace=f"t{dice.randrange(40)}", **stderr))
        log.append(request(at, STABLE, number=10**7 + number, **(stderr | {"severity": "INFO"})))
        log.append(request(at, "wa-frontend-00007-abc", 500, number=10**8 + number))
        log.append(request(at, CANARY, 200, insertId=None))
        log.append(request(at, CANARY, 200, number=10**9 + number, receiveTimestamp=None))
    log.append(request(NOON - 7200, number=7, receiveTimestamp=rfc3339(NOON + 1)))
    log.append(request(NOON + 4000, number=8, receiveTimestamp=rfc3339(NOON + 40)))
    log.append(
        request(NOON, number=9, logName="projects/demo/logs/cloudaudit.googleapis.com%2Factivity", httpRequest=None)
    )
    dice.shuffle(log)
    return log


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("order", ["shuffled", "newest first", "oldest first"])
def test_a_file_in_any_order_is_judged_as_all_its_entries_sorted_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, order: str
) -> None:
    monkeypatch.setattr(packed, "PART", 1 << 10)  # so that a small log's insertIds are compared in parts
    log = everything(seed)
    if order != "shuffled":
        log.sort(key=lambda document: document["timestamp"], reverse=order == "newest first")
    path = (as_gcloud if seed % 2 else as_ndjson)(tmp_path / "a", log)
    found = LogFiles()
    found.read(str(path))
    new, old = Replay(found.entries, CANARY), PlainReplay(entries_of(path), CANARY)
    for one, other in zip(new.run(), old.run(), strict=True):
        assert one == other
    for name in ("service", "revisions", "imported", "duplicates", "late", "beyond"):
        assert getattr(new, name) == getattr(old, name), name
    assert new.duplicates >= 300


def test_a_block_with_one_odd_entry_gives_what_reading_it_entry_by_entry_gives(tmp_path: Path) -> None:
    odd = request(NOON, number=5, resource="", severity=None)
    log = [*traffic(5, 20), odd, *traffic(5, 20, seed=2)]
    for path in (as_gcloud(tmp_path / "a.json", log), as_ndjson(tmp_path / "b", log)):
        found = LogFiles()
        found.read(str(path))
        assert list(found.entries) == list(PackedLog.of(entries_of(path)))
        assert len(found.entries) == 201


def test_an_entry_takes_some_sixty_bytes_however_much_of_it_there_is_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    filler = "x" * 2000
    with path.open("w") as file:
        for number in range(20_000):
            file.write(json.dumps(request(NOON + number / 100, number=number + 1, textPayload=filler)) + "\n")
    LogFiles().read(str(path))
    tracemalloc.start()
    found = LogFiles()
    found.read(str(path))
    kept, highest = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found.entries) == 20_000
    assert kept < 60 * 20_000
    assert highest < kept + 4_000_000


def test_a_log_comes_through_a_pipe_too(tmp_path: Path) -> None:
    path = as_gcloud(tmp_path / "a.json", traffic(60, 40, canary=0.5))
    with subprocess.Popen(["cat", path], stdout=subprocess.PIPE) as cat:
        done = subprocess.run(
            [Path(sys.executable).with_name("canario"), "replay", "-", "--canary", CANARY, "--json"],
            stdin=cat.stdout, capture_output=True, text=True, check=True, env={**os.environ},
        )  # fmt: skip
    assert json.loads(done.stdout.splitlines()[-1])["verdict"] == "FAIL"
