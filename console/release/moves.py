"""What a move would do: the split before and after, and what the guardrails say. Pure.

Used by a dialog the moment it opens (from a Snapshot) and again by `console.actions` right before the call leaves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from console.errors import UsageError
from console.release.guardrails import (
    Action,
    ActionKind,
    Answer,
    EnvironmentRules,
    Facts,
    blocked_by,
    current_verdict,
    duration,
    evaluate,
)
from console.release.service import Revision, Service
from console.release.split import TrafficSplit, split_for_step
from console.release.state import Release, split_of
from console.release.unwatched import old_split
from console.words import _

CANARY_TAG = "canary"
"""Tag under which the revision to be released stands (issue 2, section 5)."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What an action would do, and whether it may."""

    action: Action
    """The action with canary and percent filled in."""
    canary: str | None
    before: Mapping[str, int]
    """Desired percent by revision now."""
    after: Mapping[str, int]
    """Desired percent by revision after it."""
    split: TrafficSplit | None
    """The whole split to send, tags kept; None where no traffic moves."""
    answers: tuple[Answer, ...] = ()
    sentence: str = ""
    """What the judge says of the canary at its present share; empty where it has none."""
    warnings: tuple[str, ...] = ()
    """What the operator should know though it blocks nothing."""
    starts_release: bool = False
    """Whether it begins a new release."""

    @property
    def blocked(self) -> bool:
        """Whether any guardrail says no (a written reason aside)."""
        return bool(blocked_by(self.answers))

    @property
    def overridable(self) -> bool:
        """Whether it is blocked, and a written reason would let all of it pass."""
        return self.blocked and all(answer.allowed or answer.overridable for answer in self.answers)

    @property
    def already(self) -> bool:
        """Whether the service is told to be there already."""
        return self.split is not None and dict(self.before) == dict(self.after)

    @property
    def raises(self) -> bool:
        """Whether the canary's share goes up."""
        return self.after.get(self.canary or "", 0) > self.before.get(self.canary or "", 0)


@dataclass(frozen=True, slots=True)
class RollbackTarget:
    """Where a rollback goes."""

    shares: Mapping[str, int]
    """Percent by revision after it; empty where there is nowhere to go."""
    split: TrafficSplit
    """The whole split to send, the service's tags kept."""
    canary: str | None
    """The revision that loses its traffic, as far as it is known."""
    already: bool = False
    """Whether the service is told so and serves so already."""
    source: str = "recorded"
    """`recorded` (the annotation's baseline), `largest` (no release recorded), `asked` (`--to`), `fallback`."""
    notes: tuple[str, ...] = ()

    @property
    def revision(self) -> str | None:
        """The revision that gets the largest share."""
        return largest(self.shares)


def largest(shares: Mapping[str, int]) -> str | None:
    """The revision with the largest share; of equal ones the first by name."""
    return min(shares, key=lambda name: (-shares[name], name), default=None)


def named(split: TrafficSplit, latest_ready: str | None) -> TrafficSplit:
    """`split` with LATEST replaced by the revision it stands for now, so that it means the same later."""
    if not split.targets and latest_ready:
        return TrafficSplit.of({latest_ready: 100})
    targets = tuple(replace(t, revision=t.revision or latest_ready, uri="") for t in split.targets)
    return TrafficSplit(tuple(t for t in targets if t.revision))


def resolve_canary(
    service: Service | None, release: Release | None, revisions: tuple[Revision, ...] = ()
) -> str | None:
    """The revision that a move without a name means.

    The canary of the release under way, else the revision under the tag `canary`, else the last release's. A release
    that has reached 100 % gives way to a newer revision under the tag: `shift 10` then means the next release, not
    nine tenths of the users back to the old revision.
    """
    tagged = service.traffic.revision_for_tag(CANARY_TAG) if service is not None else None
    if release is None:
        return tagged
    if not release.under_way:
        return tagged or release.canary
    share = service.desired_shares().get(release.canary, 0) if service is not None else release.step
    if share == 100 and tagged and tagged != release.canary:
        created = {revision.name: revision.created for revision in revisions}
        newer, older = created.get(tagged), created.get(release.canary)
        if newer is None or older is None or newer > older:
            return tagged
    return release.canary


def propose(action: Action, rules: EnvironmentRules, facts: Facts, now: datetime | None) -> Proposal:
    """What `action` would do to the service of `facts`, with every guardrail's answer.

    Raises:
        UsageError: there is nothing it could mean: no service read yet, no canary, a share out of range, nothing to
            undo.
    """
    service = facts.service
    if service is None:
        raise UsageError(_("The service has not been read yet."), remedy=_("Wait a moment and try again."))
    before = service.desired_shares()
    if action.kind not in (ActionKind.SHIFT, ActionKind.UNDO):
        if action.kind is ActionKind.ROLLBACK:
            target = rollback_target(service, facts.release, facts.revisions, to=action.canary, now=now)
            return Proposal(action, target.canary, before, dict(target.shares), target.split, warnings=target.notes)
        canary = resolve_canary(service, facts.release, facts.revisions)
        answers = evaluate(action, rules, facts, now)
        return Proposal(action, canary, before, before, None, answers, warnings=_deploy_warnings(action, facts))
    if action.kind is ActionKind.SHIFT:
        canary, after = _shifted(action, facts, service)
    else:
        canary, after = _undone(facts, service)
    filled = replace(action, canary=canary, percent=after.get(canary, 0))
    release = facts.release
    record = current_verdict(facts.verdict, release, before.get(canary, 0)) if before.get(canary) else None
    sentence = f"{record.word}: {record.sentence}".removesuffix(": ") if record is not None else ""
    return Proposal(
        filled,
        canary,
        before,
        after,
        service.traffic.with_shares(after),
        evaluate(filled, rules, facts, now),
        sentence,
        keeps_users_on(service, canary) if after.get(canary, 0) < before.get(canary, 0) else (),
        starts_release=after.get(canary, 0) > 0
        and (release is None or not release.under_way or release.canary != canary),
    )


def _shifted(action: Action, facts: Facts, service: Service) -> tuple[str, dict[str, int]]:
    canary = action.canary or resolve_canary(service, facts.release, facts.revisions)
    if canary is None:
        raise UsageError(
            _("{service} has no release under way and no revision under the tag canary.").format(service=service.name),
            remedy=_("Name the revision: canario shift {percent} --to REVISION.").format(percent=action.percent),
        )
    if action.percent is None or not 0 <= action.percent <= 100:
        raise UsageError(_("A share is a whole number from 0 to 100; got {percent}.").format(percent=action.percent))
    before = service.desired_shares()
    if before.get(canary, 0) == action.percent:
        return canary, before
    after = split_for_step(canary=canary, percent=action.percent, base=base_shares(facts.release, service, canary))
    _refuse_raising_another(facts, service, canary, after)
    return canary, after


def _refuse_raising_another(facts: Facts, service: Service, named: str, after: Mapping[str, int]) -> None:
    """Lowering passes every guardrail, so it must not be a way to give the canary what a stable revision loses.

    Raises:
        UsageError: `named` is not the canary, and what it would lose goes to the canary or to a newer revision.
    """
    before, meant = service.desired_shares(), resolve_canary(service, facts.release, facts.revisions)
    if named == meant or after.get(named, 0) > before.get(named, 0):
        return
    created = {revision.name: revision.created for revision in facts.revisions}
    own = created.get(named)
    for name, share in after.items():
        other = created.get(name)
        newer = own is not None and other is not None and other > own
        if share > before.get(name, 0) and (name == meant or newer):
            raise UsageError(
                _("Taking traffic from {named} would raise {other} from {before} % to {after} %.").format(
                    named=named, other=name, before=before.get(name, 0), after=share
                ),
                traffic=_("Nothing was moved."),
                remedy=_("Move that one, guarded: canario shift PERCENT --to {other}.").format(other=name),
            )


def base_shares(release: Release | None, service: Service, canary: str) -> dict[str, int]:
    """The split that the canary's share is taken from: the one before its release, else the present one."""
    if release is not None and release.canary == canary:
        recorded = {name: share for name, share in release.baseline_shares().items() if name != canary}
        if recorded and (release.under_way or not _others(service, canary)):
            return recorded
    return _others(service, canary)


def _others(service: Service, canary: str) -> dict[str, int]:
    return {name: share for name, share in service.desired_shares().items() if name != canary}


def _undone(facts: Facts, service: Service) -> tuple[str, dict[str, int]]:
    release = facts.release
    if release is None or not release.moves:
        raise UsageError(
            _("No move of a release is recorded on {service}: nothing to undo.").format(service=service.name)
        )
    last = release.moves[-1]
    now_at = service.desired_shares().get(release.canary, 0)
    if now_at != last.percent:
        raise UsageError(
            _("The last recorded move left the canary at {recorded} %, and it is at {percent} %: somebody moved it "
              "since, so undo would not undo that move.").format(recorded=last.percent, percent=now_at),
            remedy=_("Choose a step, or roll back."),
        )  # fmt: skip
    after = split_of(last.before).shares()
    if sum(after.values()) != 100:
        raise UsageError(_("The split before the last move was not recorded whole: choose a step, or roll back."))
    return release.canary, after


def _deploy_warnings(action: Action, facts: Facts) -> tuple[str, ...]:
    release = facts.release
    if action.kind is not ActionKind.DEPLOY or release is None or not release.under_way:
        return ()
    if facts.share_of(release.canary) in (0, 100):
        return ()
    return (
        _("The release of {canary} is under way; the new revision waits at 0 % until it has ended.").format(
            canary=release.canary
        ),
    )


def keeps_users_on(service: Service, revision: str | None) -> tuple[str, ...]:
    """What would keep users on `revision` whatever the split says: session affinity, tags."""
    warnings = []
    if service.session_affinity:
        warnings.append(_("Session affinity is on: users with a cookie stay on their revision for up to 30 days."))
    for tag, tagged in service.traffic.tags():
        if tagged == revision and revision:
            uri = service.effective.uri_for_tag(tag) or service.traffic.uri_for_tag(tag)
            warnings.append(
                _("The tag {tag} still reaches {revision}{uri}.").format(
                    tag=tag, revision=revision, uri=f" ({uri})" if uri else ""
                )
            )
    return tuple(warnings)


@dataclass(frozen=True, slots=True)
class _Search:
    """What a search for a rollback's target knows."""

    service: Service
    release: Release | None
    revisions: tuple[Revision, ...]
    gone: frozenset[str]
    canary: str | None
    notes: list[str] = field(default_factory=list)


def rollback_target(
    service: Service,
    release: Release | None,
    revisions: tuple[Revision, ...] = (),
    *,
    to: str | None = None,
    gone: frozenset[str] = frozenset(),
    now: datetime | None = None,
) -> RollbackTarget:
    """The split that a rollback restores.

    The recorded split before the release, while the release is under way or its canary still has traffic; else 100 %
    to the revision with the largest effective share that is not the canary. Recorded revisions that are gone leave
    their share to the others; where all are gone, the release's stable, then the largest share, then the newest ready
    revision that was not rolled back itself.

    Args:
        service: as known last.
        release: as written on it.
        revisions: as far as known, newest first; one that is not listed is taken to exist.
        to: the operator's own choice.
        gone: revisions that the cloud said it does not have.
        now: server time, to say how old a recorded split is; None leaves that out.

    Returns:
        With empty `shares` where there is nowhere to go, and with `already` where nothing has to move.

    Raises:
        UsageError: `to` is the canary, newer than what serves, or deleted: a rollback goes back.
    """
    deleted = frozenset(revision.name for revision in revisions if revision.deleted)
    canary = _canary_of_rollback(service, release, revisions)
    search = _Search(service, release, revisions, gone | deleted, canary)
    if to is not None:
        _refuse_forward(search, to)
        shares, source = {to: 100}, "asked"
    else:
        shares, source = _restored(search)
    if not shares:
        serving = largest(service.effective_shares()) or largest(service.desired_shares())
        if serving is None or (release is not None and release.under_way):
            return RollbackTarget({}, service.traffic, canary, source="fallback", notes=tuple(search.notes))
        search.notes.append(
            _("{revision} serves alone and no release is recorded, so there is nothing to go back from; name an older "
              "revision with --to.").format(revision=serving)
        )  # fmt: skip
        return RollbackTarget({serving: 100}, service.traffic, canary, True, "largest", tuple(search.notes))
    already = service.desired_shares() == shares and service.effective_shares() == shares
    if source == "asked" and not already:
        canary = canary if canary and _has_traffic(service, canary) and canary != to else _displaced(service, shares)
    split = service.traffic if already else service.traffic.with_shares(shares)
    age = old_split(release, now) if source == "recorded" and not already else None
    if age is not None and release is not None:
        search.notes.append(
            _("The split that this goes back to was recorded {age} ago, on {at} UTC.").format(
                age=duration(age), at=f"{release.started:%Y-%m-%d %H:%M}"
            )
        )
    return RollbackTarget(shares, split, canary, already, source, tuple(search.notes))


def _has_traffic(service: Service, revision: str) -> bool:
    return bool(service.desired_shares().get(revision) or service.effective_shares().get(revision))


def _displaced(service: Service, shares: Mapping[str, int]) -> str | None:
    losing = {name: share for name, share in service.desired_shares().items() if share > shares.get(name, 0)}
    return largest(losing)


def _canary_of_rollback(service: Service, release: Release | None, revisions: tuple[Revision, ...] = ()) -> str | None:
    """The revision a rollback takes traffic from: the release's while it counts, else the one under the tag.

    A promoted canary counts until the next one stands under the tag: from then on it is the stable revision.
    """
    tagged = resolve_canary(service, release, revisions)
    if release is not None and release.ended == "promoted" and tagged not in (None, release.canary):
        created = {revision.name: revision.created for revision in revisions}
        newer, older = created.get(tagged or ""), created.get(release.canary)
        if newer is None or older is None or newer > older:
            return tagged
    if release is not None and (release.under_way or _has_traffic(service, release.canary)):
        return release.canary
    return service.traffic.revision_for_tag(CANARY_TAG) or (release.canary if release is not None else None)


def _restored(search: _Search) -> tuple[dict[str, int], str]:
    service, release, canary = search.service, search.release, search.canary
    if release is not None and release.canary == canary:
        recorded = {name: share for name, share in release.baseline_shares().items() if name != canary and share > 0}
        if release.under_way or _has_traffic(service, canary) or service.desired_shares() == recorded:
            kept = {name: share for name, share in recorded.items() if name not in search.gone}
            if recorded and kept == recorded and sum(kept.values()) == 100:
                return recorded, "recorded"
            lost = ", ".join(sorted(set(recorded) - set(kept)))
            if lost:
                search.notes.append(_("{revisions}, which served before the release, is gone.").format(revisions=lost))
            if kept:
                return split_for_step(canary="", percent=0, base=kept), "fallback" if lost else "recorded"
            if release.stable != canary and release.stable not in search.gone and release.stable:
                return {release.stable: 100}, "fallback"
            return _next_sensible(search, even_older=True), "fallback"
    return _next_sensible(search, even_older=bool(search.gone)), "largest"


def _next_sensible(search: _Search, *, even_older: bool) -> dict[str, int]:
    service = search.service
    for shares in (service.effective_shares(), service.desired_shares()):
        others = {n: share for n, share in shares.items() if n != search.canary and n not in search.gone}
        chosen = largest(others)
        if chosen is not None:
            return {chosen: 100}
    if not even_older:
        return {}
    for revision in search.revisions:
        marked = search.release is not None and search.release.was_rolled_back(revision.name) is not None
        if revision.ready and revision.name not in search.gone and revision.name != search.canary and not marked:
            search.notes.append(
                _("{revision} is the newest ready revision that was not rolled back.").format(revision=revision.name)
            )
            return {revision.name: 100}
    return {}


def _refuse_forward(search: _Search, to: str) -> None:
    """A rollback has no guardrails, so it may only go back."""
    if to in search.gone:
        raise UsageError(
            _("Revision {revision} was deleted.").format(revision=to),
            remedy=_("`canario revisions` lists the ones there are."),
        )
    release, canary, service = search.release, search.canary, search.service
    tagged = service.traffic.revision_for_tag(CANARY_TAG)
    effective = service.effective_shares()
    created = {revision.name: revision.created for revision in search.revisions}
    forward = to == canary and (release is None or release.under_way or effective.get(to, 0) < 100)
    forward = forward or (to == tagged and not effective.get(to))
    own = created.get(to)
    if own is not None and not (release is not None and to in release.baseline_shares()):
        losing = (created.get(name) for name in effective if name != to and not (name == canary and effective.get(to)))
        forward = forward or any(other is not None and own > other for other in losing)
    if forward:
        raise UsageError(
            _("{revision} is the canary, or newer than what serves: a rollback only goes back.").format(revision=to),
            remedy=_("To move forward, guarded: canario shift PERCENT --to {revision}.").format(revision=to),
        )
