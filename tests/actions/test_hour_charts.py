"""The charts of a release's hours, read from a simulated Cloud Monitoring as from the real one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from console.chronicle import charts
from tests.actions.operators import CANARY, SERVICE, STABLE, Team, until


async def test_a_releases_charts_hold_both_revisions_and_mark_its_moves(team: Team) -> None:
    maria = await team.join()
    await maria.actions.shift(10)
    release = await maria.release()
    session: Any = SimpleNamespace(cloud=maria.cloud, environment=SimpleNamespace(service=SERVICE))

    async def seen() -> Any:
        data = await charts(session, release)
        return data if data.canary.error_rate and data.stable.p95_ms else None

    data = await until(seen, timeout_s=60)
    assert data.problem == ""
    assert (data.canary.revision, data.stable.revision) == (CANARY, STABLE)
    assert [(mark.kind, mark.percent, mark.by) for mark in data.marks] == [("shift", 10, maria.actions.identity)]
    assert data.start < release.started < data.end
