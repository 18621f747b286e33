"""Asks for one line of text: where to save the log."""

from __future__ import annotations

from pathlib import Path

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, Static

from console.words import _
from screens.dialogs.base import Dialog, field, plain
from screens.view import View


class PathDialog(Dialog[Path | None]):
    """Asks for a file to write; says at once why a path will not do. An existing file is never overwritten.

    Args:
        view: the latest view.
        heading: the question.
        start: path to begin with.
    """

    def __init__(self, view: View, heading: str, start: Path) -> None:
        super().__init__(view)
        self._heading = heading
        self._start = start

    def heading(self) -> str:
        """The question."""
        return self._heading

    def compose_body(self) -> ComposeResult:
        """The path and what is wrong with it."""
        yield field(value=str(self._start), id="path")
        yield plain("", id="path-problem", classes="problem")

    def path(self) -> Path:
        """The path as typed, `~` resolved."""
        typed = self.query_one("#path", Input).value.strip()
        try:
            return Path(typed).expanduser()
        except RuntimeError:
            return Path(typed)

    def problem(self) -> str:
        """Why the path will not do, or empty."""
        typed = self.query_one("#path", Input).value.strip()
        if not typed or "\x00" in typed:
            return _("Type a file name.")
        path = self.path()
        try:
            if path.is_dir():
                return _("{path} is a folder: add a file name.").format(path=path)
            if path.exists():
                return _("{path} exists already: choose another name.").format(path=path)
            if not path.parent.is_dir():
                return _("There is no folder {path}.").format(path=path.parent)
        except OSError as error:
            return _("{path} can't be used: {why}.").format(path=path, why=error.strerror or error)
        return ""

    def can_confirm(self) -> bool:
        """Whether the path will do."""
        return not self.problem()

    def confirm_label(self) -> str:
        """The verb."""
        return _("Save")

    def confirm(self) -> None:
        """Leave with the path."""
        self.dismiss(self.path())

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say at once what is wrong."""
        event.stop()
        self.query_one("#path-problem", Static).update(Content(self.problem()))
        self.foot()
