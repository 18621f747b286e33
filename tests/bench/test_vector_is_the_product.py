"""The benchmark's vectorised judge says, second by second, what the product's own judge says."""

from __future__ import annotations

from datetime import timedelta

import pytest

np = pytest.importorskip("numpy")

from bench.verdict import vector  # noqa: E402
from bench.verdict.worlds import Streams  # noqa: E402
from console.verdict.base import Counts, Tick, Verdict  # noqa: E402
from console.verdict.sequential import SequentialJudge  # noqa: E402

RUNS = 12
SECONDS = 150
BAKE_S = 100


def streams(rate: float, seed: int, *, quiet_s: int = 0, calm: bool = False) -> Streams:
    """Streams of all kinds, one a run: healthy, bad, broken, slow, cold, outage, silent canary, bursts, gaps."""
    rng = np.random.default_rng(seed)
    shape = (SECONDS, RUNS)
    arms = []
    shares = rng.choice([0.0, 0.002, 0.008, 0.02, 0.1, 0.6, 1.0], (2, RUNS))
    slow_shares = rng.choice([0.005, 0.03, 0.06, 0.3], (2, RUNS))
    changes = rng.integers(0, SECONDS, RUNS)
    for arm, part in enumerate((0.1, 0.9)):
        requests = rng.poisson(rate * part, shape)
        requests[rng.random(shape) < 0.1] = 0
        if arm == 0:
            requests[:quiet_s] = 0
            requests[:, -1] = 0 if seed % 2 else requests[:, -1] // 8
        later = np.arange(SECONDS)[:, None] >= changes
        if calm:
            share, slow_share = 0.001, 0.004
        else:
            share = np.where(later, shares[arm], rng.choice([0.0, 0.002], RUNS))
            share = np.where(rng.random(shape) < 0.03, 0.5, share)
            slow_share = np.where(later, slow_shares[arm], 0.009)
        errors = rng.binomial(requests, share)
        slow = rng.binomial(requests, slow_share)
        arms += [requests, errors, slow, rng.binomial(slow, 0.3)]
    if not calm:  # a shared outage and a shared slowness
        arms[1][:, 0] = rng.binomial(arms[0][:, 0], 0.05)
        arms[5][:, 0] = rng.binomial(arms[4][:, 0], 0.05)
        for index in (2, 6):
            arms[index][:, 1] = rng.binomial(arms[index - 2][:, 1], 0.4)
            arms[index + 1][:, 1] = arms[index][:, 1]
        for index in (4, 5, 6, 7):  # nothing to compare the canary with
            arms[index][:, 2] = 0
        arms[1][:, 2] = rng.binomial(arms[0][:, 2], 0.2)
    return Streams(*arms)


def tick(found: Streams, second: int, run: int) -> Tick:
    """One closed second of one run, as the product takes it (without what only WARNs)."""

    def counts(requests, errors, slow, very_slow) -> Counts:  # type: ignore[no-untyped-def]
        return Counts(
            requests=int(requests[second, run]),
            errors=int(errors[second, run]),
            over_800ms=int(slow[second, run]),
            over_1s=int(very_slow[second, run]),
        )

    f = found
    return Tick(
        1_790_000_000 + second,
        counts(f.canary, f.canary_errors, f.canary_slow, f.canary_very_slow),
        counts(f.stable, f.stable_errors, f.stable_slow, f.stable_very_slow),
    )


def evidence_of_product(judge: SequentialJudge) -> dict[str, float]:
    detectors = judge._detectors
    found = {"fast": detectors.fast, "grace": detectors.grace, "silent": detectors.silent}
    for name in ("errors", "slow", "very_slow"):
        comparison = getattr(detectors, name)
        for value in ("absolute", "relative", "blame", "shared", "passing"):
            found[f"{name}.{value}"] = getattr(comparison, value)
    return found


def evidence_of_vector(judge: vector.Judge, run: int) -> dict[str, float]:
    found = {"fast": judge.fast[run], "grace": judge.grace[run], "silent": judge.silent[run]}
    for name in ("errors", "slow", "very_slow"):
        comparison = getattr(judge, name)
        for value in ("absolute", "relative", "blame", "shared", "passing"):
            found[f"{name}.{value}"] = getattr(comparison, value)[run]
    return found


@pytest.mark.parametrize(
    ("rate", "grace_s", "quiet_s", "calm"),
    [
        (5.0, 15, 0, False),
        (5.0, 0, 0, False),
        (50.0, 15, 0, False),
        (50.0, 15, 20, False),
        (50.0, 0, 0, True),
        (1250.0, 15, 0, False),
        (1250.0, 7, 5, True),
    ],
)
def test_the_benchmark_judges_exactly_as_the_product(rate: float, grace_s: int, quiet_s: int, calm: bool) -> None:
    said = set()
    for seed in (1, 2):
        found = streams(rate, seed, quiet_s=quiet_s, calm=calm)
        many = vector.Judge(RUNS, grace_s=grace_s, horizon=BAKE_S)
        each = [SequentialJudge(0.1, timedelta(seconds=BAKE_S), grace_s=grace_s) for _run in range(RUNS)]
        for second in range(SECONDS):
            many.tick(found, second)
            for run, judge in enumerate(each):
                verdict: Verdict = judge.tick(tick(found, second, run))
                where = f"seed {seed}, second {second}, run {run}"
                expected = evidence_of_product(judge)
                assert evidence_of_vector(many, run) == pytest.approx(expected, rel=1e-9, abs=1e-280), where
                assert vector.MEANING[int(many.word[run])] == (verdict.word, verdict.attribution), where
                assert many.credit[run] == judge._credit, where
                said.add(int(many.word[run]))
    if rate == 50.0 and not calm and not quiet_s:
        assert said >= set(vector.MEANING) - {vector.PASS}, "the streams are to bring every verdict out"
    if calm and rate == 50.0:
        assert vector.PASS in said


def test_a_judge_of_alarms_only_stands_where_the_whole_judge_stands() -> None:
    found = streams(50.0, 3)
    whole, alarms = vector.Judge(RUNS), vector.Judge(RUNS, alarms_only=True)
    for second in range(SECONDS):
        whole.tick(found, second)
        alarms.tick(found, second)
        assert (whole.standing == alarms.standing).all()
