"""bench/RESULTS.md: what was measured last, each benchmark between marks of its own."""

from __future__ import annotations

from pathlib import Path

RESULTS = Path(__file__).parent / "RESULTS.md"


def keep(name: str, report: str, path: Path = RESULTS) -> None:
    """Put `report` between the marks of benchmark `name`, at the end where they are not there yet.

    Args:
        name: a word, e.g. `speed`, `verdict`.
        report: Markdown.
        path: the file.
    """
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    text = path.read_text() if path.exists() else "# Results\n"
    block = f"{begin}\n{report.strip()}\n{end}\n"
    if begin in text and end in text:
        before, rest = text.split(begin, 1)
        text = before + block + rest.split(end, 1)[1].lstrip("\n")
    else:
        text = text.rstrip("\n") + "\n\n" + block
    path.write_text(text)
