"""From a `View` to what each widget takes: pure functions, so that what an operator reads is tested without a screen.

Nothing here knows Textual.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from console.release.guardrails import duration
from console.release.window import moment
from console.verdict.base import Word
from console.verdict.figures import percent
from console.watch.snapshot import FeedState, Snapshot
from console.words import _, ngettext
from screens.alerts import mark_of, notice, skew, verdict_notice
from screens.figures import short
from screens.footer import first_key
from widgets.header import FeedBadge, HeaderState
from widgets.revision_table import RevisionRow
from widgets.split_bar import Share
from widgets.step_line import StepState
from widgets.verdict_panel import RollbackLine, VerdictState

if TYPE_CHECKING:
    from console.release.service import Revision
    from screens.view import RollbackView, View


def header(view: View) -> HeaderState:
    """What the header says."""
    snapshot, rules = view.snapshot, view.rules
    window = rules.window.state(view.now) if rules.protected and view.now is not None else None
    driver, you_drive = _seat(view)
    readiness = snapshot.readiness
    return HeaderState(
        environment=rules.name,
        protected=rules.protected,
        project=snapshot.project,
        region=snapshot.region,
        service=snapshot.service_name,
        time=view.now.replace(microsecond=0) if view.now is not None else None,
        window_open=window.open if window is not None else None,
        window_closes=window.closes_at if window is not None else None,
        window_opens=window.opens_at if window is not None else None,
        window_reason=window.holiday if window is not None else "",
        driver=driver,
        you_drive=you_drive,
        feeds=tuple(
            FeedBadge(
                {"service": _("service"), "logs": _("logs"), "metrics": _("metrics")}.get(feed.name, feed.name),
                feed.state.value,
                # whole seconds, so that the header is redrawn once a second and not ten times
                float(int(feed.age.total_seconds())) if feed.age is not None else None,
            )
            for feed in snapshot.feeds
        ),
        rollback_target=short(readiness.target, snapshot.service_name),
        rollback_ready=readiness.ok if snapshot.service is not None else None,
        rollback_warm=readiness.warm_instances,
        rollback_problem=readiness.problems[0] if readiness.problems else "",
        auto_rollback=view.auto_rollback,
        skew_s=float(int(skew(view).total_seconds())),
        notice=notice(view),
        demo=demo_line(view),
    )


def _seat(view: View) -> tuple[str, bool]:
    """Who drives, and whether it is this console: the release's driver, or before and after it the checklist's."""
    if view.driver is not None:
        return view.driver.email, view.you_drive
    checklist = view.checklist
    if checklist is None or checklist.closed or not checklist.me.driver:
        return "", False
    return checklist.me.driver, checklist.me.drives


def demo_line(view: View) -> str:
    """The demo's banner: its time, its speed and how to change it."""
    if view.demo is None:
        return ""
    slower, faster = first_key("slower", view.keymap), first_key("faster", view.keymap)
    if not view.demo.running:
        return _("demo · the simulator has ended: nothing moves any more; {key} leaves").format(
            key=first_key("quit", view.keymap)
        )
    speed = f"{view.demo.speed:g}"
    if view.now is None:
        return _("demo · clock {speed}× · {slower} {faster} change it").format(
            speed=speed, slower=slower, faster=faster
        )
    return _("demo · {moment} · clock {speed}× · {slower} {faster} change it").format(
        moment=moment(view.now), speed=speed, slower=slower, faster=faster
    )


def way_back(view: View) -> str:
    """What a rollback would find now, fact by fact; empty where nothing is known, or where it would not work.

    What would stop one has a line of its own in the header.
    """
    snapshot = view.snapshot
    readiness = snapshot.readiness
    if snapshot.service is None or not readiness.ok:
        return ""
    warm = readiness.warm_instances
    instances = (
        _("warm instances not known yet")
        if warm is None
        else ngettext("{n} warm instance", "{n} warm instances", warm).format(n=warm)
    )
    allowed = _("allowed") if readiness.allowed else _("permission not asked yet")
    return _("rollback to {target}: there, ready, {instances}, {allowed}, connected").format(
        target=short(readiness.target, snapshot.service_name), instances=instances, allowed=allowed
    )


def sampled(snapshot: Snapshot) -> str:
    """What of a busy service's log is read by chance only, for the log pane; empty where all is read."""
    if snapshot.sampling is None:
        return ""
    if snapshot.canary_sampling is not None or snapshot.canary is None:
        return _("all sampled {percent}").format(percent=percent(snapshot.sampling))
    return _("stable sampled {percent}").format(percent=percent(snapshot.sampling))


def waiting_for(view: View, what: str) -> str:
    """What a pane says until its data comes."""
    if view.connection == "failed":
        return _("no connection: {problem}").format(problem=view.problem or _("trying again"))
    if view.connection == "connecting" and view.snapshot.project:
        return _("connecting to {project} …").format(project=view.snapshot.project)
    service = next((feed for feed in view.snapshot.feeds if feed.name == "service"), None)
    if view.snapshot.service is None and service is not None and service.problem:
        return service.problem
    return what


def roles(snapshot: Snapshot) -> Mapping[str, str]:
    """Role of the revisions that have one."""
    found = {snapshot.stable: "stable"} if snapshot.stable else {}
    if snapshot.canary:
        found[snapshot.canary] = "canary"
    return found


def revision_rows(view: View) -> tuple[RevisionRow, ...]:
    """The revision table: what serves or is about to first, then the others, newest first."""
    snapshot = view.snapshot
    service = snapshot.service
    want = service.desired_shares() if service is not None else {}
    have = service.effective_shares() if service is not None else {}
    tags: dict[str, list[str]] = {}
    for tag, revision in service.traffic.tags() if service is not None else ():
        if revision:
            tags.setdefault(revision, []).append(tag)
    role = roles(snapshot)
    rows = [_row(view, revision, role, want, have, tags) for revision in snapshot.revisions]
    order = {"canary": 0, "stable": 1}
    return tuple(sorted(rows, key=lambda row: order.get(row.role, 2 if row.have or row.want else 3)))


def _row(
    view: View,
    revision: Revision,
    role: Mapping[str, str],
    want: Mapping[str, int],
    have: Mapping[str, int],
    tags: Mapping[str, list[str]],
) -> RevisionRow:
    snapshot = view.snapshot
    figures = snapshot.figures.get(revision.name)
    serves = bool(have.get(revision.name))
    errors = figures.error_rate if figures is not None and serves else None
    p95 = figures.p95_ms if figures is not None and serves else None
    mine = role.get(revision.name, "")
    release = snapshot.release
    return RevisionRow(
        name=revision.name,
        role=mine,
        tag=",".join(tags.get(revision.name, ())),
        image=revision.image_label,
        created=revision.created,
        ready=revision.ready,
        problem=revision.reason if not revision.ready else "",
        want=want.get(revision.name, 0),
        have=have.get(revision.name, 0),
        requests_per_s=figures.requests_per_s if figures is not None and serves else None,
        error_rate=errors,
        p95_ms=p95,
        over_error_limit=errors is not None and errors > view.error_limit,
        over_p95_limit=p95 is not None and p95 > view.p95_limit_ms,
        verdict=snapshot.verdict.word.value
        if mine == "canary" and serves and snapshot.verdict is not None and view.verdict_age is None
        else "",
        rolled_back=release is not None and release.was_rolled_back(revision.name) is not None,
    )


def shares(view: View) -> tuple[Share, ...]:
    """The bar of the split: canary, stable, then whoever else serves."""
    snapshot = view.snapshot
    service = snapshot.service
    if service is None:
        return ()
    want, have = service.desired_shares(), service.effective_shares()
    role = roles(snapshot)
    names = [name for name in (snapshot.canary, snapshot.stable) if name]
    names += [name for name in {**have, **want} if name not in names]
    return tuple(
        Share(
            short(name, snapshot.service_name),
            role.get(name, "other"),
            want.get(name, 0),
            have.get(name, 0),
            _share_note(snapshot, name, have.get(name, 0)),
        )
        for name in names
        if name in role or want.get(name) or have.get(name)
    )


def _share_note(snapshot: Snapshot, name: str, have: int) -> str:
    figures = snapshot.figures.get(name)
    if figures is None or figures.error_rate is None or not have:
        return ""
    return ngettext(
        "{rate:.1f} % errors in {count:,} request", "{rate:.1f} % errors in {count:,} requests", figures.requests
    ).format(rate=figures.error_rate * 100, count=figures.requests)


def step_state(view: View) -> StepState | None:
    """Where the release stands; None where there is no canary at all."""
    snapshot = view.snapshot
    service, canary, release = snapshot.service, snapshot.canary, snapshot.release
    if service is None or canary is None:
        return None
    have = service.effective_shares().get(canary, 0)
    want = service.desired_shares().get(canary, 0)
    verdict = snapshot.verdict
    ended: str = release.ended or "" if release is not None and release.canary == canary else ""
    if release is not None and release.canary == canary and view.unwatched:
        ended = "unwatched"
    logs = next((feed for feed in snapshot.feeds if feed.name == "logs"), None)
    waiting = ""
    if have and not ended and logs is not None and logs.state is FeedState.DOWN:
        waiting = _("the log stream is down: the clock stands")
    if have and not ended and view.verdict_age is not None:
        judged = _("last judged {age} ago").format(age=duration(view.verdict_age))
        waiting = f"{waiting} · {judged}" if waiting else judged
    following = view.rules.plan.next_step(want)
    key = ""
    if following is not None and following in view.rules.plan.steps:
        key = first_key(f"step_{view.rules.plan.steps.index(following) + 1}", view.keymap)
    return StepState(
        steps=view.rules.plan.steps,
        at=have,
        moving_to=want if want != have else None,
        baking=bool(have) and not ended,
        observed_s=float(int(verdict.observed.total_seconds())) if verdict is not None else 0.0,
        required_s=(verdict.required if verdict is not None else view.rules.plan.bake).total_seconds(),
        requests_needed=verdict.requests_needed if verdict is not None else 0,
        bake_done=verdict.bake_done and view.verdict_age is None if verdict is not None else False,
        waiting=waiting,
        ended=ended,
        next_key=key,
    )


def verdict_state(view: View) -> VerdictState:
    """The verdict panel."""
    snapshot = view.snapshot
    service, canary = snapshot.service, snapshot.canary
    serving = service is not None and canary is not None and bool(service.effective_shares().get(canary))
    if service is None:
        waiting = waiting_for(view, _("waiting for the service"))
    elif canary is None:
        waiting = _("no canary: deploy one with {key}, or tag a revision `canary`").format(
            key=first_key("deploy", view.keymap)
        )
    elif not serving and mark_of(snapshot) is not None:
        waiting = _("the canary was rolled back and gets no traffic")
    elif not serving:
        waiting = _("the canary gets no traffic yet; {key} starts the release").format(
            key=first_key("step_1", view.keymap)
        )
    else:
        waiting = _("waiting for the first second of requests")
    verdict, age = snapshot.verdict if serving else None, view.verdict_age
    if verdict is not None and age is not None:
        if verdict.word is Word.FAIL:  # bad news stays as loud as it was
            said = _("{sentence} (said {age} ago; nobody has judged since)")
            verdict = replace(verdict, sentence=said.format(sentence=verdict.sentence, age=duration(age)))
        else:
            waiting = _("no verdict now: {word} was said {age} ago, and nobody has judged since").format(
                word=verdict.word.value, age=duration(age)
            )
            verdict = None
    return VerdictState(
        verdict=verdict,
        waiting=waiting,
        countdown_s=view.countdown_s,
        auto_rollback=view.auto_rollback,
        rollback=rollback_line(view.rollback, snapshot.service_name),
        notice=verdict_notice(view),
    )


def runbook_line(view: View) -> str:
    """Where the runbook is, in one line; empty before it is begun and once it is done."""
    if view.checklist is None:
        return ""
    from screens import checklist_present  # late, as in `screens.alerts`

    return checklist_present.next_line(view.checklist, first_key("checklist", view.keymap))


def rollback_line(rollback: RollbackView | None, service: str) -> RollbackLine | None:
    """How far a rollback is, for the panel."""
    if rollback is None:
        return None
    return RollbackLine(
        state=rollback.state,
        target=short(rollback.target, service),
        took_s=round(rollback.took_s, 1),
        attempts=rollback.attempts,
        problem=rollback.problem,
        automatic=rollback.automatic,
    )
