"""The dialog before anything that guardrails judge: what it would do, what each guardrail says, what Enter does.

It is asked afresh with each new snapshot while it is open, so that a window that closes, a verdict that turns or a
split that somebody else moves shows here before Enter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, Static

from console.errors import CanarioError
from console.release.guardrails import REASON_LENGTH, ActionKind, Answer, blocked_by
from console.release.moves import Proposal
from console.release.window import moment
from console.words import _, ngettext
from screens import figures
from screens.dialogs.base import Dialog, field, hanging, plain, titled
from screens.view import View

LOW = 16
"""Lines under which the splits scroll with the rest: otherwise nothing else could be read."""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The operator said yes."""

    proposal: Proposal
    """As it stood on the screen at that moment."""
    reason: str = ""
    """As typed, stripped; empty where none was asked for."""


class MoveDialog(Dialog[Confirmed | None]):
    """A forward move, an undo, taking over, disarming: whatever has a proposal.

    Args:
        view: the latest view.
        propose: makes the proposal of this moment; raises CanarioError where it can mean nothing any more.
        needs_reason: whether a written reason is asked for even where nothing blocks.
    """

    DEFAULT_CSS = """
    MoveDialog #answers, MoveDialog #splits, MoveDialog #splits-low, MoveDialog #warnings { height: auto; }
    MoveDialog #splits, MoveDialog #splits-low { margin: 0 0 1 0; text-style: bold; }
    MoveDialog #reason { display: none; }
    MoveDialog #reason-label { display: none; height: auto; margin: 1 0 0 0; }
    MoveDialog.-reason #reason, MoveDialog.-reason #reason-label { display: block; }
    MoveDialog.-tight #splits, MoveDialog.-tight #reason-label { margin: 0; }
    """

    def __init__(self, view: View, propose: Callable[[], Proposal], *, needs_reason: bool = False) -> None:
        super().__init__(view)
        self._propose = propose
        self._needs_reason = needs_reason
        self._drawn: object = None
        self.problem = ""
        """Why no proposal can be made any more, or empty."""
        self.proposal = propose()
        """The newest proposal."""

    def heading(self) -> str:
        """What is asked."""
        return heading_of(self.proposal, self.view)

    def compose_head(self) -> ComposeResult:
        """Split before and after, which stay in sight where there is room."""
        yield plain("", id="splits")

    def compose_body(self) -> ComposeResult:
        """Answers, and the reason where one is needed."""
        yield plain("", id="splits-low")
        yield plain("", id="answers")
        yield plain("", id="warnings")
        yield plain("", id="reason-label")
        yield field(placeholder=_("at least {n} characters").format(n=REASON_LENGTH), id="reason", max_length=500)

    @property
    def reason(self) -> str:
        """The reason as typed, stripped."""
        return self.query_one("#reason", Input).value.strip()

    def asks_reason(self) -> bool:
        """Whether a written reason would let the action pass (or is asked for anyway)."""
        if self.proposal.blocked:
            return self.proposal.overridable
        return self._needs_reason

    def can_confirm(self) -> bool:
        """Whether nothing blocks, given the reason typed so far."""
        if self.problem or self.proposal.already:
            return False
        if self.asks_reason() and len(self.reason) < REASON_LENGTH:
            return False
        return not blocked_by(self.proposal.answers, self.reason)

    def confirm_label(self) -> str:
        """The verb."""
        return {
            ActionKind.SHIFT: _("Move"),
            ActionKind.UNDO: _("Undo"),
            ActionKind.TAKE_OVER: _("Take over"),
            ActionKind.DISARM: _("Disarm"),
            ActionKind.DEPLOY: _("Deploy"),
        }.get(self.proposal.action.kind, _("Confirm"))

    def confirm(self) -> None:
        """Leave with what stood on the screen."""
        self.dismiss(Confirmed(self.proposal, self.reason if self.asks_reason() else ""))

    def show_body(self, view: View) -> None:
        """Ask afresh and draw what changed."""
        try:
            self.proposal = self._propose()
            self.problem = ""
        except CanarioError as error:
            self.problem = str(error)
        minute = view.now.replace(second=0, microsecond=0) if view.now else None
        room = self.app.size.height >= LOW
        drawn = (self.proposal, self.problem, self.width, minute, room)
        if drawn == self._drawn:
            return
        self._drawn = drawn
        self.query_one("#frame").border_title = Content(titled(self.heading(), view))
        moves = self.proposal.action.kind in (ActionKind.SHIFT, ActionKind.UNDO)
        for id, shown in (("#splits", moves and room), ("#splits-low", moves and not room)):
            splits = self.query_one(id, Static)
            splits.display = shown
            splits.update(splits_content(self.proposal, view, self.width))
        self.query_one("#answers", Static).update(answers_content(self.proposal, self.problem, view, self.width))
        self.query_one("#warnings", Static).update(Content("\n".join(f"▲ {w}" for w in self.proposal.warnings)))
        self.query_one("#warnings").display = bool(self.proposal.warnings)
        asks = self.asks_reason()
        self.set_class(asks, "-reason")
        self.query_one("#reason-label", Static).update(Content(self._reason_label()))
        box = self.query_one("#reason", Input)
        box.disabled = not asks
        if asks and not box.has_focus:
            box.focus()

    def _reason_label(self) -> str:
        if self.proposal.blocked:
            label = _("A written reason lets this pass; it is journalled and announced:")
        else:
            label = _("Why? It is journalled and announced:")
        missing = REASON_LENGTH - len(self.reason)
        if not 0 < missing < REASON_LENGTH:
            return label
        return f"{label} " + ngettext("{n} character more", "{n} characters more", missing).format(n=missing)

    def on_input_changed(self, event: Input.Changed) -> None:
        """The foot says whether Enter would do something now."""
        event.stop()
        self.query_one("#reason-label", Static).update(Content(self._reason_label()))
        self.foot()


def heading_of(proposal: Proposal, view: View) -> str:
    """The question, in a line."""
    action = proposal.action
    before = proposal.before.get(proposal.canary or "", 0)
    after = proposal.after.get(proposal.canary or "", 0)
    match action.kind:
        case ActionKind.SHIFT:
            return _("{environment}: canary {before} % → {after} %?").format(
                environment=f"▲ {view.rules.name.upper()}" if view.rules.protected else view.rules.name,
                before=before,
                after=after,
            )
        case ActionKind.UNDO:
            return _("Undo the last move: canary {before} % → {after} %?").format(before=before, after=after)
        case ActionKind.TAKE_OVER:
            return _("Take over this release?")
        case ActionKind.DISARM:
            return _("Disarm the automatic rollback?")
        case ActionKind.DEPLOY:
            return _("Deploy a new revision with no traffic?")
        case _:
            return str(action.kind)


def splits_content(proposal: Proposal, view: View, width: int) -> Content:
    """Now and then, a party at a time, never torn apart."""
    if proposal.action.kind not in (ActionKind.SHIFT, ActionKind.UNDO):
        return Content("")
    lines = []
    for label, shares in ((_("now"), proposal.before), (_("then"), proposal.after)):
        parts = [f"{role} {shares.get(name, 0)} %".replace(" ", "\u00a0") for role, name in _parties(proposal, view)]
        lines.append(f"{label:<7}{hanging('   '.join(parts), width, 7)}")
    return Content("\n".join(lines))


def _parties(proposal: Proposal, view: View) -> list[tuple[str, str]]:
    """(role and short name, name) of the canary and of everyone else who serves before or after."""
    service = view.snapshot.service_name
    found = []
    for name in dict.fromkeys([proposal.canary or "", *proposal.before, *proposal.after]):
        role = _("canary") if name == proposal.canary else _("stable") if name == view.snapshot.stable else ""
        if name:
            found.append((f"{role} {figures.short(name, service)}".strip(), name))
    return found


def answers_content(proposal: Proposal, problem: str, view: View, width: int) -> Content:
    """One guardrail a line: a glyph, its title, its figures; a failing one says when it passes and how.

    Args:
        proposal: what is asked.
        problem: why it can mean nothing any more, or empty.
        view: the latest view.
        width: cells that a line may take.
    """
    if problem:
        return Content.styled(f"✖ {problem}", "bold $text-error")
    told = answer_lines(proposal.answers, view, width)
    if proposal.already:
        already = Content(_("The service is there already: nothing to move."))
        return told + Content("\n") + already if proposal.answers else already
    return told


def answer_lines(answers: tuple[Answer, ...], view: View, width: int, mended: frozenset[str] = frozenset()) -> Content:
    """One answer a line, failing ones first.

    Args:
        answers: the guardrails'.
        view: the latest view.
        width: cells that a line may take.
        mended: rules whose reason says already what would let them pass.
    """
    column = max((len(answer.title) for answer in answers), default=0) + 2
    ordered = sorted(answers, key=lambda answer: answer.allowed)
    lines = [_answer_line(answer, column, view, width, answer.rule in mended) for answer in ordered]
    return Content("\n").join(lines)


def _answer_line(answer: Answer, column: int, view: View, width: int, mended: bool) -> Content:
    text = answer.reason
    if not answer.allowed and not mended:
        if answer.passes_at is not None:
            since = view.now or answer.passes_at
            text += " · " + _("passes by itself {at}").format(at=moment(answer.passes_at, since=since))
        text += " · " + (_("a written reason overrides it") if answer.overridable else _("nothing overrides it"))
    line = f"{answer.title:<{column}}" + hanging(text, width, column + 2)
    if answer.allowed:
        return Content.styled("✔ ", "$text-success") + Content(line)
    return Content.styled("✖ ", "bold $text-error") + Content.styled(line, "bold")
