"""`i`: whom to call, the incident playbook and the runbook's own text, read without leaving the console."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from console.errors import CanarioError
from console.words import _
from screens.base import Banner
from screens.dialogs.base import Dialog, plain
from screens.view import View
from widgets.document import DocumentView, lay_out


@dataclass(frozen=True, slots=True)
class ContactCard:
    """Whom to call."""

    role: str
    """In words."""
    lines: tuple[tuple[str, str], ...]
    """Name and value: who, number, identity."""


@dataclass(frozen=True, slots=True)
class Document:
    """Something to read."""

    title: str
    place: str
    """Where it is read from, for the operator; empty where the console made it."""
    read: Callable[[], Awaitable[str]]
    """Its Markdown, cleaned; raises CanarioError."""


class ContactsDialog(Dialog[None]):
    """Contacts and documents, a tab each.

    Args:
        view: the latest view.
        cards: whom to call.
        documents: what to read.
    """

    DEFAULT_CSS = """
    ContactsDialog > #frame { width: 100%; height: 100%; }
    ContactsDialog #tabs { height: 1; }
    ContactsDialog #body { height: 1fr; }
    ContactsDialog #cards, ContactsDialog .status { height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("i", "leave", show=False),
        *(Binding(str(number), f"tab({number})", show=False) for number in (1, 2, 3)),
        Binding("left", "turn(-1)", show=False),
        Binding("right", "turn(1)", show=False),
        Binding("tab", "turn(1)", show=False, priority=True),
        Binding("shift+tab", "turn(-1)", show=False, priority=True),
        Binding("home", "page_body(-10000)", show=False),
        Binding("end", "page_body(10000)", show=False),
        Binding("space", "page_body(1)", show=False),
    ]
    AUTO_FOCUS = ""

    def __init__(self, view: View, cards: tuple[ContactCard, ...], documents: tuple[Document, ...]) -> None:
        super().__init__(view)
        self._cards, self._documents = cards, documents
        self._tab = 1
        self._begun: set[int] = set()
        """Tabs whose document has been asked for."""
        self._texts: dict[int, str] = {}
        """What was read, by tab."""

    def compose(self) -> ComposeResult:
        """Tabs, what they show, foot."""
        with Vertical(id="frame") as frame:
            frame.border_title = self.heading()
            yield Banner(id="dialog-banner")
            with Vertical(id="head"):
                yield plain("", id="said")
                yield Static("", id="tabs", markup=False)
            with VerticalScroll(id="body", can_focus=False):
                yield Static(cards_content(self._cards), id="cards", markup=False)
            for number, _document in enumerate(self._documents, 2):
                yield Static("", id=f"status-{number}", classes="faint status", markup=False)
                yield DocumentView(id=f"document-{number}")
            yield plain("", id="foot")

    def on_mount(self) -> None:
        """Show the contacts."""
        super().on_mount()
        self._show_tab()

    def heading(self) -> str:
        """The title."""
        return _("Contacts and documents")

    def leave_label(self) -> str:
        """Back to where one was."""
        return _("Back")

    def other_labels(self) -> tuple[str, ...]:
        """How to turn the pages."""
        return (_("←→ other tab"), _("↑↓ PgUp PgDn read"))

    def action_tab(self, number: int) -> None:
        """A tab by its number."""
        if number <= len(self._documents) + 1:
            self._tab = number
            self._show_tab()

    def action_turn(self, tabs: int) -> None:
        """The tab beside."""
        self._tab = (self._tab - 1 + tabs) % (len(self._documents) + 1) + 1
        self._show_tab()

    def action_scroll_body(self, lines: int) -> None:
        """Arrows."""
        self._shown.scroll_relative(y=lines, animate=False)

    def action_page_body(self, pages: int) -> None:
        """Page keys, Home and End."""
        self._shown.scroll_relative(y=pages * max(self._shown.size.height - 1, 1), animate=False)

    def on_resize(self) -> None:
        """Lay the texts out for the new width."""
        super().on_resize()
        for number in self._texts:
            self.run_worker(self._lay_out(number), exit_on_error=False)

    @property
    def _shown(self) -> Widget:
        """What the arrows scroll."""
        return self.query_one("#body" if self._tab == 1 else f"#document-{self._tab}")

    def _show_tab(self) -> None:
        titles = [_("Contacts"), *(document.title for document in self._documents)]
        parts = []
        for number, title in enumerate(titles, 1):
            style = "bold reverse" if number == self._tab else ""
            parts.append(Content.styled(f" {number} {title} ", style))
        self.query_one("#tabs", Static).update(Content(" ").join(parts))
        self.query_one("#body").display = self._tab == 1
        for number in range(2, len(self._documents) + 2):
            self.query_one(f"#document-{number}").display = number == self._tab
            self.query_one(f"#status-{number}").display = number == self._tab
        if self._tab > 1 and self._tab not in self._begun:
            self._begun.add(self._tab)
            self.run_worker(self._read(self._tab), exit_on_error=False)

    async def _read(self, number: int) -> None:
        document = self._documents[number - 2]
        status = self.query_one(f"#status-{number}", Static)
        status.update(Content(_("reading {place} …").format(place=document.place) if document.place else ""))
        try:
            text = await document.read()
        except CanarioError as error:
            status.update(Content.styled(str(error), "$text-error"))
            self._begun.discard(number)  # turning to it again tries again
            return
        self._texts[number] = text
        await self._lay_out(number)
        status.update(Content(document.place))

    async def _lay_out(self, number: int) -> None:
        """Lay a text out beside the screen, which goes on drawing and hearing keys."""
        view = self.query_one(f"#document-{number}", DocumentView)
        width = self.query_one("#frame").content_size.width - 1
        lines = await asyncio.to_thread(lay_out, self._texts[number], width)
        if view.is_attached and width == self.query_one("#frame").content_size.width - 1:
            view.show(lines)


def cards_content(cards: tuple[ContactCard, ...]) -> Content:
    """The cards, one under the other, a role each."""
    if not cards:
        return Content(_("The settings name nobody: table [contacts] of canario.toml."))
    column = max((len(name) for card in cards for name, _value in card.lines), default=0)
    parts = []
    for card in cards:
        lines = [Content(f"  {name:<{column}}  {value}") for name, value in card.lines]
        parts.append(Content("\n").join([Content.styled(card.role, "bold"), *lines]))
    return Content("\n\n").join(parts)


__all__ = ["ContactCard", "ContactsDialog", "Document", "cards_content"]
