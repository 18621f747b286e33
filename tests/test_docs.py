"""What is written about canario is true of canario."""

from __future__ import annotations

import re
from pathlib import Path

from console.commands.init import TEMPLATE
from console.errors import ExitCode
from console.registry import key_table
from console.simulator.scenario import list_scenarios

ROOT = Path(__file__).parent.parent


def test_the_readme_lists_every_key_as_the_registry_has_it() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = re.search(r"<!-- keys:begin -->\n(.*?)\n?<!-- keys:end -->", readme, re.DOTALL)
    assert table is not None
    assert table[1].strip() == key_table().strip(), "run: python -m console.registry, and paste it between the marks"


def test_the_readme_explains_every_exit_code() -> None:
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("| exit |")[2].partition("JSON shapes")[0]
    numbers = {int(number) for number in re.findall(r"\d+", section)}
    assert {int(code) for code in ExitCode} <= numbers


def test_the_settings_page_shows_the_file_that_init_writes() -> None:
    assert TEMPLATE in (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")


def test_links_between_pages_lead_somewhere() -> None:
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")):
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert link.startswith("https://") or (page.parent / link).exists(), f"{page.name}: {link}"


def test_the_issue_names_scenarios_that_exist() -> None:
    assert {
        "healthy", "bad-canary", "broken-canary", "slow-canary", "cold-start", "shared-outage", "quiet-service",
        "busy-service", "rival-operator", "flaky-cloud",
    } <= set(list_scenarios())  # fmt: skip
