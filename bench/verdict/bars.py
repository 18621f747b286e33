"""The bars of the benchmark: what is owed, whether it is held, and the figure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import inf, isfinite

from bench.verdict.cells import Detection, Null, Row
from bench.verdict.worlds import NO_BAR

BUSY, MIDDLE = 1250.0, 50.0


@dataclass(frozen=True, slots=True)
class Results:
    """Everything that was measured."""

    detections: dict[tuple[float, float], Detection]
    """By (requests a second, the canary's error share)."""
    latencies: dict[tuple[float, float], list[Row]]
    """By (requests a second, the canary's P95 in ms)."""
    nulls: dict[tuple[float, str], Null]
    """By (requests a second, world)."""
    boundaries: dict[float, list[tuple[str, float]]]
    days: int
    days_alarmed: int
    days_one_minute: int
    """Days in which at least one minute had over 1 % errors."""
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar."""

    number: int
    owed: str
    figure: str
    held: bool


def row(rows: Iterable[Row], method: str, feed: str = "") -> Row:
    """The row of a method (of a feed)."""
    return next(found for found in rows if found.method == method and feed in ("", found.feed))


def judge(results: Results) -> list[Bar]:
    """Hold every bar against what was measured."""
    parts: list[Callable[[Results], list[Bar]]] = [_matched, _defaults, _false_alarms, _boundary, _outage, _pass, _cost]
    return [bar for part in parts for bar in part(results)]


def _ratio(results: Results, cell: tuple[float, float], method: str, feed: str, *, matched: bool) -> float:
    found = results.detections[cell]
    if matched:
        ours, theirs = row(found.matched, "canario, matched"), row(found.matched, f"{method}, matched", feed)
    else:
        ours, theirs = row(found.defaults, "canario"), row(found.defaults, method, feed)
    return theirs.seconds / ours.seconds if isfinite(ours.seconds) else 0.0


def _at_least(number: int, owed: str, figures: dict[str, float], least: float) -> Bar:
    worst = min(figures.values())
    text = ", ".join(f"{name} {figure:.1f}" for name, figure in figures.items())
    return Bar(number, f"{owed} >= {least:g}", text, worst >= least)


def _at_most(number: int, owed: str, figures: dict[str, float], most: float) -> Bar:
    """Figures are shares; the worst one is shown."""
    name, worst = max(figures.items(), key=lambda item: item[1])
    return Bar(number, f"{owed} <= {most:.1%}", f"{worst:.2%} ({name})", worst <= most)


def _matched(results: Results) -> list[Bar]:
    bars = []
    for method, feed, least in (
        ("Argo Rollouts(0)", "fresh", 7.0),
        ("Argo Rollouts(0)", "Monitoring", 15.0),
        ("Flagger(5)", "fresh", 35.0),
    ):
        figures = {f"{p:.0%}": _ratio(results, (BUSY, p), method, feed, matched=True) for p in (0.03, 0.10)}
        bars.append(_at_least(1, f"matched, 1,250/s: {method}, {feed} / canario", figures, least))
    figures = {"3%": _ratio(results, (MIDDLE, 0.03), "Argo Rollouts(0)", "fresh", matched=True)}
    bars.append(_at_least(1, "matched, 50/s: Argo Rollouts(0), fresh / canario", figures, 2.0))
    return bars


def _defaults(results: Results) -> list[Bar]:
    shares = (0.015, 0.03, 0.10, 0.50)
    person = "person with the runbook"
    lost = {}
    for p in shares:
        found = results.detections[BUSY, p].defaults
        lost[f"{p:.1%}"] = row(found, person).failed / row(found, "canario").failed

    def times(method: str, feed: str) -> dict[str, float]:
        return {f"{p:.1%}": _ratio(results, (BUSY, p), method, feed, matched=False) for p in shares}

    return [
        _at_least(2, "defaults, 1,250/s: person / canario, median time", times(person, "Monitoring"), 4.5),
        _at_least(2, "defaults, 1,250/s: person / canario, failed requests", lost, 4.5),
        _at_least(2, "defaults, 1,250/s: Kayenta, fresh / canario", times("Kayenta", "fresh"), 7.0),
        _at_least(2, "defaults, 1,250/s: Flagger(5), fresh / canario", times("Flagger(5)", "fresh"), 8.0),
    ]


def _false_alarms(results: Results) -> list[Bar]:
    bursts = "canary-only bursts"
    every: dict[str, float] = {}
    only: dict[str, float] = {}
    thirds: dict[str, float] = {}
    for (rate, world), found in results.nulls.items():
        if world == NO_BAR:
            continue
        name = f"{world}, {rate:,.0f}/s"
        (only if world == bursts else every)[name] = found.failed
        if found.one_minute >= 0.01:
            thirds[name] = found.failed / found.one_minute
    worst = max(thirds, key=lambda name: thirds[name])
    return [
        _at_most(3, "false alarms a bake, every null", every, 0.005),
        _at_most(3, "false alarms a bake, canary-only bursts", only, 0.05),
        Bar(
            3,
            "false alarms <= 1/3 of the one-minute rule's, where that has >= 1%",
            f"{thirds[worst]:.3f} ({worst}; {len(thirds)} cells)",
            thirds[worst] <= 1 / 3,
        ),
        _at_most(3, "24 h at 50/s", {f"{results.days:,} days": results.days_alarmed / results.days}, 0.01),
    ]


def _boundary(results: Results) -> list[Bar]:
    figures = {f"{name}, {rate:,.0f}/s": share for rate, found in results.boundaries.items() for name, share in found}
    return [_at_most(4, "null boundary at level 5%, read every second", figures, 0.06)]


def _outage(results: Results) -> list[Bar]:
    found = {rate: null for (rate, world), null in results.nulls.items() if world == "shared outage"}
    bars = [_at_most(5, "shared 5% outage: rolled back", {f"{r:,.0f}/s": n.failed for r, n in found.items()}, 0.01)]
    for rate, most in ((BUSY, 60.0), (MIDDLE, 180.0)):
        paged = found[rate].paged_99_s
        bars.append(
            Bar(5, f"shared outage, {rate:,.0f}/s: 99% paged within {most:.0f} s", f"{paged:.0f} s", paged <= most)
        )
    return bars


def _pass(results: Results) -> list[Bar]:
    wrong = {f"{rate:,.0f}/s": found.passed for (rate, p), found in results.detections.items() if p == 0.015}
    bars = [_at_most(6, "PASS at a true 1.5%", wrong, 0.01)]
    for rate, least in ((BUSY, 0.99), (MIDDLE, 0.90)):
        passed = results.nulls[rate, "iid"].passed
        bars.append(Bar(6, f"healthy, {rate:,.0f}/s: PASS >= {least:.0%}", f"{passed:.1%}", passed >= least))
    fewest = min((found.fewest_at_pass for found in results.nulls.values()), default=inf)
    bars.append(Bar(6, "never PASS before 384 canary requests", f"fewest {fewest:.0f}", fewest >= 384))
    return bars


def _cost(results: Results) -> list[Bar]:
    return [
        Bar(
            7,
            "one tick, the product's judge, all tests <= 1 ms",
            f"{results.milliseconds:.2f} ms",
            results.milliseconds <= 1,
        )
    ]
