"""A database user who may not see everything: what is not shown is unknown, never nothing."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pytest

from console.migrations.errors import DatabasePermissionError
from console.migrations.values import Confirmation, Question
from tests.migrations.crew import Crew
from tests.migrations.servers import MariaPair, PostgresPair


async def asked(crew: Crew) -> Question:
    """The first question that the operator is asked."""
    found: list[Question] = []

    async def look(question: Question) -> Confirmation | None:
        found.append(question)
        return None

    await crew.apply(crew.runbook, look)
    return found[0]


async def test_others_transactions_that_postgres_hides_are_unknown(postgres: PostgresPair, postgres_crew: Crew) -> None:
    crew = postgres_crew
    if not postgres.sql("SELECT 1 FROM pg_roles WHERE rolname = 'plain'", None):
        postgres.sql("CREATE ROLE plain LOGIN", None)
    crew.sql("GRANT ALL ON SCHEMA public TO plain")
    crew.sql("ALTER TABLE reservas OWNER TO plain")
    other = postgres.connect(crew.database)
    crew.address = replace(crew.address, user="plain")
    with closing(other):
        other.execute("BEGIN")
        other.execute("SELECT * FROM reservas")
        assert (await asked(crew)).transactions is None
        hidden = other.execute("SELECT pid || '@' || backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()")
        database = crew.open()
        database.connect()
        with closing(database), pytest.raises(DatabasePermissionError):
            database.running(str(hidden.fetchall()[0][0]))
    assert (await asked(crew)).transactions == (), "nobody is in the way"


async def test_others_transactions_that_mariadb_hides_are_unknown(maria: MariaPair, maria_crew: Crew) -> None:
    maria.sql("CREATE USER IF NOT EXISTS narrow@'127.0.0.1' IDENTIFIED BY 'canario'", None)
    maria.sql(f"GRANT ALL ON {maria_crew.database}.* TO narrow@'127.0.0.1'", None)
    maria_crew.address = replace(maria_crew.address, user="narrow")
    assert (await asked(maria_crew)).transactions is None
    result = await maria_crew.apply()
    assert len(result.applied) == 2, "it may do its work all the same"
