"""The `?` screen: every key from the registry, the warnings in full, and what guards a release."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from console.registry import ACTIONS, Group, Place, keys_for, shown_key
from console.words import _
from screens import present
from screens.dialogs.base import Dialog, plain


class HelpDialog(Dialog[None]):
    """All keys, by chapter."""

    DEFAULT_CSS = """
    HelpDialog > #frame { width: 110; }
    HelpDialog Static { height: auto; }
    """
    AUTO_FOCUS = ""

    def heading(self) -> str:
        """The title."""
        return _("Keys")

    def leave_label(self) -> str:
        """Back."""
        return _("Back")

    def compose_body(self) -> ComposeResult:
        """A chapter a group; the warnings first, where there are any."""
        found = present.warnings(self.view)
        if found:
            yield plain("\n".join(f"▲ {warning}" for warning in found), classes="problem")
            yield plain("")
        for group in Group:
            lines = [line for spec in ACTIONS if spec.group is group and (line := self._line(spec.id))]
            if lines:
                yield plain(group.heading, classes="problem")
                yield Static(Content("\n").join(lines), markup=False)
        yield plain("")
        yield plain(
            _("Rollback asks nothing and no guardrail stands before it.")
            + " "
            + _("Automatic rollback lives only while the driver's console does.")
        )

    def _line(self, id: str) -> Content | None:
        spec = next(spec for spec in ACTIONS if spec.id == id)
        if not spec.listed or (spec.place is Place.DEMO and self.view.demo is None):
            return None
        keys = " ".join(shown_key(key) for key in keys_for(id, self.view.keymap))
        _title, what, when, _by = spec.words()
        return Content.styled(f"  {keys:<8}", "bold") + Content(what) + Content.styled(f"  {when}", "$text-muted")
