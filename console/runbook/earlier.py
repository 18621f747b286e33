"""Earlier revisions: when each served and for how long, and which a migration since makes doubtful. Pure.

Put together from the moves that every release's annotation keeps, as the Cloud Audit Log has them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from console.chronicle import Story
from console.release.guardrails import duration
from console.release.moves import largest
from console.release.service import Revision, Service
from console.release.split import split_for_step
from console.words import _

Doubt = Callable[[str], str]
"""Why a migration makes going back before it doubtful, by its file's name (empty: only the pull request says that there
is one); empty where old code lives with it."""

Schema = Callable[[datetime | None], tuple[str, ...]]
"""Why a revision made then may not run on the schema as it is now, a sentence each; empty where it does."""


@dataclass(frozen=True, slots=True)
class Span:
    """A time in which a revision had traffic."""

    start: datetime | None
    """None: before anything is recorded."""
    end: datetime | None
    """None: it still has."""
    most: int
    """Its largest share meanwhile, percent; 0 where only its requests are known."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """A revision that traffic can go back to."""

    name: str
    image: str = ""
    created: datetime | None = None
    spans: tuple[Span, ...] = ()
    """When it served, oldest first; empty where nothing is recorded of it."""
    doubts: tuple[str, ...] = ()
    """Why it is doubtful, a sentence each."""
    rolled_back: str = ""
    """When and why it was itself rolled back, or empty."""

    def served(self, now: datetime) -> timedelta:
        """How long it served in all, as far as is known."""
        spans = ((span.start or self.created or span.end or now, span.end or now) for span in self.spans)
        return sum((max(timedelta(0), end - start) for start, end in spans), timedelta(0))

    def sentence(self, now: datetime) -> str:
        """When it served, for how long, and what speaks against it."""
        parts = []
        if self.spans:
            last = self.spans[-1]
            start = last.start or self.created
            since = f"{start:%Y-%m-%d %H:%M}" if start is not None else _("before the records")
            until = f"{last.end:%Y-%m-%d %H:%M}" if last.end is not None else _("now")
            told = _("served {since} to {until} UTC, {time} in all").format(
                since=since, until=until, time=duration(self.served(now))
            )
            most = max(span.most for span in self.spans)
            parts.append(_("{served}, up to {most} %").format(served=told, most=most) if most else told)
        elif self.created is not None:
            parts.append(_("never seen serving; made {made:%Y-%m-%d %H:%M} UTC").format(made=self.created))
        else:
            parts.append(_("never seen serving"))
        if self.image:
            parts.append(self.image)
        if self.rolled_back:
            parts.append(self.rolled_back)
        parts += [_("DOUBTFUL: {why}").format(why=doubt) for doubt in self.doubts]
        return " · ".join(parts)


def doubtful(migration: str) -> str:
    """The usual answer about a migration of which nothing more is known; without its name, that there is one."""
    if not migration:
        return _("a pull request since says that it has a migration; code from before may not live with its schema")
    return _("migration {name} since; code from before it may not live with its schema").format(name=migration)


def untouched(_made: datetime | None) -> tuple[str, ...]:
    """The answer where no ledger is read: nothing that it says makes a revision doubtful."""
    return ()


def earlier_revisions(
    service: Service,
    revisions: Sequence[Revision],
    stories: Iterable[Story],
    now: datetime,
    doubt: Doubt = doubtful,
    counted: Mapping[str, Sequence[Span]] | None = None,
    schema: Schema = untouched,
) -> tuple[Earlier, ...]:
    """Revisions that traffic can go back to, the most sensible first.

    First those that served, ready, that nothing speaks against, by when they last served; then those never seen
    serving; doubtful ones and those that were rolled back last. What serves now, what is newer, deleted or not ready is
    left out.

    Args:
        service: as it is now.
        revisions: as far as known.
        stories: of all releases, any order.
        now: server time.
        doubt: what a migration since means.
        schema: what the ledger says of the schema as it is now.
        counted: when each had requests as Cloud Monitoring counted them, for those that no release tells of.
    """
    told = sorted(stories, key=lambda story: story.release.started)
    spans: dict[str, Sequence[Span]] = {**(counted or {}), **served(told, service.effective_shares(), now)}
    serving = largest(service.effective_shares())
    by_name = {revision.name: revision for revision in revisions}
    newest = by_name[serving].created if serving in by_name else None
    found = []
    for revision in revisions:
        if revision.name == serving or revision.deleted or not revision.ready:
            continue
        if newest is not None and revision.created is not None and revision.created > newest:
            continue
        found.append(
            Earlier(
                revision.name,
                revision.image_label or "",
                revision.created,
                tuple(spans.get(revision.name, ())),
                tuple(
                    dict.fromkeys(
                        (
                            *schema(revision.created),
                            *doubts_of(revision.name, revision.created, spans.get(revision.name, ()), told, doubt),
                        )
                    )
                ),
                _rolled_back(revision.name, told),
            )
        )

    def rank(one: Earlier) -> tuple[bool, bool, float]:
        last = one.spans[-1].end or now if one.spans else one.created
        return (bool(one.doubts or one.rolled_back), not one.spans, -(last.timestamp() if last is not None else 0.0))

    return tuple(sorted(found, key=rank))


def served(stories: Sequence[Story], serving: Mapping[str, int], now: datetime) -> dict[str, list[Span]]:
    """When each revision had traffic.

    Args:
        stories: oldest first.
        serving: percent by revision now.
        now: server time.
    """
    events: list[tuple[datetime, dict[str, int]]] = []
    for story in stories:
        release = story.release
        baseline = release.baseline_shares()
        for move in release.moves:
            if move.kind == "rollback" and move.percent == 0:
                after = baseline
            else:
                after = split_for_step(
                    canary=release.canary, percent=move.percent, base=baseline or {release.canary: 100}
                )
            events.append((move.at, {name: share for name, share in after.items() if share > 0}))
    events.sort(key=lambda event: event[0])
    before = dict(stories[0].release.baseline_shares()) if stories else dict(serving)
    spans: dict[str, list[Span]] = {}
    open_spans: dict[str, tuple[datetime | None, int]] = {name: (None, share) for name, share in before.items()}
    for at, shares in [*events, (now, dict(serving))]:
        for name in [name for name in open_spans if name not in shares]:
            start, most = open_spans.pop(name)
            spans.setdefault(name, []).append(Span(start, at, most))
        for name, share in shares.items():
            start, most = open_spans.get(name, (at, 0))
            open_spans[name] = (start, max(most, share))
    for name, (start, most) in open_spans.items():
        spans.setdefault(name, []).append(Span(start, None, most))
    return spans


def spans_of(points: Iterable[tuple[datetime, float]], period: timedelta, now: datetime) -> tuple[Span, ...]:
    """When a revision had requests, from a series of requests a second; as exact as its period.

    Args:
        points: oldest first; each stands at the end of its period.
        period: between two points.
        now: server time.
    """
    spans: list[tuple[datetime, datetime]] = []
    for at, value in points:
        if value <= 0:
            continue
        if spans and at - spans[-1][1] <= period * 2:
            spans[-1] = (spans[-1][0], at)
        else:
            spans.append((at - period, at))
    return tuple(Span(start, None if now - end <= period * 2 else end, 0) for start, end in spans)


def doubts_of(
    name: str, created: datetime | None, spans: Sequence[Span], stories: Iterable[Story], doubt: Doubt
) -> tuple[str, ...]:
    """Why going back to a revision is doubtful: migrations of the releases that came after it."""
    last = spans[-1].start or created if spans else created
    found: dict[str, None] = {}
    for story in stories:
        release, candidate = story.release, story.candidate
        if candidate is None or release.canary == name or (last is not None and release.started < last):
            continue
        said = ("",) if candidate.migration == "Y" else ()
        for migration in candidate.migrations or said:
            if why := doubt(migration):
                found[why] = None
    return tuple(found)


def _rolled_back(name: str, stories: Iterable[Story]) -> str:
    for story in stories:
        mark = story.release.was_rolled_back(name)
        if mark is not None:
            told = _("was rolled back {at:%Y-%m-%d %H:%M}").format(at=mark.at)
            return f"{told}: {mark.reason}" if mark.reason else told
    return ""


@dataclass(frozen=True, slots=True)
class Listed:
    """What the list was made of, for the step's evidence."""

    revisions: tuple[Earlier, ...]
    problem: str = ""
    """Why the history is not whole, or empty."""
    now: datetime | None = field(default=None)
