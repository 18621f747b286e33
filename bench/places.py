"""Where the measured programs run: this Python, in a home of their own, away from anybody's settings and journal."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Place:
    """A home for the measured programs."""

    home: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def at(cls, home: Path) -> Place:
        """A home in `home`."""
        variables = {
            "HOME": str(home),
            "XDG_STATE_HOME": str(home / "state"),
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_DATA_HOME": str(home / "data"),
            "XDG_CACHE_HOME": str(home / "cache"),
            "CANARIO_SLACK_WEBHOOK": "",
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(Path(__file__).parents[1]),
        }
        return cls(home, variables)


def canario(*arguments: str) -> list[str]:
    """The command line of `canario` with these arguments, as installed beside this Python."""
    return [str(Path(sys.executable).with_name("canario")), *arguments]


def python(code: str) -> list[str]:
    """The command line of a bare Python that runs `code`."""
    return [sys.executable, "-c", code]
