"""The header: where am I, may I, is what I see fresh, how do I get out. It must not know where its values come from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from textual.content import Content

from console.words import _
from widgets.drawing import NOTHING, Drawn, Piece, fit, inert, span, spread

_FEED_GLYPHS = {"live": ("●", ".good"), "late": ("◐", ".warn"), "down": ("✖", ".bad"), "waiting": ("○", ".faint")}


@dataclass(frozen=True, slots=True)
class FeedBadge:
    """Health of one feed, as the header shows it."""

    name: str
    """`service`, `logs` or `metrics`, translated by whoever makes it."""
    state: str = "waiting"
    """`waiting`, `live`, `late` or `down` (`console.watch.snapshot.FeedState`)."""
    age_s: float | None = None
    """Age of the newest data, seconds of server time; None before the first."""


@dataclass(frozen=True, slots=True)
class HeaderState:
    """All that the header says."""

    environment: str
    """Name of the environment, e.g. `production`."""
    protected: bool
    """Whether it is a protected one: its badge is then unmistakable."""
    project: str
    region: str
    service: str
    time: datetime | None = None
    """Server time, UTC; None until the cloud told it. Cut to whole seconds."""
    window_open: bool | None = None
    """None where there is no window (unprotected), or no time yet."""
    window_closes: datetime | None = None
    """Where open: when it closes, UTC."""
    window_opens: datetime | None = None
    """Where closed: when it opens next, UTC."""
    window_reason: str = ""
    """Why it is closed, in a few words (a holiday's name, a weekday), or empty."""
    driver: str = ""
    """E-mail of the driver, or empty where nobody drives."""
    you_drive: bool = False
    """Whether that is this console."""
    feeds: tuple[FeedBadge, ...] = ()
    rollback_target: str = ""
    """Short name of the revision that a rollback would restore, or empty."""
    rollback_ready: bool | None = None
    """None while it isn't known yet."""
    rollback_warm: int | None = None
    """Warm instances of that revision; None where unknown."""
    rollback_problem: str = ""
    """Why a rollback would not work, one sentence."""
    auto_rollback: bool | None = None
    """Whether the automatic rollback is armed; None where it doesn't apply."""
    skew_s: float = 0.0
    """Local clock minus server clock, seconds; shown from 5 s up."""
    notice: str = ""
    """One more thing to say on the second line (somebody moved the split, a feed's problem), or empty."""
    demo: str = ""
    """Banner line of the demo (`demo · Wed 10:05 UTC · 5 times as fast · < > speed`), or empty."""


# Reverse video is what stays where there is no colour; a component class would lose it (Textual 8.2.8 drops `reverse`
# when it turns a component's style into a visual one), so these are styles of the text itself.
PROTECTED = "bold reverse $error on $background"
OPEN = "bold reverse $primary on $background"
DEMO = "reverse $warning on $background"


class EnvironmentHeader(Drawn):
    """Two lines at the top of every screen; a third for what is wrong, another for the demo's banner.

    What is narrow falls away in this order: the project's path, names of feeds, words of the window. Environment,
    window, and the way out stay.

    Args:
        state: what to say first; None says that it is connecting.
    """

    DEFAULT_CSS = """
    EnvironmentHeader {
        padding: 0 1;
        background: $panel;
    }
    """

    def __init__(
        self,
        state: HeaderState | None = None,
        *,
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._state = _whole_seconds(state) if state else None

    def show(self, state: HeaderState) -> None:
        """Draw `state`, where it differs from what is drawn."""
        state = _whole_seconds(state)
        if state != self._state:
            self._state = state
            self.redraw()

    def lines(self, width: int, height: int) -> list[Content]:
        """See `Drawn.lines`."""
        state = self._state
        if state is None:
            return [Content.styled(_("connecting"), ".faint"), NOTHING]
        lines = [self._first(state, width), self._second(state, width)]
        lines += [Content.assemble((f"▲ {text}", ".bad")) for text in _alerts(state)]
        if state.demo:
            banner = f" {inert(state.demo)} "
            lines.append(Content.styled(banner + " " * max(width - len(banner), 0), DEMO))
        if height and len(lines) > height:
            lines = lines[:height]
        return lines

    def _first(self, state: HeaderState, width: int) -> Content:
        badge, where, time, window = fit(
            (_badge(state), _place(state), _server_time(state), _window(state)),
            width,
            order=(1, 3, 2, 1, 2, 3, 1, 2, 2),
        )
        return spread((badge, where), (time, window), width)

    def _second(self, state: HeaderState, width: int) -> Content:
        driver, feeds, auto, way_out = fit(
            (_driver(state), _feeds(state), _auto(state), _way_out(state)),
            width,
            gap=3,
            order=(3, 0, 1, 1, 2, 3, 1, 0, 2, 1, 0),
        )
        return spread((driver, feeds), (auto, way_out), width, gap=3)


def _whole_seconds(state: HeaderState) -> HeaderState:
    feeds = tuple(replace(f, age_s=None if f.age_s is None else max(int(f.age_s), 0)) for f in state.feeds)
    time = state.time.replace(microsecond=0) if state.time else None
    return replace(state, time=time, feeds=feeds, skew_s=round(state.skew_s))


def _day(moment: datetime) -> str:
    return (_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun"))[moment.weekday()]


def _badge(state: HeaderState) -> Piece:
    name = inert(state.environment, 40).upper()
    if state.protected:
        return [Content.styled(f" ▲ {name} ", PROTECTED), Content.styled(f"▲{name}", PROTECTED)]
    return [Content.styled(f" ○ {name.lower()} ", OPEN), Content.styled(f"○{name.lower()}", OPEN)]


def _place(state: HeaderState) -> Piece:
    project, region, service = (inert(x, 60) for x in (state.project, state.region, state.service))
    return [
        Content.assemble((f"{project} · {region} · ", ".faint"), (service, ".strong")),
        Content.assemble((f"{project} · ", ".faint"), (service, ".strong")),
        Content.styled(service, ".strong"),
        NOTHING,
    ]


def _server_time(state: HeaderState) -> Piece:
    if state.time is None:
        return [Content.styled(_("server time not known yet"), ".faint"), Content.styled("--:--:--", ".faint")]
    day = _day(state.time)
    clock = f"{state.time:%H:%M:%S}"
    skew = ""
    if abs(state.skew_s) >= 5:
        skew = _("local clock {skew}").format(skew=("+" if state.skew_s > 0 else "-") + span(abs(state.skew_s)))
    return [
        Content.assemble((f"{skew}  ", ".warn") if skew else "", (f"{day} {clock} UTC", ".strong")),
        Content.styled(f"{day} {clock} UTC", ".strong"),
        Content.styled(f"{clock} UTC", ".strong"),
        Content.styled(clock, ".strong"),
        NOTHING,
    ]


def _window(state: HeaderState) -> Piece:
    if state.window_open is None:
        return [NOTHING]
    if state.window_open:
        left = span((state.window_closes - state.time).total_seconds()) if state.window_closes and state.time else "?"
        soon = bool(state.window_closes and state.time and state.window_closes - state.time < timedelta(minutes=30))
        style = ".warn" if soon else ".good"
        return [
            Content.styled(_("● window open, closes in {left}").format(left=left), style),
            Content.styled(_("● open, {left} left").format(left=left), style),
            Content.styled(_("● open {left}").format(left=left), style),
        ]
    opens = _("unknown")
    if state.window_opens:
        opens = f"{_day(state.window_opens)} {state.window_opens:%H:%M}"
        if state.time and state.window_opens - state.time > timedelta(days=6):
            opens = f"{state.window_opens:%Y-%m-%d %H:%M}"
    reason = f" ({inert(state.window_reason, 40)})" if state.window_reason else ""
    return [
        Content.styled(_("■ window closed{reason}, opens {opens} UTC").format(reason=reason, opens=opens), ".bad"),
        Content.styled(_("■ window closed, opens {opens} UTC").format(opens=opens), ".bad"),
        Content.styled(_("■ closed, opens {opens}").format(opens=opens), ".bad"),
        Content.styled(_("■ closed"), ".bad"),
    ]


def _driver(state: HeaderState) -> Piece:
    if not state.driver:
        return [Content.styled(_("nobody drives"), ".faint"), NOTHING]
    email = inert(state.driver, 60)
    short = email.partition("@")[0]
    if state.you_drive:
        return [
            Content.assemble((_("you drive"), ".strong"), (f" {email}", ".faint")),
            Content.styled(_("you drive"), ".strong"),
        ]
    return [
        Content.assemble((_("driver"), ".faint"), " ", (email, ".warn")),
        Content.assemble((_("driver"), ".faint"), " ", (short, ".warn")),
        Content.styled(f"@{short}", ".warn"),
        NOTHING,
    ]


def _feeds(state: HeaderState) -> Piece:
    if not state.feeds:
        return [NOTHING]

    def drawn(*, words: bool, ages: bool, names: bool = True) -> Content:
        parts: list[Content] = []
        for feed in state.feeds:
            glyph, style = _FEED_GLYPHS.get(feed.state, _FEED_GLYPHS["waiting"])
            word = {"late": _("late"), "down": _("down")}.get(feed.state, "") if words else ""
            # a healthy feed's age is the first thing that can be spared
            age = span(feed.age_s) if feed.age_s is not None and (ages or feed.state != "live") else ""
            name = inert(feed.name, 20) if names else ""
            figure = " ".join(part for part in (glyph, word, age) if part)
            parts.append(Content.assemble((f"{name} " if name else "", ".faint"), (figure, style)))
        return Content("  ").join(parts)

    return [
        drawn(words=True, ages=True),
        drawn(words=False, ages=True),
        drawn(words=False, ages=False),
        drawn(words=False, ages=False, names=False),
        NOTHING,
    ]


def _auto(state: HeaderState) -> Piece:
    if state.auto_rollback is None:
        return [NOTHING]
    if state.auto_rollback:
        return [Content.styled(_("auto ● armed"), ".good"), Content.styled(_("auto ●"), ".good"), NOTHING]
    return [Content.styled(_("auto ○ OFF"), ".warn"), Content.styled(_("auto ○"), ".warn")]


def _way_out(state: HeaderState) -> Piece:
    target = inert(state.rollback_target, 60)
    if state.rollback_ready is None:
        return [Content.styled(_("○ rollback: checking"), ".faint"), NOTHING]
    if not state.rollback_ready:
        return [Content.styled(_("✖ rollback NOT READY"), ".bad"), Content.styled(_("✖ NOT READY"), ".bad")]
    tail = f" → {target}" if target else ""
    warm = state.rollback_warm
    told = Content.styled(_("✔ rollback ready") + tail, ".good")
    whole = told if warm is None else Content.assemble(told, (", " + _("{n} warm").format(n=warm), ".faint"))
    return [whole, told, Content.styled("✔" + (tail or _(" ready")), ".good")]


def _alerts(state: HeaderState) -> list[str]:
    alerts = []
    if state.rollback_ready is False:
        why = inert(state.rollback_problem) or _("the reason is not known")
        alerts.append(_("rollback NOT READY: {why}").format(why=why))
    if state.notice:
        alerts.append(inert(state.notice))
    return alerts
