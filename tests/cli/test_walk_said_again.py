"""A walk that was killed between its end and the word of it: it is not begun again, for that would release again."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

from console.simulator.process import SimulatorProcess
from tests.cli.conftest import Canario

BOOK = """\
id = "short"
title = { en = "Short" }
[[phases]]
id = "only"
title = { en = "Only" }
[[phases.steps]]
id = "word"
kind = "confirm"
title = { en = "Word" }
help = { en = "" }
"""


def test_a_walk_killed_after_its_end_says_it_once_more_and_only_the_next_begins_another_release(
    canario: Canario, simulator: Callable[..., SimulatorProcess], tmp_path: Path
) -> None:
    running = simulator(scenario="healthy", bare=True)
    journal, book = tmp_path / "journal.db", tmp_path / "short.toml"
    book.write_text(BOOK, encoding="utf-8")

    def walk() -> tuple[str, list[dict[str, object]]]:
        done = canario(
            "runbook", "run", "--headless", "--json", "--runbook", str(book), "--endpoint", running.grpc,
            "--yes-as", "maria@example.com", CANARIO_JOURNAL=str(journal),
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        events = [json.loads(line) for line in done.stdout.splitlines()]
        return str(events[-1]["sentence"]), [event for event in events if event["event"] == "step"]

    sentence, steps = walk()
    assert (sentence, len(steps)) == ("The whole runbook is done.", 1)

    with sqlite3.connect(journal) as rows:  # as it is when the process dies before it has said so
        (told,) = rows.execute("SELECT max(id) FROM entries WHERE payload LIKE '%\"told\"%'").fetchone()
        rows.execute("DROP TRIGGER never_deleted")
        rows.execute("DELETE FROM entries WHERE id >= ?", (told,))
    sentence, steps = walk()
    assert sentence.startswith("The whole runbook is done: the walk of 2026-")
    assert "cut off" in sentence
    assert not steps

    sentence, steps = walk()
    assert (sentence, len(steps)) == ("The whole runbook is done.", 1)
