"""The judge that a console runs: the sequential engine's verdict, with the runbook's own rules read beside it.

Where one of the runbook's rules is crossed and the engine says otherwise, both are said, and why (issue 3). Which of
the two may start the automatic rollback is `Drives`; the word is the engine's either way. Pure.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from console.verdict.base import Judge, Tick, Verdict, Word
from console.verdict.threshold import ThresholdJudge
from console.words import _


class Drives(StrEnum):
    """What starts the countdown to the automatic rollback."""

    VERDICT = "verdict"
    """FAIL of the engine."""
    RUNBOOK = "runbook"
    """The runbook's error rate or P95 over its limit in the last minute."""


class JointJudge:
    """Runs the engine and the runbook's rules on the same seconds.

    Args:
        engine: says the word.
        rules: reads the runbook's rules.
        drives: which of the two may start the automatic rollback.
    """

    def __init__(self, engine: Judge, rules: ThresholdJudge, drives: Drives = Drives.VERDICT) -> None:
        self._engine = engine
        self._rules = rules
        self._drives = drives
        self._verdict = self._join(engine.verdict, rules.verdict)

    @property
    def verdict(self) -> Verdict:
        """See `Judge.verdict`."""
        return self._verdict

    def tick(self, tick: Tick) -> Verdict:
        """See `Judge.tick`."""
        self._verdict = self._join(self._engine.tick(tick), self._rules.tick(tick))
        return self._verdict

    def _join(self, verdict: Verdict, rules: Verdict) -> Verdict:
        by_rules = self._drives is Drives.RUNBOOK
        readings = tuple(replace(reading, arms=reading.arms and by_rules) for reading in rules.rules)
        return replace(
            verdict,
            rules=readings,
            breach=rules.breach if by_rules else verdict.breach,
            note=self._note(verdict, rules),
        )

    def _note(self, verdict: Verdict, rules: Verdict) -> str:
        crossed = [reading for reading in rules.rules if reading.crossed]
        if verdict.word is Word.FAIL:
            if crossed:
                return self._who_drives(verdict, rules)
            note = _("No rule of the runbook is crossed in the last minute; the test saw it sooner, or over longer.")
            return f"{note} {self._who_drives(verdict, rules)}".strip()
        if not crossed:
            return ""
        named = ", ".join(f"{reading.rule}: {reading.value}" for reading in crossed)
        if verdict.word is Word.SHARED_BREACH:
            reason = _("the stable suffers alike")
        elif any(reading.arms for reading in crossed):
            reason = _("the test has not enough evidence yet that it is more than chance or a short burst")
        elif any(reading.latency for reading in crossed):
            reason = _("a target, and the test has not enough evidence yet that the canary is slower than it may be")
        else:
            reason = _("normal noise for a healthy service with this much traffic")
        note = _("{word} though a rule of the runbook is crossed: {reason} ({rules}).").format(
            rules=named, word=verdict.word.value, reason=reason
        )
        return f"{note} {self._who_drives(verdict, rules)}".strip()

    def _who_drives(self, verdict: Verdict, rules: Verdict) -> str:
        if verdict.breach == rules.breach:
            return ""
        if self._drives is Drives.RUNBOOK:
            return _("The runbook's rules drive the automatic rollback (a setting).")
        return _("The verdict drives the automatic rollback (a setting).")
