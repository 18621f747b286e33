"""Commands as a person runs them: whole processes, against the real simulator."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.forked import run_canario

Canario = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def canario(tmp_path: Path, own_home: Path) -> Canario:
    """Runs `canario ARGS` in an empty folder; `variables` are added to the environment.

    It is forked, but where `variables` are Python's own, which are read at its start.
    """
    folder = tmp_path / "work"
    folder.mkdir()

    def run(*arguments: str, timeout: float = 60, cwd: Path | None = None, **variables: str):  # type: ignore[no-untyped-def]
        if not any(name.startswith("PYTHON") for name in variables):
            return run_canario(arguments, cwd or folder, {**os.environ, **variables}, timeout)
        return subprocess.run(
            [Path(sys.executable).with_name("canario"), *arguments],
            cwd=cwd or folder,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run
