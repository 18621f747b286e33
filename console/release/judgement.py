"""The guardrails `bake` and `verdict`: whether what was seen of the canary lets its share rise."""

from __future__ import annotations

from datetime import datetime, timedelta

from console.release.facts import Answer, EnvironmentRules, Facts, current_verdict
from console.release.figures import duration
from console.release.state import LEASE, VerdictRecord
from console.words import _, ngettext


def judgement(
    rules: EnvironmentRules, facts: Facts, current: int, target: int, now: datetime | None
) -> tuple[Answer, Answer]:
    """What `bake` and `verdict` say of a move from `current` to `target` percent.

    Args:
        rules: the environment's.
        facts: as known now.
        current: the canary's share now.
        target: its share after the move, higher.
        now: server time; None where the cloud has not told it.
    """
    bake_title, verdict_title = _("bake"), _("verdict")
    if current == 0:
        first_step = rules.plan.allows(0, target)
        first = _("first step: no traffic to judge yet") if first_step else _("nothing yet: the canary has no traffic")
        return Answer("bake", bake_title, True, first), Answer("verdict", verdict_title, True, first)
    verdict = current_verdict(facts.verdict, facts.release, current)
    if verdict is None:
        none = _("nobody has judged the canary at {percent} %").format(percent=current)
        get_one = _("{none}: keep `canario` open while it bakes").format(none=none)
        return (
            Answer("bake", bake_title, False, get_one, overridable=True),
            Answer("verdict", verdict_title, False, _("INCONCLUSIVE: {none}").format(none=none), overridable=True),
        )
    return _baked(rules, verdict, now), _passes(rules, verdict, current, target)


def _baked(rules: EnvironmentRules, verdict: VerdictRecord, now: datetime | None) -> Answer:
    """Whether the bake's time is observed; what it has shown is the verdict's to say."""
    title, observed = _("bake"), duration(timedelta(seconds=verdict.observed_s))
    if now is not None and now - verdict.at > LEASE:
        reason = _("last judged {age} ago, at {observed} observed: keep `canario` open while it bakes")
        return Answer(
            "bake", title, False, reason.format(age=duration(now - verdict.at), observed=observed), overridable=True
        )
    left = rules.plan.bake - timedelta(seconds=verdict.observed_s)
    if verdict.bake_done or left <= timedelta(0):
        done = ngettext(
            "{observed} observed, {count:,} request", "{observed} observed, {count:,} requests", verdict.requests
        )
        return Answer("bake", title, True, done.format(observed=observed, count=verdict.requests))
    if verdict.requests_needed:
        missing = ngettext(
            "{observed} of {bake} observed, {count:,} request still needed",
            "{observed} of {bake} observed, {count:,} requests still needed",
            verdict.requests_needed,
        )
    else:
        missing = _("{observed} of {bake} observed")
    reason = missing.format(observed=observed, bake=duration(rules.plan.bake), count=verdict.requests_needed)
    return Answer("bake", title, False, reason, overridable=True, passes_at=now + left if now is not None else None)


def _passes(rules: EnvironmentRules, verdict: VerdictRecord, current: int, target: int) -> Answer:
    """Whether the verdict lets the canary's share rise to `target` percent, and what to do where it does not."""
    title = _("verdict")
    sentence = f"{verdict.word}: {verdict.sentence}" if verdict.sentence else verdict.word
    match verdict.word:
        case "PASS":
            return Answer("verdict", title, True, sentence)
        case "FAIL":
            return Answer("verdict", title, False, sentence)
        case "SHARED BREACH":
            return Answer("verdict", title, False, sentence, overridable=True)
        case _:
            pass
    between = target not in rules.plan.steps
    over = verdict.observed_s >= rules.plan.bake.total_seconds()
    if between and over and verdict.word == "INCONCLUSIVE" and verdict.clear:
        rises = _("{verdict} Nothing speaks against the canary: short of the next step its share may rise")
        return Answer("verdict", title, True, rises.format(verdict=sentence))
    ways = []
    if verdict.requests_needed:
        waits = ngettext(
            "wait for about {count:,} more request", "wait for about {count:,} more requests", verdict.requests_needed
        )
        ways.append(waits.format(count=verdict.requests_needed))
    elif verdict.word == "WARN" or not over:
        ways.append(_("wait for the end of the bake"))
    step = rules.plan.next_step(current)
    if verdict.clear and over and step is not None and step - current > 1:
        ways.append(_("raise the share, short of {step} %").format(step=step))
    if ways:
        sentence = _("{verdict} What helps: {ways}").format(verdict=sentence, ways=_(", or ").join(ways))
    return Answer("verdict", title, False, sentence, overridable=True)


__all__ = ["judgement"]
