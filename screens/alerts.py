"""What an operator must not miss, in sentences: the banner, the notice in the header, the warnings. Pure.

`screens.present` puts them where the widgets take them.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from console.verdict.base import Word
from console.watch.snapshot import FeedState, Snapshot
from console.words import _
from screens.figures import short, span
from screens.footer import all_keys, first_key

if TYPE_CHECKING:
    from console.release.state import RolledBack
    from screens.view import RollbackView, View

SKEW_SHOWN = timedelta(seconds=5)
"""From this difference on, the local clock is said to be off (issue 2)."""


def banner(view: View, *, panel: bool = False) -> str:
    """What must not be missed on any screen or dialog.

    A rollback that waits or runs, a countdown, a lost connection, a release that nobody guards.

    Args:
        view: what is true now.
        panel: whether a verdict panel beside it already shows countdown and rollback.
    """
    rollback_keys = all_keys(("rollback", "rollback_anywhere"), view.keymap)
    if view.rollback_waiting:
        return _("ROLLBACK ASKED FOR, waiting: {what}. It leaves by itself as soon as it can. Esc cancels it.").format(
            what=view.rollback_waiting
        )
    if not panel:
        if view.rollback is not None and view.rollback.state != "done":
            return rollback_sentence(view.rollback, view.snapshot.service_name)
        if view.countdown_s is not None:
            reason = f" ({view.countdown_reason})" if view.countdown_reason else ""
            return _("Automatic rollback in {seconds} s{reason} · Esc stops it · {keys} now").format(
                seconds=max(0, round(view.countdown_s)), reason=reason, keys=rollback_keys
            )
    held = _held(view)
    if held:
        return held
    if forged := _forged(view):
        return forged
    if view.connection == "failed":
        return _("No connection: {problem} Trying again; traffic stays as it is.").format(problem=view.problem)
    if view.unguarded:
        key, driver = first_key("take_over", view.keymap), view.driver
        if view.waits_at_full and (driver is None or driver.session != view.session_id):
            return _(
                "At 100 %, and nobody watches its bake: the release ends once a console has · {key} takes over"
            ).format(key=key)
        if driver is None:
            return _("Nobody drives this release, so nobody guards it · {key} takes over").format(key=key)
        if driver.session == view.session_id:
            return _("Your lease ran out and could not be renewed: others may take over · {key} takes it back").format(
                key=key
            )
        return _("{who} is gone: nobody guards this release · {key} takes over").format(who=driver.email, key=key)
    return ""


def _forged(view: View) -> str:
    if view.checklist is None:
        return ""
    from screens import checklist_present  # late: the first frame has no checklist and need not wait for its parts

    return checklist_present.alarm(view.checklist)


def _held(view: View) -> str:
    """A shared breach, or a canary that is not seen: somebody is called, and nothing moves by itself."""
    service, verdict = view.snapshot.service, view.snapshot.verdict
    serving = service is not None and bool(service.effective_shares().get(view.snapshot.canary or ""))
    if verdict is None or not serving:
        return ""
    if verdict.word is Word.SHARED_BREACH:
        return _(
            "SHARED BREACH: canary and stable fail alike. Hold, and look at what they share; {key} rolls back."
        ).format(key=first_key("rollback", view.keymap))
    if verdict.no_data:
        return _(
            "NO DATA of the canary: nobody can judge it. Hold, and look at split and logs; {key} rolls back."
        ).format(key=first_key("rollback", view.keymap))
    return ""


def rollback_sentence(rollback: RollbackView, service: str) -> str:
    """How far a rollback is, in one line."""
    target = short(rollback.target, service) or _("the split before the release")
    match rollback.state:
        case "done":
            return _("back at {target} {percent} % in {seconds:.1f} s").format(
                target=target, percent=rollback.percent, seconds=rollback.took_s
            )
        case "failed":
            return _("ROLLBACK FAILED after {seconds:.1f} s: {problem}").format(
                seconds=rollback.took_s, problem=rollback.problem
            )
        case "retrying":
            return _("rolling back to {target}: attempt {attempts}, {seconds:.1f} s · {problem}").format(
                target=target, attempts=rollback.attempts, seconds=rollback.took_s, problem=rollback.problem
            )
        case _:
            return _("rolling back to {target}: attempt {attempts}, {seconds:.1f} s").format(
                target=target, attempts=rollback.attempts, seconds=rollback.took_s
            )


def notice(view: View) -> str:
    """The one thing to say beside the feeds: the most pressing of what is wrong, or what was last answered."""
    snapshot = view.snapshot
    if view.notice:
        return view.notice
    if view.connection == "open":
        for feed in snapshot.feeds:
            if feed.state is FeedState.DOWN and feed.problem:
                return f"{feed.name}: {feed.problem}"
    if view.migrations is not None and view.migrations.question is not None:
        return _("a migration waits for your word: {key}").format(key=first_key("migrations", view.keymap))
    if snapshot.mover:
        return _("{who} changed the service").format(who=snapshot.mover)
    return view.busy


def warnings(view: View) -> tuple[str, ...]:
    """Everything that an operator should weigh before trusting the split, most pressing first, each a sentence."""
    snapshot = view.snapshot
    found: list[str] = []
    service = snapshot.service
    if snapshot.release_problem:
        found.append(
            _("The release written on the service can't be read ({problem}); canario acts as if it had none.").format(
                problem=snapshot.release_problem
            )
        )
    if service is not None and not service.ready and service.condition:
        found.append(_("The service is not ready: {condition}").format(condition=service.condition))
    if service is not None and not service.settled and not service.reconciling:
        found.append(_("What serves is not what was asked for, and the cloud has stopped moving."))
    if view.unwatched and snapshot.release is not None and view.now is not None:
        found.append(
            _(
                "{canary} at 100 % for {age}, its bake unwatched: it counts as ended. A rollback goes back to the "
                "split of {at} UTC; {key} takes over and watches after all."
            ).format(
                canary=short(snapshot.release.canary, snapshot.service_name),
                age=span(view.now - snapshot.release.moved_at),
                key=first_key("take_over", view.keymap),
                at=f"{snapshot.release.started:%Y-%m-%d %H:%M}",
            )
        )
    found += snapshot.readiness.problems
    found += snapshot.readiness.warnings
    found += schema_warnings(view)
    if snapshot.monitoring_gap:
        found.append(snapshot.monitoring_gap)
    mark = mark_of(snapshot)
    if mark is not None:
        found.append(
            _("{revision} was rolled back by {who}; only a written reason moves it forward again.").format(
                revision=short(mark.revision, snapshot.service_name), who=mark.by
            )
        )
    off = skew(view)
    if abs(off) > SKEW_SHOWN:
        found.append(
            (
                _("This machine's clock is {span} ahead of the cloud's; the cloud's is the one that counts.")
                if off > timedelta(0)
                else _("This machine's clock is {span} behind the cloud's; the cloud's is the one that counts.")
            ).format(span=span(abs(off)))
        )
    return tuple(dict.fromkeys(found))


def schema_warnings(view: View) -> tuple[str, ...]:
    """What of the migrations speaks against a rollback, a sentence each; nothing where its target runs as it is."""
    schema = view.schema
    if schema is None or schema.runs:
        return ()
    target = short(view.snapshot.readiness.target, view.snapshot.service_name)
    first = _("Rollback to {target}: {sentence}").format(target=target, sentence=schema.sentence)
    return (" ".join((first, *schema.warnings[:1])), *schema.warnings[1:])


def mark_of(snapshot: Snapshot) -> RolledBack | None:
    """The canary's mark, where it was rolled back."""
    return snapshot.release.was_rolled_back(snapshot.canary) if snapshot.release and snapshot.canary else None


def verdict_notice(view: View) -> str:
    """The panel's last line: what Esc holds back, then the warnings, then where the automatic rollback lives."""
    driver = view.driver
    if view.held_s > 0:
        return _(
            "Esc holds the rollback back for {seconds} s; then the countdown starts again. {key} disarms it."
        ).format(seconds=round(view.held_s), key=first_key("auto_rollback", view.keymap))
    found = warnings(view)
    if found:
        if len(found) == 1:
            return found[0]
        return _("{n} warnings, {key} shows all: {first}").format(
            n=len(found), key=first_key("help", view.keymap), first=found[0]
        )
    if view.auto_rollback and view.you_drive:
        return _("Automatic rollback lives only while this console does.")
    if view.auto_rollback and driver is not None:
        return _("Automatic rollback lives in {who}'s console, not in this one.").format(who=driver.email)
    return ""


def skew(view: View) -> timedelta:
    """How far this machine's clock is ahead of the cloud's; nothing where a simulator's clock is its own on purpose."""
    if view.snapshot.time is None or view.demo is not None or view.simulated:
        return timedelta(0)
    return view.snapshot.time.skew
