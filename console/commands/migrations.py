"""`canario migrations lint`: what each statement of a file does to code that still runs. JSON lines: docs/json.md."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from console.commands.output import say
from console.errors import ExitCode, UsageError
from console.migrations.lint import lint as judge
from console.migrations.lint import unreadable
from console.migrations.verdict import Dialect, StatementVerdict, Verdict
from console.text import clean
from console.words import _, ngettext

MARKS = {Verdict.ADDITIVE: "✔", Verdict.BLOCKING: "▲", Verdict.INCOMPATIBLE: "✖", Verdict.UNKNOWN: "?"}
"""Before a verdict, so that it is told without colour."""

SHOWN = 2_000
"""Characters of a statement that are printed for people."""


def lint(files: Sequence[str], dialect: str, *, as_json: bool) -> int:
    """Judge every statement of `files`, and print the verdicts.

    Args:
        files: paths.
        dialect: `mysql`, `postgres` or `sqlite`.
        as_json: one object a line for each statement.

    Returns:
        0 where every statement is additive, 1 where one is not.

    Raises:
        UsageError: no such dialect, or a file that cannot be opened.
    """
    chosen = _dialect(dialect)
    contents = [(path, _read(path)) for path in files]
    counts = dict.fromkeys(Verdict, 0)
    for path, content in contents:
        verdicts = _judge(content, chosen)
        if not as_json:
            say(_("{file}: {count}").format(file=path, count=_count(len(verdicts))))
        for verdict in verdicts:
            counts[verdict.verdict] += 1
            if as_json:
                _say_json(path, verdict)
            else:
                _say_verdict(verdict)
    if not as_json:
        said = ", ".join(f"{number} {_word(verdict)}" for verdict, number in counts.items() if number)
        say(said or _("Nothing to judge: no statement."))
    return ExitCode.DONE if sum(counts.values()) == counts[Verdict.ADDITIVE] else ExitCode.FAILED


def _dialect(text: str) -> Dialect:
    try:
        return Dialect(text)
    except ValueError:
        raise UsageError(
            _("{dialect!r} is no dialect.").format(dialect=text[:40]),
            remedy=_("Give --dialect mysql, postgres or sqlite (mysql for MariaDB too)."),
        ) from None


def _read(path: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            _("{path} cannot be read: {problem}.").format(path=path, problem=reason),
            remedy=_("Check the path."),
        ) from error


def _judge(content: bytes, dialect: Dialect) -> tuple[StatementVerdict, ...]:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return (unreadable(dialect, content.decode("utf-8", "replace")),)
    return judge(text, dialect)


def _say_json(path: str, verdict: StatementVerdict) -> None:
    """One line; `sql` is exactly what would be sent, so it is escaped and not cleaned."""
    document = {
        "file": clean(path),
        "index": verdict.index,
        "line": verdict.line,
        "sql": verdict.sql,
        "verdict": verdict.verdict.value,
        "rules": [{"id": rule.id, "reason": clean(rule.reason), "source": rule.source} for rule in verdict.rules],
    }
    sys.stdout.write(json.dumps(document, ensure_ascii=True) + "\n")
    sys.stdout.flush()


def _say_verdict(verdict: StatementVerdict) -> None:
    line = _("line {line}").format(line=verdict.line)
    say(f"{MARKS[verdict.verdict]} {verdict.index}  {_word(verdict.verdict)}  {line}  {clean(verdict.sql, SHOWN)}")
    for finding in verdict.rules:
        say(f"     {finding.id}: {finding.reason}")
        say(f"       {finding.source}")


def _word(verdict: Verdict) -> str:
    words = {
        Verdict.ADDITIVE: _("additive"),
        Verdict.BLOCKING: _("blocking"),
        Verdict.INCOMPATIBLE: _("incompatible"),
        Verdict.UNKNOWN: _("unknown"),
    }
    return words[verdict]


def _count(number: int) -> str:
    return ngettext("{count} statement", "{count} statements", number).format(count=number)
