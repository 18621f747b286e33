"""docs/runbook.md tells which step does each line of the team's runbook, and it is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from console.runbook.load import load_runbook
from console.simulator.checkout import FILES

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
TEAM = (FILES / "docs" / "runbooks" / "despliegue.md").read_text(encoding="utf-8")


def table(heading: str) -> list[tuple[str, str, str, str]]:
    section = DOCS.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = []
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if len(cells) == 4 and cells[2].startswith("`"):
            rows.append((cells[0], cells[1], cells[2].strip("`"), cells[3]))
    return rows


@pytest.mark.parametrize(("heading", "which"), [("Line by line", "despliegue"), ("The manual rollback", "rollback")])
def test_the_table_names_every_step_of_the_packaged_runbook_and_who_checks_it(heading: str, which: str) -> None:
    found = load_runbook(None, which)  # type: ignore[arg-type]
    rows = table(heading)
    steps = {step.id: step for step in found.runbook.steps()}
    assert {step for _h, _l, step, _w in rows} == set(steps)
    for _heading, line, step, who in rows:
        assert who == ("machine" if found.kinds[step].machine else "person"), f"{step}: {line}"
    for step in steps.values():
        assert any(row[0] == step.source and row[2] == step.id for row in rows), f"{step.id}: no row of its source"


def test_every_box_that_the_team_ticks_is_in_the_table() -> None:
    lines = {line for _heading, line, _step, _who in table("Line by line")}
    boxes = re.findall(r"^- \[ \] (.+)$", TEAM, re.MULTILINE)
    assert len(boxes) > 30
    assert [box for box in boxes if box.strip() not in lines] == []


def test_every_heading_of_the_table_is_the_teams() -> None:
    headings = {re.sub(r"[#*\d.]+", "", line).strip() for line in TEAM.splitlines() if line.startswith(("#", "**"))}
    for heading, _line, _step, _who in table("Line by line"):
        words = re.sub(r"[#*\d.]+", "", heading).strip()
        assert any(words in known for known in headings), heading
