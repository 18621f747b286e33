"""What a statement must leave behind, told from its text, and looked for in a shape."""

from __future__ import annotations

import pytest

from console.migrations.probe import TableShape, expectations, fingerprint, holds, invalid_indexes
from console.migrations.values import Expect

SHAPE = {
    "reservas": TableShape({"id": "int", "notes": "varchar(500)"}, {"primary": "0 id", "idx_notes": "1 notes"}),
    "gone": None,
}


@pytest.mark.parametrize(
    ("sql", "dialect", "expected"),
    [
        ("ALTER TABLE reservas ADD COLUMN notes VARCHAR(500)", "mysql", ["column reservas.notes is there"]),
        ("CREATE INDEX idx_notes ON reservas(notes)", "mysql", ["index reservas.idx_notes is there"]),
        ("CREATE INDEX CONCURRENTLY i ON public.t (a)", "postgres", ["index t.i is there"]),
        ("CREATE TABLE a.b (id INT)", "mysql", ["table b is there"]),
        ("ALTER TABLE t DROP COLUMN x, ADD COLUMN y INT", "postgres", ["column t.x is gone", "column t.y is there"]),
        ("ALTER TABLE t RENAME COLUMN x TO z", "sqlite", ["column t.x is gone", "column t.z is there"]),
        ("ALTER TABLE t RENAME TO u", "postgres", ["table t is gone", "table u is there"]),
        ("DROP TABLE x", "mysql", ["table x is gone"]),
        ("DROP INDEX ii ON t", "mysql", ["index t.ii is gone"]),
        ("ALTER TABLE t DROP COLUMN x, ADD COLUMN x INT", "mysql", []),
        ("UPDATE t SET a = 1", "mysql", []),
        ("SELECT 1; SELECT 2", "mysql", []),
        ("ALTER TABLE t ADD COLUMN 'oops", "mysql", []),
    ],
)
def test_a_statement_says_what_it_leaves_behind(sql: str, dialect: str, expected: list[str]) -> None:
    assert [str(expect) for expect in expectations(sql, dialect)] == expected


def test_a_probe_holds_only_where_all_of_it_is_so() -> None:
    there = Expect("column", "Reservas", "NOTES")
    assert holds([there], SHAPE) is True
    assert holds([there, Expect("index", "reservas", "idx_other")], SHAPE) is False
    assert holds([Expect("table", "gone", "", present=False)], SHAPE) is True
    assert holds([Expect("column", "gone", "a")], SHAPE) is False
    assert holds([], SHAPE) is None


def test_an_invalid_index_is_not_there_and_changes_no_fingerprint() -> None:
    left = {"reservas": TableShape({"id": "int"}, {"idx": "INVALID idx"}, invalid=("idx",))}
    expect = Expect("index", "reservas", "idx")
    assert holds([expect], left) is False
    assert invalid_indexes([expect], left) == ("idx",)
    assert fingerprint(left) == fingerprint({"reservas": TableShape({"id": "int"})})


def test_a_fingerprint_tells_every_change_of_a_table() -> None:
    before = fingerprint(SHAPE)
    assert before == fingerprint(dict(reversed(SHAPE.items())))
    for changed in (
        TableShape({"id": "int", "notes": "varchar(400)"}, {"primary": "0 id", "idx_notes": "1 notes"}),
        TableShape({"id": "int", "notes": "varchar(500)"}, {"primary": "0 id"}),
        TableShape({"id": "int", "notes": "varchar(500)"}, {"primary": "0 id", "idx_notes": "1 notes"}, "MyISAM"),
        None,
    ):
        assert fingerprint({**SHAPE, "reservas": changed}) != before
