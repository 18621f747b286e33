"""What became of a statement whose end nobody saw, by what is found."""

from __future__ import annotations

import pytest

from console.migrations.states import Decision, Evidence, decide

FOUND = [
    ("its connection still works on it", Evidence(running=True, after=True), Decision.FOLLOW),
    ("nobody tells whether it works", Evidence(running=None, after=True), Decision.PERSON),
    ("the schema shows it", Evidence(running=False, after=True, before=False), Decision.VERIFIED),
    ("the schema is as before", Evidence(running=False, after=False, before=True), Decision.ASK_AGAIN),
    ("neither before nor after", Evidence(running=False, after=False, before=False), Decision.PERSON),
    ("nothing could be told beforehand, and all is as before", Evidence(False, before=True), Decision.ASK_AGAIN),
    ("nothing could be told at all", Evidence(running=False), Decision.PERSON),
    ("an INVALID index", Evidence(running=False, after=False, before=True, invalid=("i",)), Decision.PERSON),
    ("committed with its mark", Evidence(False, ledger_applied=True, atomic=True, after=True), Decision.VERIFIED),
    ("marked, and the schema does not show it", Evidence(False, ledger_applied=True, after=False), Decision.PERSON),
    ("its mark was rolled back with it", Evidence(False, atomic=True, after=False, before=True), Decision.ASK_AGAIN),
    ("rolled back, yet changed by somebody", Evidence(False, atomic=True, before=False), Decision.PERSON),
    ("rows of a table that cannot roll back", Evidence(False, before=True, changes_rows=True), Decision.PERSON),
    ("what no schema shows, e.g. TRUNCATE", Evidence(False, before=True, changes_rows=True), Decision.PERSON),
    ("rows that rolled back", Evidence(False, atomic=True, before=True, changes_rows=True), Decision.ASK_AGAIN),
]


@pytest.mark.parametrize(("evidence", "decision"), [one[1:] for one in FOUND], ids=[one[0] for one in FOUND])
def test_the_decision_follows_from_what_is_found(evidence: Evidence, decision: Decision) -> None:
    found, why = decide(evidence)
    assert found is decision
    assert why


def test_nothing_is_called_applied_while_it_may_still_run() -> None:
    for after in (True, False, None):
        for marked in (True, False):
            assert decide(Evidence(True, ledger_applied=marked, after=after))[0] is Decision.FOLLOW
