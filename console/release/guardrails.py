"""Guardrails: may this be done, here, now? Pure functions of (action, environment, facts, server time).

A guardrail answers allowed or blocked, with its reason, and whether a person may override it with a written reason.
Sources: the runbook (`Ventana de Deployment`, `Pasos` 4 and 5) and issue 2, section 4. Lowering the canary's share is
never blocked by any of them.

| rule           | blocks                                             | a typed reason passes it, because              |
| -------------- | -------------------------------------------------- | ---------------------------------------------- |
| `clock`        | anything that raises, with no server time          | no: the window is judged by that time alone    |
| `journal`      | anything that raises, with a broken journal        | no: DESIGN.md, decision 3                      |
| `window`       | raising, deploying outside the window              | yes: the runbook says "Recomendado", "Evitar"  |
| `window_fit`   | starting with too little of the window left        | yes: issue 2, "warns and needs a reason"       |
| `steps`        | skipping a step; two releases at once              | no: the runbook knows no way round 10, 50, 100 |
| `former`       | a release while the last one bakes at 100 %        | yes: the last bake is a judgement too          |
| `bake`         | the next step before this one has baked            | yes: "Monitorear por 5 minutos" is a judgement |
| `verdict`      | FAIL                                               | no: "ROLLBACK INMEDIATO"                       |
| `verdict`      | any other word than PASS before the next step      | yes: a person may know better than the figures |
| `canary_ready` | a canary that is gone or not ready                 | no: the cloud would refuse it                  |
| `unchanged`    | a split or template other than the operator saw    | no: look again, it costs one key               |
| `driver`       | another identity's live lease                      | yes: issue 2, "a live one only with a reason"  |
| `rolled_back`  | a revision that was rolled back                    | yes: issue 2, "only a typed reason"            |
| `approvals`    | raising without both approvals of this image, plan | no: "CRÍTICO: No hacer sin aprobación"         |
| `approvals`    | migrations without those of the candidate's image  | no: issue 5, "Guardrails (window, approvals"   |
| `smoke`        | raising with no fresh smoke tests of this image    | yes: a person may know better than a probe     |

Past the first step a promotion needs PASS (issue 3). Short of the next step a share may rise on INCONCLUSIVE too, once
the bake's time is observed and nothing speaks against the canary: more traffic is one way to the requests that a PASS
needs. A verdict
counts only when it was said of the share that serves now, after traffic last moved; as a sign that the bake is done it
must also be fresh (no older than a lease: a console that drives writes it with each renewal). Unprotected environments
skip the window, the approvals and the smoke tests.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from console.release import approvals
from console.release.approvals import ApprovalCheck, missing_roles, role_title
from console.release.audited import ApprovalState, StepCheck
from console.release.facts import Action, ActionKind, Answer, EnvironmentRules, Facts, current_verdict
from console.release.figures import duration, shares_text
from console.release.images import Match, image_identity, match_image, short_image
from console.release.judgement import judgement
from console.release.service import Service
from console.release.state import StepRecord
from console.release.unwatched import unwatched
from console.release.window import moment
from console.words import _

REASON_LENGTH = 10
"""Characters that a written reason has at least (issue 2, section 4)."""


def evaluate(action: Action, rules: EnvironmentRules, facts: Facts, now: datetime | None) -> tuple[Answer, ...]:
    """Every guardrail's answer to `action`, in the order a dialog shows them.

    Args:
        action: with `canary` and `percent` filled in for SHIFT and UNDO (`moves.propose` does that).
        rules: the environment's.
        facts: as known now.
        now: server time; None where the cloud has not told it.

    Returns:
        Nothing for ROLLBACK and ARM: no guardrail stands before making things safer.
    """
    match action.kind:
        case ActionKind.ROLLBACK | ActionKind.ARM:
            return ()
        case ActionKind.TAKE_OVER:
            return (_journal(facts), _driver(facts, now))
        case ActionKind.DISARM:
            return (_journal(facts), _driver(facts, now))
        case ActionKind.DEPLOY:
            answers = [*_clock(now), _journal(facts)]
            if rules.protected and now is not None:
                answers.append(_window(rules, now))
            if action.percent:
                answers += _with_traffic(action, rules, facts, now)
            return (*answers, _driver(facts, now))
        case ActionKind.MIGRATE:
            answers = [*(_clock(now) if rules.protected else ()), _journal(facts)]
            if rules.protected and now is not None:
                answers.append(_window(rules, now))
            if rules.protected and rules.approvals:
                answers.append(_approvals(rules, _before_a_revision(rules, facts), facts.approvals_problem))
            return (*answers, _driver(facts, now))
        case ActionKind.SHIFT | ActionKind.UNDO:
            return _move(action, rules, facts, now)


def blocked_by(answers: Iterable[Answer], reason: str = "") -> tuple[Answer, ...]:
    """What still blocks, given a typed reason (empty, or too short to count: none)."""
    written = reason_counts(reason)
    return tuple(answer for answer in answers if not answer.allowed and not (written and answer.overridable))


def overridden(answers: Iterable[Answer], reason: str = "") -> tuple[Answer, ...]:
    """What `reason` lets pass: journalled and announced."""
    if not reason_counts(reason):
        return ()
    return tuple(answer for answer in answers if not answer.allowed and answer.overridable)


def reason_counts(reason: str) -> bool:
    """Whether `reason` is long enough to override anything."""
    return len(reason.strip()) >= REASON_LENGTH


def _move(action: Action, rules: EnvironmentRules, facts: Facts, now: datetime | None) -> tuple[Answer, ...]:
    target = action.percent if action.percent is not None else 0
    current = facts.share_of(action.canary)
    if target <= current:
        return (
            Answer(
                "steps",
                _("order"),
                True,
                _("{current} % to {target} % lowers the canary's share, which is always allowed").format(
                    current=current, target=target
                ),
            ),
        )
    answers = [*_clock(now), _journal(facts)]
    if rules.protected and now is not None:
        answers.append(_window(rules, now))
        if current == 0:
            fit = _window_fit(rules, now)
            if fit is not None:
                answers.append(fit)
    answers.append(_steps(action, rules, facts, current, target))
    answers.extend(judgement(rules, facts, current, target, now))
    if rules.protected and rules.approvals:
        answers.append(_approvals(rules, facts.approvals, facts.approvals_problem))
    if rules.protected and rules.smoke:
        answers.append(_smoke(action, rules, facts, now))
    answers.append(_canary_ready(action, facts))
    answers.append(_unchanged(facts))
    answers.append(_driver(facts, now))
    mark = _rolled_back(action, facts)
    if mark is not None:
        answers.append(mark)
    former = _former(action, rules, facts, now) if current == 0 else None
    if former is not None:
        answers.append(former)
    return tuple(answers)


def _clock(now: datetime | None) -> tuple[Answer, ...]:
    if now is not None:
        return ()
    return (
        Answer(
            "clock",
            _("server time"),
            False,
            _("the cloud has not told its time yet, and the local clock is not trusted with the window"),
        ),
    )


def _journal(facts: Facts) -> Answer:
    if facts.journal_ok:
        return Answer("journal", _("journal"), True, _("can be written"))
    problem = facts.journal_problem or _("unknown reason")
    return Answer("journal", _("journal"), False, _("cannot be written: {problem}").format(problem=problem))


def _window(rules: EnvironmentRules, now: datetime) -> Answer:
    state = rules.window.state(now)
    return Answer("window", _("window"), state.open, state.reason, overridable=True, passes_at=state.opens_at)


def _window_fit(rules: EnvironmentRules, now: datetime) -> Answer | None:
    state = rules.window.state(now)
    if state.closes_at is None:
        return None
    needed, left = rules.plan.total_time(0), state.closes_at - now
    fits = needed <= left
    if fits:
        reason = _("the bakes need {needed}, the window has {left} left")
    else:
        reason = _("the bakes need {needed}, the window closes in {left}, at {closes}")
    return Answer(
        "window_fit",
        _("time left"),
        fits,
        reason.format(needed=duration(needed), left=duration(left), closes=moment(state.closes_at)),
        overridable=True,
    )


def _steps(action: Action, rules: EnvironmentRules, facts: Facts, current: int, target: int) -> Answer:
    title, release = _("order"), facts.release
    under_way = release is not None and release.under_way and release.canary != action.canary
    if release is not None and under_way and 0 < facts.share_of(release.canary) < 100:
        return Answer(
            "steps",
            title,
            False,
            _("the release of {canary} is under way at {percent} %: finish it or roll it back first").format(
                canary=release.canary, percent=facts.share_of(release.canary)
            ),
        )
    following = rules.plan.next_step(current)
    plan = " → ".join(str(step) for step in (0, *rules.plan.steps))
    if not rules.plan.allows(current, target):
        return Answer(
            "steps",
            title,
            False,
            _("after {current} % comes {next} %, not {target} % (plan {plan})").format(
                current=current, next=following, target=target, plan=plan
            ),
        )
    return Answer(
        "steps",
        title,
        True,
        _("{current} % to {target} % (plan {plan})").format(current=current, target=target, plan=plan),
    )


def _approvals(rules: EnvironmentRules, checks: tuple[ApprovalCheck, ...], problem: str) -> Answer:
    """Runbook: "2 personas autorizan (code + tech lead)"; a forged one is named, whatever else there is."""
    title = _("approvals")
    forged = [check for check in checks if check.state is ApprovalState.FORGED]
    if forged:
        told = _("FORGED ({role}): {why}")
        words = "; ".join(told.format(role=role_title(check.approval.role), why=check.why) for check in forged)
        words += ". " + _("Whoever signs that role anew, in their own name, puts theirs in its place.")
        return Answer("approvals", title, False, words)
    missing = missing_roles(checks, rules.approvals)
    if not missing:
        given = ", ".join(
            f"{check.approval.by} ({role_title(check.approval.role)})" for check in checks if check.counts
        )
        return Answer("approvals", title, True, _("{given}, this image and plan").format(given=given))
    if problem:
        reason = _("the audit log cannot be read, so nobody knows who approved: {problem}")
        return Answer("approvals", title, False, reason.format(problem=problem))
    words = "; ".join(_missing_approval(role, checks) for role in missing)
    return Answer("approvals", title, False, words)


def _with_traffic(action: Action, rules: EnvironmentRules, facts: Facts, now: datetime | None) -> list[Answer]:
    """What a move asks besides, of a deployment whose revision gets traffic at once: it is not there to be asked."""
    target, answers = action.percent or 0, list[Answer]()
    if rules.protected and now is not None and (fit := _window_fit(rules, now)) is not None:
        answers.append(fit)
    answers += [_steps(action, rules, facts, 0, target), *judgement(rules, facts, 0, target, now)]
    if rules.protected and rules.approvals:
        answers.append(_approvals(rules, _before_a_revision(rules, facts), facts.approvals_problem))
    if rules.protected and rules.smoke:
        image = facts.candidate.image if facts.candidate is not None else ""
        answers.append(_smoke_of(rules, facts, now, image_identity(image)))
    if (former := _former(action, rules, facts, now)) is not None:
        answers.append(former)
    return answers


def _before_a_revision(rules: EnvironmentRules, facts: Facts) -> tuple[ApprovalCheck, ...]:
    """The approvals that what comes before a revision goes by: of the candidate's image, or of one made of it since."""
    made = bool(facts.signed) and not missing_roles(facts.approvals, rules.approvals)
    return facts.approvals if made and missing_roles(facts.signed, rules.approvals) else facts.signed


def _missing_approval(role: str, checks: tuple[ApprovalCheck, ...]) -> str:
    """Why no approval counts in `role`."""
    found = next((check for check in reversed(checks) if check.approval.role == role), None)
    if found is None:
        return _("{role}: nobody has approved (`canario approve --role {name}`)").format(
            role=role_title(role), name=role.replace("_", "-")
        )
    if found.state is ApprovalState.VERIFYING:
        return _("{role}: verifying {by}'s; {why}").format(role=role_title(role), by=found.approval.by, why=found.why)
    return _("{role}: {by}'s is void; {why}").format(role=role_title(role), by=found.approval.by, why=found.why)


def smoke_problem(
    record: StepRecord | None,
    image_id: str,
    holds: timedelta,
    now: datetime | None,
    template: str = "",
    alias: str = "",
) -> str:
    """Why a step's record does not count as a smoke test of `image_id` now, half a sentence; empty where it does.

    Args:
        record: the step's, or None.
        image_id: identity of the image that would get traffic.
        holds: how long a smoke test counts, in server time.
        now: server time; None where unknown.
        template: fingerprint of what the image runs with; empty where not known.
        alias: the image as its revision alone tells it (`Revision.alias`), or empty.
    """
    if record is None:
        return _("has not run")
    if record.result != "passed":
        return _("did not pass: {sentence}").format(sentence=record.sentence or record.result)
    of = record.digest
    match = match_image(of, image_id, alias) if image_id else Match.SAME
    if match is Match.UNTOLD:
        return _("was of {then}, and the digest of {now} cannot be read now").format(
            then=short_image(of), now=short_image(image_id)
        )
    if match is Match.OTHER:
        return _("is stale: it was of {then}, the image is now {now}").format(
            then=short_image(of) if of else _("no image"), now=short_image(image_id)
        )
    if changed := approvals.changed_since(record.template, template):
        return _("is stale: {changed}").format(changed=changed)
    if now is not None and now - record.at > holds:
        return _("is stale: it passed {ago} ago").format(ago=duration(now - record.at))
    return ""


def _smoke(action: Action, rules: EnvironmentRules, facts: Facts, now: datetime | None) -> Answer:
    revision = facts.revision(action.canary)
    if revision is None:
        return _smoke_of(rules, facts, now, "")
    return _smoke_of(rules, facts, now, revision.identity, revision.template, revision.alias)


def _smoke_of(
    rules: EnvironmentRules, facts: Facts, now: datetime | None, image_id: str, template: str = "", alias: str = ""
) -> Answer:
    title = _("smoke tests")
    records = {record.step: record for record in (facts.candidate.steps if facts.candidate is not None else ())}
    checks = {(check.record.step, check.record.key): check for check in facts.step_checks}
    problems = []
    for step in rules.smoke:
        record = records.get(step)
        problem = smoke_problem(record, image_id, rules.smoke_holds, now, template, alias)
        if record is not None and (doubt := _unvouched(checks.get((step, record.key)), facts.approvals_problem)):
            problem = doubt if not problem or "FORGED" in doubt else problem
        if problem:
            problems.append(f"{step} {problem}")
    if problems:
        return Answer("smoke", title, False, "; ".join(problems), overridable=True)
    return Answer("smoke", title, True, _("{steps} passed for this image").format(steps=", ".join(rules.smoke)))


def _unvouched(check: StepCheck | None, problem: str) -> str:
    """Why a record that is there may not be its author's, half a sentence; empty where the audit log vouches for it."""
    if check is not None and check.counts:
        return ""
    if check is not None and check.state is ApprovalState.FORGED:
        return _("is FORGED: {why}").format(why=check.why)
    if problem:
        return _("cannot be verified: the audit log cannot be read ({problem})").format(problem=problem)
    return _("is verifying: {why}").format(
        why=check.why if check is not None else _("the Cloud Audit Log has not told yet who wrote it")
    )


def _canary_ready(action: Action, facts: Facts) -> Answer:
    title, revision = _("canary ready"), facts.revision(action.canary)
    if revision is None:
        reason = _("{revision} is not among the service's revisions").format(revision=action.canary or "-")
        return Answer("canary_ready", title, False, reason)
    if revision.deleted:
        return Answer("canary_ready", title, False, _("{revision} was deleted").format(revision=revision.name))
    if not revision.ready:
        reason = _("{revision} is not ready: {why}").format(
            revision=revision.name, why=revision.reason or _("the cloud gives no reason")
        )
        return Answer("canary_ready", title, False, reason)
    return Answer("canary_ready", title, True, _("{revision} is ready").format(revision=revision.name))


def changed_since(seen: Service, service: Service) -> str:
    """What a person would call a change between two looks at a service, in a sentence; empty where nothing is.

    Compared are the split, the revision under the tag `canary` and the revision template, themselves: an
    annotation's change alone raises the etag and the generation and is no conflict (issue 2, section 4).
    """
    if seen.desired_shares() != service.desired_shares():
        return _("the split was {before} and is {now}").format(
            before=shares_text(seen.desired_shares()), now=shares_text(service.desired_shares())
        )
    if seen.traffic.revision_for_tag("canary") != service.traffic.revision_for_tag("canary"):
        return _("the tag canary pointed at {before} and points at {now}").format(
            before=seen.traffic.revision_for_tag("canary") or "-",
            now=service.traffic.revision_for_tag("canary") or "-",
        )
    if seen.template_fingerprint != service.template_fingerprint:
        return _("the revision template changed: somebody deployed {revision}").format(
            revision=service.latest_created or "-"
        )
    return ""


def _unchanged(facts: Facts) -> Answer:
    title = _("as you saw it")
    if facts.seen is None or facts.service is None:
        return Answer("unchanged", title, True, _("read just now"))
    change = changed_since(facts.seen, facts.service)
    if not change:
        return Answer("unchanged", title, True, _("nobody else moved the split since you looked"))
    who = facts.service.last_modifier
    if who:
        change = _("{change} (by {who})").format(change=change, who=who)
    return Answer("unchanged", title, False, _("{change}: look again").format(change=change))


def _driver(facts: Facts, now: datetime | None) -> Answer:
    title = _("driver")
    if facts.release_problem:
        reason = _("the release annotation cannot be read ({problem}), so nobody knows who drives")
        return Answer("driver", title, False, reason.format(problem=facts.release_problem), overridable=True)
    driver = facts.release.driver if facts.release is not None and facts.release.under_way else None
    if driver is None:
        return Answer("driver", title, True, _("nobody else drives"))
    if driver.session == facts.session_id:
        return Answer("driver", title, True, _("you drive"))
    if driver.email == facts.identity:
        return Answer("driver", title, True, _("you drive, from another console"))
    if now is None or driver.expires > now:
        left = duration(driver.expires - now) if now is not None else "?"
        reason = _("{email} drives; the lease runs out in {left} unless renewed").format(email=driver.email, left=left)
        return Answer("driver", title, False, reason, overridable=True, passes_at=driver.expires)
    reason = _("{email}'s lease ran out {ago} ago").format(email=driver.email, ago=duration(now - driver.expires))
    return Answer("driver", title, True, reason)


def _rolled_back(action: Action, facts: Facts) -> Answer | None:
    mark = facts.release.was_rolled_back(action.canary) if facts.release is not None and action.canary else None
    if mark is None:
        return None
    reason = _("{revision} was rolled back {at} by {who}").format(
        revision=mark.revision, at=moment(mark.at), who=mark.by
    )
    if mark.reason:
        reason = f"{reason}: {mark.reason}"
    return Answer("rolled_back", _("rolled back before"), False, reason, overridable=True)


def _former(action: Action, rules: EnvironmentRules, facts: Facts, now: datetime | None) -> Answer | None:
    """Whether the release before, at 100 %, is over; None where there is none, or it ended."""
    release = facts.release
    if release is None or not release.under_way or release.canary == action.canary:
        return None
    title, percent = _("release before"), facts.share_of(release.canary)
    if percent != 100 or unwatched(release, percent, rules.plan, now):
        return None
    record = current_verdict(facts.verdict, release, percent)
    if record is not None and record.bake_done and record.word != "FAIL":
        return Answer("former", title, True, _("{canary} has baked at 100 %").format(canary=release.canary))
    driven = release.driver is not None and (now is None or release.driver.expires > now)
    if driven:
        waits = _("{canary} still bakes at 100 %")
    else:
        waits = _("nobody has watched {canary}'s bake at 100 % to its end: take over and watch it")
    return Answer("former", title, False, waits.format(canary=release.canary), overridable=True)


__all__ = [
    "REASON_LENGTH",
    "Action",
    "ActionKind",
    "Answer",
    "EnvironmentRules",
    "Facts",
    "blocked_by",
    "changed_since",
    "current_verdict",
    "duration",
    "evaluate",
    "overridden",
    "reason_counts",
    "shares_text",
    "smoke_problem",
]
