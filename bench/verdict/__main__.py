"""`python -m bench.verdict [--write]`: simulate everything, print the tables and the bars, exit 1 if one is missed."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing import get_context
from typing import TypeVar

from bench.results import RESULTS, keep
from bench.verdict import bars, cells, tables, worlds

T = TypeVar("T")


def main() -> int:
    """Measure, print, and write where asked to."""
    parser = argparse.ArgumentParser(prog="python -m bench.verdict", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"put the report into {RESULTS.name} too")
    asked = parser.parse_args()
    started = time.monotonic()
    results = measure(os.cpu_count() or 1)
    verdicts = bars.judge(results)
    remark = (
        f"`python -m bench.verdict`, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, in {time.monotonic() - started:.0f} s on"
        f" {os.cpu_count()} cores, Python {platform.python_version()}. {cells.RUNS:,} seeded runs a cell; canary share"
        f" 10 %; stable 0.2 % errors, P95 620 ms; canario's times include {cells.LAG_S:.0f} s of tail lag. `never`: in"
        f" most runs not within {cells.STREAM_S} s. Each peer as its own sources say (bench/verdict/peers.py)."
    )
    report = tables.render(results, verdicts, remark)
    print(report)
    if asked.write:
        keep("verdict", report)
    return 0 if all(bar.held for bar in verdicts) else 1


def measure(workers: int) -> bars.Results:
    """Run every cell, the long ones first."""
    with ProcessPoolExecutor(workers, mp_context=get_context("fork")) as pool:

        def each(run: Callable[..., T], keys: list[tuple[object, ...]]) -> list[Future[T]]:
            return [pool.submit(run, *key) for key in keys]

        rates = sorted(cells.RATES, reverse=True)
        levels = {rate: pool.submit(cells.matched, rate) for rate in rates}
        days = each(cells.day, [(part,) for part in range(cells.RUNS // cells.DAY_BATCH)])
        found = {
            (rate, share): pool.submit(cells.detection, rate, share, levels[rate].result())
            for rate in rates
            for share in worlds.FAULTS
        }
        slow = {(rate, p95): pool.submit(cells.latency, rate, p95) for rate in rates for p95 in worlds.LATENCIES_MS}
        nulls = {
            (rate, world.name): pool.submit(cells.null_at, rate, place)
            for place, world in enumerate(worlds.NULLS)
            for rate in cells.RATES
        }
        boundaries = {rate: pool.submit(cells.boundary, rate) for rate in rates}
        counted = [future.result() for future in days]
        measured = bars.Results(
            detections={key: future.result() for key, future in found.items()},
            latencies={key: future.result() for key, future in slow.items()},
            nulls={key: future.result() for key, future in nulls.items()},
            boundaries={key: future.result() for key, future in boundaries.items()},
            days=sum(days for days, _ours, _rule in counted),
            days_alarmed=sum(ours for _days, ours, _rule in counted),
            days_one_minute=sum(rule for _days, _ours, rule in counted),
            milliseconds=0.0,
        )
    # alone, so that no other cell takes its time
    return replace(measured, milliseconds=cells.milliseconds_a_tick())


if __name__ == "__main__":
    sys.exit(main())
