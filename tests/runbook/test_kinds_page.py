"""docs/runbook-kinds.md tells every setting of the kinds that it describes."""

from __future__ import annotations

import re
from pathlib import Path

from console.runbook.kinds import kinds

PAGE = (Path(__file__).parents[2] / "docs" / "runbook-kinds.md").read_text(encoding="utf-8")


def test_the_page_names_every_setting_of_each_kind_and_no_other() -> None:
    sections = re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
    assert len(sections) == 6
    for section in sections:
        for name in re.findall(r"`(\w+)`", section.splitlines()[0]):
            first_cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
            told = {word for cell in first_cells for word in re.findall(r"`(\w+)`", cell)}
            assert told == set(kinds()[name].settings_model.model_fields), name
