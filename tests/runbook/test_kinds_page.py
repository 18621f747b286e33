"""docs/runbook-kinds.md tells every kind of step, and every setting of each."""

from __future__ import annotations

import re
from pathlib import Path

from console.runbook.kinds import kinds

PAGE = (Path(__file__).parents[2] / "docs" / "runbook-kinds.md").read_text(encoding="utf-8")


def test_the_page_names_every_setting_of_each_kind_and_no_other() -> None:
    sections = re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
    described: set[str] = set()
    for section in sections:
        for name in re.findall(r"`(\w+)`", section.splitlines()[0]):
            described.add(name)
            first_cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
            told = {word for cell in first_cells for word in re.findall(r"`(\w+)`", cell)}
            fields = kinds()[name].settings_model.model_fields
            assert told == {field.alias or own for own, field in fields.items()}, name
    assert described == set(kinds())
