"""The `?` screen: every key from the registry, the warnings in full, and what guards a release."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from console.keys import shown_key
from console.registry import ACTIONS, ActionSpec, Group, Place, action, keys_for
from console.words import _
from screens import alerts, present
from screens.dialogs.base import Dialog, hanging
from screens.view import View

GUARDED = "◇"
"""Stands for the longest condition, which most of the traffic's keys share."""
_GUARDED_WHEN = action("step_1").when


class HelpDialog(Dialog[None]):
    """All keys, by chapter."""

    DEFAULT_CSS = """
    HelpDialog > #frame { width: 110; }
    HelpDialog Static { height: auto; }
    """
    AUTO_FOCUS = ""

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._drawn: Content | None = None

    def heading(self) -> str:
        """The title."""
        return _("Keys")

    def leave_label(self) -> str:
        """Back."""
        return _("Back")

    def compose_body(self) -> ComposeResult:
        """One text, laid out for the width it gets."""
        yield Static("", id="keys", markup=False)

    def show_body(self, view: View) -> None:
        """Lay it out again where the width, the warnings or the keys changed."""
        content = self._content(view)
        if content != self._drawn:
            self._drawn = content
            self.query_one("#keys", Static).update(content)

    def _content(self, view: View) -> Content:
        """The warnings in full, a chapter a group, and what guards a release."""
        width = self.width
        lines = [Content.styled(f"▲ {hanging(text, width, 2)}", "bold $text-warning") for text in alerts.warnings(view)]
        if way_back := present.way_back(view):
            lines.append(Content.styled(f"✔ {hanging(way_back, width, 2)}", "$text-success"))
        if lines:
            lines.append(Content(""))
        for group in Group:
            chapter = [
                line for spec in ACTIONS if spec.group is group and (line := self._line(spec, view, width)) is not None
            ]
            if chapter:
                lines.append(Content.styled(group.heading, "bold $text-accent"))
                if group is Group.TRAFFIC:
                    legend = _("{sign} asks first; every guardrail must pass, or a written reason override it")
                    lines.append(Content.styled("  " + hanging(legend.format(sign=GUARDED), width, 2), "$text-muted"))
                lines += chapter
        lines.append(Content(""))
        for sentence in (
            _("Rollback asks nothing and no guardrail stands before it."),
            _("Automatic rollback lives only while the driver's console does."),
        ):
            lines.append(Content(hanging(sentence, width, 0)))
        return Content("\n").join(lines)

    def _line(self, spec: ActionSpec, view: View, width: int) -> Content | None:
        if not spec.listed or (spec.place is Place.DEMO and view.demo is None):
            return None
        keys = " ".join(shown_key(key) for key in keys_for(spec.id, view.keymap))
        _title, what, when, _by = spec.words()
        if spec.id.startswith("step_"):
            number = int(spec.id.removeprefix("step_"))
            steps = view.rules.plan.steps
            if number > len(steps):
                return None
            what = _("Move the canary to {percent} %.").format(percent=steps[number - 1])
        if spec.when == _GUARDED_WHEN:
            text = f"{what} {GUARDED}"
        else:
            text = what if when == _("always") else f"{what} ({when})"
        return Content.styled(f"  {keys:<8}", "bold") + Content(hanging(text, width, 10))
