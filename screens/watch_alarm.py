"""What the runbook has to tell on any screen, once: a limit crossed hours later, a seat that was taken."""

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
    """Remembers what was told."""

    def __init__(self) -> None:
        self._sat = False
        self._told: tuple[str, datetime] | None = None
        self._seen: object = None

    def ousted(self, view: View) -> str:
        """What to tell whoever walked the runbook until now, once another console has the seat; empty otherwise."""
        if view.checklist is None:
            return ""
        me, sat = view.checklist.me, self._sat
        self._sat = me.drives and bool(me.driver)
        if not sat or me.drives or not me.driver or view.checklist.closed:
            return ""
        return _("{who} took the driver's seat of the runbook: it is read-only here now.").format(who=me.driver)

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
