"""The labelled set: files of SQL that are safe, and that are not, one a line of `labelled/DIALECT*.txt`.

`DIALECT_fresh.txt` were written from the issue's text alone, before the rules were looked at.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from console.migrations.verdict import Dialect

FOLDER = Path(__file__).parent / "labelled"


@dataclass(frozen=True)
class Case:
    dialect: Dialect
    safe: bool
    sql: str


def cases(*, safe: bool | None = None) -> list[Case]:
    found = []
    for dialect in Dialect:
        lines = (line for path in sorted(FOLDER.glob(f"{dialect.value}*.txt"))
                 for line in path.read_text(encoding="utf-8").split("\n"))  # fmt: skip
        for line in lines:
            if line[:2] in ("+ ", "- "):
                sql = line[2:].replace("⏎", "\n")
                sql = re.sub(r"<U\+([0-9A-F]{4,6})>", lambda match: chr(int(match[1], 16)), sql)
                found.append(Case(dialect, line[0] == "+", sql))
    return [case for case in found if safe is None or case.safe is safe]
