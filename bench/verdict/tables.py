"""The benchmark's figures as Markdown."""

from __future__ import annotations

from math import isfinite

from bench.verdict import worlds
from bench.verdict.bars import Bar, Results
from bench.verdict.cells import RATES, Row


def render(results: Results, verdicts: list[Bar], remark: str) -> str:
    """Every table, then every bar."""
    parts = [
        "## Verdicts: canario against the ways a canary is judged today",
        remark,
        _detection(results, matched=True),
        _detection(results, matched=False),
        _latency(results),
        _nulls(results),
        _boundary(results),
        _bars(verdicts),
    ]
    return "\n\n".join(parts)


def _table(title: str, head: list[str], body: list[list[str]]) -> str:
    lines = [f"### {title}", "", _line(head), _line(["---"] * len(head))]
    return "\n".join(lines + [_line(cells) for cells in body])


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cell(row: Row) -> str:
    if not isfinite(row.seconds):
        return "never"
    return f"{row.seconds:,.0f} s / {row.failed:,.0f}"


def _by_method(columns: list[tuple[str, list[Row]]], title: str) -> str:
    methods: dict[tuple[str, str], None] = {}
    for _name, rows in columns:
        methods.update(dict.fromkeys((row.method, row.feed) for row in rows))
    body = []
    for method, feed in methods:
        found = []
        for _name, rows in columns:
            mine = [row for row in rows if (row.method, row.feed) == (method, feed)]
            found.append(_cell(mine[0]) if mine else "")
        body.append([method.removesuffix(", matched"), feed, *found])
    return _table(title, ["method", "feed", *(name for name, _rows in columns)], body)


def _detection(results: Results, *, matched: bool) -> str:
    title = "Matched at 1 % false alarms a bake, no grace" if matched else "Defaults"
    parts = []
    for rate in RATES:
        columns = []
        for share in worlds.FAULTS:
            found = results.detections[rate, share]
            columns.append((f"{share:.1%} errors", found.matched if matched else found.defaults))
        parts.append(_by_method(columns, f"{title}, {rate:,.0f} requests/s: median time to rollback / failed requests"))
    return "\n\n".join(parts)


def _latency(results: Results) -> str:
    parts = []
    for rate in RATES:
        columns = [(f"P95 {p95:,.0f} ms", results.latencies[rate, p95]) for p95 in worlds.LATENCIES_MS]
        parts.append(
            _by_method(
                columns, f"Slow canary, defaults, {rate:,.0f} requests/s: median time to rollback / slow requests"
            )
        )
    return "\n\n".join(parts)


def _nulls(results: Results) -> str:
    first = next(iter(results.nulls.values()))
    head = ["world", "requests/s", "canario FAIL", "SHARED BREACH", "PASS"]
    head += [f"{name}, {feed}" for name, feed, _share in first.peers]
    body = []
    for (rate, world), found in results.nulls.items():
        shares = [found.failed, found.shared, found.passed, *(share for _name, _feed, share in found.peers)]
        body.append([world, f"{rate:,.0f}", *(f"{share:.2%}" for share in shares)])
    days = [results.days_alarmed / results.days, results.days_one_minute / results.days]
    body.append(["24 h, iid", "50", f"{days[0]:.2%}", "", "", f"{days[1]:.2%}", *[""] * (len(head) - 6)])
    return _table("Bakes (days) rolled back although the canary must not be", head, body)


def _boundary(results: Results) -> str:
    names = [name for name, _share in results.boundaries[RATES[0]]]
    body = [[name, *(f"{dict(results.boundaries[rate])[name]:.2%}" for rate in RATES)] for name in names]
    return _table(
        "Each test at its null boundary, level 5 %, read every second for 300 s",
        ["test", *(f"{rate:,.0f}/s" for rate in RATES)],
        body,
    )


def _bars(verdicts: list[Bar]) -> str:
    body = [[str(bar.number), bar.owed, bar.figure, "held" if bar.held else "**missed**"] for bar in verdicts]
    return _table("Bars", ["bar", "owed", "measured", ""], body)
