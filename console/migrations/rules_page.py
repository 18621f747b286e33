"""The list of rules in docs/migrations.md, made from the rules: `python -m console.migrations.rules_page`."""

from __future__ import annotations

from pathlib import Path

from console.migrations.rules import RULES
from console.migrations.verdict import Dialect, Rule, Verdict

PAGE = Path(__file__).parent.parent.parent / "docs" / "migrations.md"
BEGIN, END = "<!-- rules:begin -->", "<!-- rules:end -->"

_HEADS = {
    Verdict.ADDITIVE: "Additive",
    Verdict.BLOCKING: "Blocking",
    Verdict.INCOMPATIBLE: "Incompatible",
    Verdict.UNKNOWN: "Unknown",
}
_NAMES = {Dialect.MYSQL: "MySQL", Dialect.POSTGRES: "PostgreSQL", Dialect.SQLITE: "SQLite"}
_OTHERS = {
    "https://mariadb.com/": "MariaDB",
    "https://squawkhq.com/": "PostgreSQL (Squawk)",
}
_FILLED = {"table": "the table", "name": "it", "lock": "a lock"}


def rules_text() -> str:
    """Every rule with its reason, its examples and its source, in English, as Markdown."""
    parts = []
    for verdict in Verdict:
        parts.append(f"### {_HEADS[verdict]}")
        parts += [_rule_text(rule) for rule in RULES.values() if rule.verdict is verdict]
    return "\n\n".join(parts)


def _rule_text(rule: Rule) -> str:
    lines = [f"#### `{rule.id}`", "", _told(rule.reason, rule.safer)]
    for dialect in rule.sources:
        if dialect in rule.reasons or dialect in rule.safers:
            lines += ["", f"On {_NAMES[dialect]}: {_told(rule.reason_in(dialect), rule.safer_in(dialect))}"]
    told = ", ".join(f"[{_owner(dialect, source)}]({source})" for dialect, source in rule.sources.items())
    lines += ["", f"Source: {told}"]
    if rule.loses_data:
        lines += ["", "Data is lost: refused in protected environments."]
    for dialect, sql in rule.examples:
        shown = "".join(c if c.isprintable() or c == "\n" else f"<U+{ord(c):04X}>" for c in sql)
        lines += ["", f"```sql\n-- {_NAMES[dialect]}\n{shown}\n```"]
    return "\n".join(lines)


def _owner(dialect: Dialect, source: str) -> str:
    """Whose page it is."""
    return next((name for start, name in _OTHERS.items() if source.startswith(start)), _NAMES[dialect])


def _told(*texts: str) -> str:
    return " ".join(_sentence(text) for text in texts if text)


def _sentence(text: str) -> str:
    sentence = text.format(**_FILLED)
    return sentence[0].upper() + sentence[1:]


def main() -> None:
    """Put the list between its marks."""
    before, _begin, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{rules_text()}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
