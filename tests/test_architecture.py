"""The shape of the house: who imports whom, and what may share our general import names."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = ("console", "widgets", "screens", "themes")


def test_every_import_goes_the_way_that_the_design_allows() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_dependency_brings_a_package_of_our_names() -> None:
    clashes = {
        f"{distribution.name}: {file}"
        for distribution in distributions()
        if distribution.name != "canario"
        for file in distribution.files or ()
        if file.parts[0] in OURS or file.parts[0] in {f"{name}.py" for name in OURS}
    }
    assert clashes == set()


@pytest.mark.parametrize("folder", OURS)
def test_every_folder_says_what_it_is_for(folder: str) -> None:
    import ast

    silent = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / folder).rglob("*.py"))
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []


def test_importing_console_imports_nothing_else() -> None:
    code = "import sys; before = set(sys.modules); import console; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["console"]
