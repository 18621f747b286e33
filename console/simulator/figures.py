"""The figures behind a revision's `/metrics`: simulated and real requests together, as Prometheus text.

Counters start when the simulator does, or an hour before they are first asked for where that is later.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from console.simulator.clock import SimClock
from console.simulator.store import Store
from console.simulator.traffic import TICKS_PER_S, Fate, Traffic, tick_at

EDGES_S = (0.05, 0.1, 0.25, 0.5, 0.8, 1.0, 2.5, 5.0)
"""Upper edges of the latency histogram, seconds; the runbook's limits are among them."""
LATENCY_TICKS = 10 * TICKS_PER_S
"""Latencies are drawn for the last 10 s only: the histogram's shape is theirs, its count is every request's."""
LONGEST_CATCH_UP = 3600 * TICKS_PER_S


@dataclass(slots=True)
class _Counters:
    ok: int = 0
    failed: int = 0
    by_status: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    """Real requests by status."""


class Figures:
    """Counters by service and revision.

    Args:
        store: which revisions there are.
        traffic: the simulated requests.
        clock: simulated time.
    """

    def __init__(self, store: Store, traffic: Traffic, clock: SimClock) -> None:
        self._store = store
        self._traffic = traffic
        self._clock = clock
        self._counters: dict[tuple[str, str], _Counters] = defaultdict(_Counters)
        self._counted_to: dict[str, int] = {}

    def count(self, service: str, revision: str, status: int, latency_s: float) -> None:
        """Count one real request."""
        self._counters[service, revision].by_status[status] += 1

    def text(self, service: str, revision: str) -> str:
        """Prometheus text (exposition format 0.0.4) of one revision."""
        now = tick_at(self._clock.now())
        self._catch_up(service, now)
        counters = self._counters[service, revision]
        record = self._store.services[service].revisions[revision]
        ok = counters.ok + sum(n for status, n in counters.by_status.items() if status < 500)
        failed = counters.failed + sum(n for status, n in counters.by_status.items() if status >= 500)
        label = f'service="{service}",revision="{revision}"'
        profile = self._traffic.scenario.profile_of(service, revision)
        serves = self._store.services[service].told.get(revision, 0) > 0
        recent, rate = self._recent(service, revision, now)
        lines = [
            "# HELP wa_build_info Which build this is.",
            "# TYPE wa_build_info gauge",
            f'wa_build_info{{{label},version="{self._store.version(record)}"}} 1',
            "# HELP http_requests_total Requests answered, by class of status.",
            "# TYPE http_requests_total counter",
            f'http_requests_total{{{label},code="2xx"}} {ok}',
            f'http_requests_total{{{label},code="5xx"}} {failed}',
            "# HELP http_requests_per_second Requests a second over the last 10 s.",
            "# TYPE http_requests_per_second gauge",
            f"http_requests_per_second{{{label}}} {rate:.3f}",
            "# HELP http_request_duration_seconds How long requests took, over the last 10 s.",
            "# TYPE http_request_duration_seconds histogram",
        ]
        for edge in EDGES_S:
            below = sum(1 for seconds in recent if seconds <= edge)
            lines.append(f'http_request_duration_seconds_bucket{{{label},le="{edge:g}"}} {below}')
        lines += [
            f'http_request_duration_seconds_bucket{{{label},le="+Inf"}} {len(recent)}',
            f"http_request_duration_seconds_sum{{{label}}} {sum(recent):.6f}",
            f"http_request_duration_seconds_count{{{label}}} {len(recent)}",
            "# HELP process_cpu_utilization Share of one CPU in use.",
            "# TYPE process_cpu_utilization gauge",
            f"process_cpu_utilization{{{label}}} {profile.cpu if serves else 0.0:.3f}",
        ]
        return "\n".join(lines) + "\n"

    def _catch_up(self, service: str, now: int) -> None:
        traffic = self._traffic.service(service)
        begin = self._counted_to.get(service, max(self._traffic.start_tick, now - LONGEST_CATCH_UP))
        for tick in range(max(begin, now - LONGEST_CATCH_UP), now):
            for arm, ok, failed in traffic.counts(tick):
                counters = self._counters[service, arm.revision]
                counters.ok += ok
                counters.failed += failed
        self._counted_to[service] = max(begin, now)

    def _recent(self, service: str, revision: str, now: int) -> tuple[list[float], float]:
        """(latencies in seconds, requests a second) of the last 10 s of simulated traffic."""
        traffic = self._traffic.service(service)
        found: list[float] = []
        for tick in range(now - LATENCY_TICKS, now):
            for arm, tally in traffic.tallies(tick):
                if arm.revision == revision:
                    for fate in Fate:
                        found += [r.latency_s for r in traffic.requests(tick, arm, tally[fate], fate)]
        return found, len(found) * TICKS_PER_S / LATENCY_TICKS
