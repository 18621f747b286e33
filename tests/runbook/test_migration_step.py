"""The runbook's step of migrations believes the database, not a word."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from console.runbook.evidence import Result
from console.runbook.kinds.base import Answer, Ask
from console.settings import Settings
from console.settings_tables import DatabaseSettings, MigrationSettings
from tests.runbook.steps import Bench, Tools


async def test_pending_statements_fail_the_step_whatever_anybody_says(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "wa.db").close()
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001.sql").write_text("CREATE TABLE t (id INTEGER);")
    settings = Settings(migrations=MigrationSettings(folder=str(folder)))
    here = settings.environments["production"]
    database = DatabaseSettings(url=f"sqlite:///{tmp_path / 'wa.db'}")
    settings.environments["production"] = here.model_copy(update={"database": database})
    bench = Bench(tmp_path, Tools(settings))
    step = bench.step("migration")
    step.stand_in(settings.environments["production"])
    assert (step.ask, step.machine) == (Ask.NOTHING, True), "nobody is asked for a word that would not count"
    assert "ledger" in step.explain()[0]
    evidence = await bench.run(step, Answer())
    assert evidence.result is Result.FAILED
    assert evidence.machine
    assert ("pending", "0001.sql:1") in evidence.figures
    (folder / "0001.sql").unlink()
    assert (await bench.run(bench.step("migration"), Answer(word="yes"))).result is Result.PASSED


def test_without_a_database_it_stays_a_persons_word(tmp_path: Path) -> None:
    settings = Settings()
    step = Bench(tmp_path, Tools(settings)).step("migration")
    step.stand_in(settings.environments["production"])
    assert (step.ask, step.machine) == (Ask.WORD, False)
    assert "or it has none" in step.explain()[0]
