"""Real databases, started once a session; and a place to apply migrations in, on each kind of database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.migrations.crew import Crew, open_crew
from tests.migrations.servers import MariaPair, PostgresPair


@pytest.fixture(scope="session")
def maria() -> Iterator[MariaPair]:
    """A MariaDB primary and its GTID replica. Where it is not installed the test is skipped, and says so."""
    if problem := MariaPair.missing():
        pytest.skip(f"MariaDB is not installed ({problem})")
    pair = MariaPair()
    yield pair
    pair.stop()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresPair]:
    """A PostgreSQL primary and its streaming replica. Where it is not installed the test is skipped, and says so."""
    if problem := PostgresPair.missing():
        pytest.skip(f"PostgreSQL is not installed ({problem})")
    pair = PostgresPair()
    yield pair
    pair.stop()


@pytest.fixture(params=["sqlite", "maria", "postgres"])
def crew(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Crew]:
    """An operator with a database of her own, in turn on each kind."""
    pair: Any = None if request.param == "sqlite" else request.getfixturevalue(request.param)
    with open_crew(tmp_path, pair) as made:
        yield made


@pytest.fixture
def maria_crew(maria: MariaPair, tmp_path: Path) -> Iterator[Crew]:
    """An operator with a fresh database on the MariaDB pair."""
    with open_crew(tmp_path, maria) as made:
        yield made


@pytest.fixture
def postgres_crew(postgres: PostgresPair, tmp_path: Path) -> Iterator[Crew]:
    """An operator with a fresh database on the PostgreSQL pair."""
    with open_crew(tmp_path, postgres) as made:
        yield made
