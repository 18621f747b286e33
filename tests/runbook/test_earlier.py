"""Going back by hand: when each earlier revision served, and what speaks against it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from console.chronicle import Story
from console.migrations.values import LedgerRow
from console.release.service import Revision, Service
from console.release.split import TrafficSplit
from console.release.state import Candidate, Line, Move, Release, RolledBack
from console.runbook.earlier import earlier_revisions, served, spans_of
from console.runbook.kinds.revisions import schema_doubts
from console.runbook.shared import known_of, with_learned

T0 = datetime(2026, 11, 20, 12, tzinfo=UTC)
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def revision(name: str, day: int, ready: bool = True) -> Revision:
    return Revision(name=name, image=f"repo/app:{name}", created=T0 + timedelta(days=day), ready=ready)


def release(canary: str, stable: str, day: float, *moves: tuple[str, int], ended: str = "promoted") -> Release:
    begun = T0 + timedelta(days=day)
    baseline = (Line(revision=stable, percent=100),)
    return Release.model_validate(
        {
            "id": canary,
            "canary": canary,
            "stable": stable,
            "baseline": baseline,
            "started": begun,
            "started_by": "maria@example.com",
            "ended": ended,
            "ended_at": begun + timedelta(hours=2),
            "moves": tuple(
                Move.model_validate(
                    {
                        "kind": kind,
                        "at": begun + timedelta(minutes=10 * index),
                        "by": "maria@example.com",
                        "percent": percent,
                        "before": baseline,
                    }
                )
                for index, (kind, percent) in enumerate(moves)
            ),
        }
    )


def story(release: Release, *migrations: str) -> Story:
    candidate = Candidate(id=release.id, opened=release.started, opened_by="maria@example.com", migrations=migrations)
    return Story(release, (), candidate)


def service(serving: str) -> Service:
    split = TrafficSplit.of({serving: 100})
    return Service("wa-backend", "p", "us-central1", "e", traffic=split, effective=split)


UP = (("shift", 10), ("shift", 50), ("shift", 100))


def test_each_revision_is_listed_with_when_it_served() -> None:
    stories = [story(release("b", "a", 1, *UP)), story(release("c", "b", 3, *UP))]
    spans = served(stories, {"c": 100}, NOW)
    assert [(span.start, span.most) for span in spans["a"]] == [(None, 100)]
    (b,) = spans["b"]
    assert b.start == T0 + timedelta(days=1)
    assert b.end == T0 + timedelta(days=3, minutes=20)
    assert b.most == 100
    assert spans["c"][-1].end is None


def test_a_canary_that_was_rolled_back_served_its_minutes_and_comes_last() -> None:
    broken = release("b", "a", 1, ("shift", 10), ("rollback", 0), ended="rolled back")
    broken = broken.model_copy(
        update={"rolled_back": (RolledBack(revision="b", at=T0, by="maria@example.com", reason="errors at 3 %"),)}
    )
    stories = [story(broken), story(release("c", "a", 3, *UP))]
    found = earlier_revisions(service("c"), [revision("c", 3), revision("b", 1), revision("a", 0)], stories, NOW)
    assert [one.name for one in found] == ["a", "b"]
    assert found[1].spans[0].most == 10
    assert found[1].spans[0].end == T0 + timedelta(days=1, minutes=10)
    assert "errors at 3 %" in found[1].sentence(NOW)


def test_a_migration_since_makes_a_revision_doubtful_and_says_which() -> None:
    stories = [story(release("b", "a", 1, *UP)), story(release("c", "b", 3, *UP), "0042_notes")]
    found = earlier_revisions(service("c"), [revision("c", 3), revision("b", 1), revision("a", 0)], stories, NOW)
    assert all("0042_notes" in one.doubts[0] for one in found)
    assert "DOUBTFUL" in found[0].sentence(NOW)


def test_a_migration_that_old_code_lives_with_makes_none_doubtful() -> None:
    stories = [story(release("c", "b", 3, *UP), "0042_notes")]
    found = earlier_revisions(service("c"), [revision("c", 3), revision("b", 1)], stories, NOW, doubt=lambda _name: "")
    assert found[0].doubts == ()


def test_the_migration_of_its_own_release_is_no_doubt() -> None:
    stories = [story(release("b", "a", 1, *UP), "0041_own"), story(release("c", "b", 3, *UP))]
    found = earlier_revisions(service("c"), [revision("c", 3), revision("b", 1)], stories, NOW)
    assert found[0].name == "b"
    assert found[0].doubts == ()


@pytest.mark.parametrize(("word", "doubts"), [("N", 0), ("Y", 1)])
def test_a_pull_requests_word_on_its_migration_is_never_read_as_a_files_name(word: str, doubts: int) -> None:
    last = release("c", "b", 3, *UP)
    opened = Candidate(id=last.id, opened=last.started, opened_by="maria@example.com")
    learned = with_learned(opened, {"migration": word})
    assert learned.migrations == ()
    assert known_of(learned)["migration"] == word
    stories = [story(release("b", "a", 1, *UP)), Story(last, (), learned)]
    (b, _a) = earlier_revisions(service("c"), [revision("c", 3), revision("b", 1), revision("a", 0)], stories, NOW)
    assert len(b.doubts) == doubts
    assert f"migration {word} since" not in b.sentence(NOW)
    assert all("a pull request since says" in doubt for doubt in b.doubts)


def test_a_file_that_is_known_is_named_and_the_pull_requests_word_adds_nothing() -> None:
    last = release("c", "b", 3, *UP)
    walked = Candidate(
        id=last.id, opened=last.started, opened_by="maria@example.com", migrations=("0042_notes",), migration="Y"
    )
    (b,) = earlier_revisions(service("c"), [revision("c", 3), revision("b", 1)], [Story(last, (), walked)], NOW)
    assert len(b.doubts) == 1
    assert "0042_notes" in b.doubts[0]


def test_a_release_written_down_by_an_older_console_names_its_files_alone() -> None:
    written = Candidate(id="c", opened=NOW, opened_by="maria@example.com").model_dump()
    assert Candidate.model_validate(written | {"migrations": ("Y", "0005_notes", "N")}).migrations == ("0005_notes",)


def test_what_serves_is_newer_or_not_ready_is_left_out() -> None:
    revisions = [revision("d", 5), revision("c", 3), revision("b", 1, ready=False), revision("a", 0)]
    found = earlier_revisions(service("c"), revisions, [], NOW)
    assert [one.name for one in found] == ["a"]
    assert "never seen serving" in found[0].sentence(NOW)


def test_where_no_release_tells_monitoring_does() -> None:
    hour = timedelta(hours=1)
    points = [(T0 + hour * n, 5.0 if n in (1, 2, 3, 9, 10) else 0.0) for n in range(12)]
    spans = spans_of(points, hour, NOW)
    assert [(span.start, span.end) for span in spans] == [(T0, T0 + hour * 3), (T0 + hour * 8, T0 + hour * 10)]
    found = earlier_revisions(service("c"), [revision("c", 3), revision("a", 0)], [], NOW, counted={"a": spans})
    assert found[0].served(NOW) == hour * 5
    assert "%" not in found[0].sentence(NOW).partition("·")[0]


def row(file: str, verdict: str, day: float, **fields: object) -> LedgerRow:
    applied = (T0 + timedelta(days=day)).isoformat()
    return replace(
        LedgerRow(file, "", 1, "", "verified", verdict=verdict, by="maria@example.com", at=applied), **fields
    )


def test_what_the_ledger_says_of_the_schema_makes_a_revision_doubtful_and_says_why() -> None:
    rows = (row("0001_notes.sql", "additive", 2), row("0002_drop.sql", "incompatible", 4))
    revisions = [revision("c", 5), revision("b", 3), revision("a", 0)]
    found = {
        one.name: one
        for one in earlier_revisions(service("c"), revisions, (), NOW, schema=lambda made: schema_doubts(made, rows))
    }
    assert found["b"].doubts[0] == "It may fail: the schema has changed under it."
    assert "0002_drop.sql" in found["b"].doubts[1]
    assert "DOUBTFUL" in found["a"].sentence(NOW)
    calm = earlier_revisions(service("c"), revisions, (), NOW, schema=lambda made: schema_doubts(made, rows[:1]))
    assert [one.doubts for one in calm] == [(), ()], "additive ones leave old code alone"
