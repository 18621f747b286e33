"""Terminals for end-to-end tests, whose helpers are importable by their names."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from terminal import Terminal


@pytest.fixture
def terminal(tmux: str, tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """Opens terminals of (columns, lines) that close with the test."""
    opened: list[Terminal] = []

    def open_one(size: tuple[int, int] = (120, 40)) -> Terminal:
        folder = tmp_path / f"terminal-{len(opened)}"
        folder.mkdir()
        opened.append(Terminal(tmux, folder, size))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()


@pytest.fixture
def terminals(tmux: str, tmp_path: Path) -> Iterator[tuple[Terminal, Terminal]]:
    """Two of them, for two people."""
    opened = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        opened.append(Terminal(tmux, tmp_path / name))
    yield opened[0], opened[1]
    for each in reversed(opened):
        each.close()
