"""A limit crossed in the 24 hours after a release: told once, loudly, with the way back chosen."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from console.runbook.kinds.watch import Alarm, alarm_of
from console.words import _
from screens import present
from screens.dialogs.confirm import ConfirmDialog

if TYPE_CHECKING:
    from screens.view import View


class WatchAlarm:
    """Remembers which alarm was told."""

    def __init__(self) -> None:
        self._told: tuple[str, datetime] | None = None
        self._seen: object = None

    def news(self, view: View) -> Alarm | None:
        """An alarm that was not told yet; asked ten times a second, looked for where the checklist is a new one."""
        if view.checklist is None or view.checklist is self._seen:
            return None
        self._seen = view.checklist
        alarm = alarm_of(view.checklist)
        if alarm is None or (alarm.step, alarm.at) == self._told:
            return None
        self._told = (alarm.step, alarm.at)
        return alarm


def dialog(view: View, alarm: Alarm) -> ConfirmDialog:
    """The rollback, opened with the revision that it goes to."""
    target = present.short(alarm.back_to, view.snapshot.service_name) or _("the split before the release")
    return ConfirmDialog(
        view,
        _("A limit was crossed: roll back to {target}?").format(target=target),
        (alarm.sentence, _("The watch of the release saw it; Slack was told.")),
        _("Roll back"),
        _("Not now"),
    )


__all__ = ["WatchAlarm", "dialog"]
