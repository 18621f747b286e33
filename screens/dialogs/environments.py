"""The `e` screen: every environment and service, how each one stands, and Enter to go there without a restart."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from console.errors import CanarioError
from console.neighbours import Neighbour
from console.release.state import Release
from console.words import _
from screens import figures
from screens.dialogs.base import Dialog, plain
from screens.view import View


class EnvironmentsDialog(Dialog[Neighbour | None]):
    """A list; the one that is open is marked.

    Args:
        view: the latest view.
        known: what the settings name, shown at once.
        look: reads how each one stands; may take a while, and raises CanarioError.
        current: (environment, service) that is open.
    """

    DEFAULT_CSS = """
    EnvironmentsDialog > #frame { width: 110; }
    EnvironmentsDialog OptionList, EnvironmentsDialog OptionList:focus {
        height: auto; border: none; background: $surface; padding: 0;
    }
    EnvironmentsDialog #loading { height: auto; color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = []
    AUTO_FOCUS = "OptionList"

    NAMES_PLACE = False

    def __init__(
        self,
        view: View,
        known: tuple[Neighbour, ...],
        look: Callable[[], Awaitable[tuple[Neighbour, ...]]],
        current: tuple[str, str],
    ) -> None:
        super().__init__(view)
        self._neighbours = known
        self._look = look
        self._current = current

    def heading(self) -> str:
        """The title."""
        return _("Environments and services")

    def compose_body(self) -> ComposeResult:
        """The list and what is being read."""
        yield OptionList(*self._options(), id="environments", markup=False)
        yield plain(_("reading how each one stands …"), id="loading")

    def on_mount(self) -> None:
        """Start reading (Textual runs the base's handler too)."""
        names = [(neighbour.environment.name, neighbour.environment.service) for neighbour in self._neighbours]
        here = names.index(self._current) if self._current in names else 0
        self.query_one("#environments", OptionList).highlighted = here
        self.run_worker(self._read(), exit_on_error=False)

    async def _read(self) -> None:
        try:
            self._neighbours = await self._look()
            text = ""
        except CanarioError as error:
            text = _("Not all of it can be read: {problem}").format(problem=error)
        if not self.is_attached:
            return
        options = self.query_one("#environments", OptionList)
        chosen = options.highlighted
        options.clear_options()
        options.add_options(self._options())
        options.highlighted = chosen
        loading = self.query_one("#loading", Static)
        loading.update(Content(text))
        loading.display = bool(text)

    def _options(self) -> list[Option]:
        return [Option(self._line(neighbour), id=str(index)) for index, neighbour in enumerate(self._neighbours)]

    def _line(self, neighbour: Neighbour) -> Content:
        environment, service = neighbour.environment, neighbour.service
        here = (environment.name, environment.service) == self._current
        mark = "●" if here else " "
        name = f"▲ {environment.name.upper()}" if environment.protected and neighbour.named else environment.name
        first = Content.styled(f"{mark} {name:<16}", "bold") + Content(
            f" {self._project(neighbour)} · {environment.region} · {environment.service}"
        )
        if neighbour.problem:
            return first + Content(f"\n    ✖ {neighbour.problem}")
        if service is None:
            return first + Content("\n    …")
        changed = figures.ago(service.updated, self.view.now)
        parts = [figures.split_text(service), release_text(neighbour.release)]
        if changed:
            by = _(" by {who}").format(who=service.last_modifier) if service.last_modifier else ""
            parts.append(_("changed {ago} ago{by}").format(ago=changed, by=by))
        return first + Content("\n    " + " · ".join(part for part in parts if part))

    def _project(self, neighbour: Neighbour) -> str:
        if neighbour.service is not None:
            return neighbour.service.project
        return neighbour.environment.project or "-"

    def confirm_label(self) -> str:
        """The verb."""
        return _("Go there")

    def leave_label(self) -> str:
        """Back."""
        return _("Stay here")

    def confirm(self) -> None:
        """Leave with the chosen one."""
        index = self.query_one("#environments", OptionList).highlighted
        if index is not None and index < len(self._neighbours):
            self.dismiss(self._neighbours[index])

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter or a click on one."""
        event.stop()
        self.action_confirm()


def release_text(release: Release | None) -> str:
    """A release in a few words, or that there is none."""
    if release is None:
        return _("no release")
    if release.under_way:
        who = release.driver.email if release.driver is not None else _("nobody")
        return _("release at {step} %, driven by {who}").format(step=release.step, who=who)
    return {
        "promoted": _("last release promoted"),
        "rolled back": _("last release rolled back"),
        "promoted unwatched": _("last release promoted, its bake unwatched"),
        "abandoned": _("last release abandoned"),
    }.get(release.ended or "", "")
