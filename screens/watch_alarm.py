"""What the runbook has to tell on any screen, once: a limit crossed hours later, a seat that was taken."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from console.runbook.kinds.watch import Alarm, alarm_of
from console.words import _
from screens import figures
from screens.dialogs.limit import LimitDialog

if TYPE_CHECKING:
    from console.runbook.progress import Checklist
    from screens.view import View


class WatchAlarm:
    """Remembers what was told."""

    def __init__(self) -> None:
        self._sat = False
        self._told: set[tuple[str, datetime]] = set()
        self._seen: list[Checklist | None] = [None, None]

    def ousted(self, view: View) -> str:
        """What to tell whoever walked the runbook until now, once another console has the seat; empty otherwise."""
        if view.checklist is None:
            return ""
        me, sat = view.checklist.me, self._sat
        self._sat = me.drives and bool(me.driver)
        if not sat or me.drives or not me.driver or view.checklist.closed:
            return ""
        return _("{who} took the driver's seat of the runbook: it is read-only here now.").format(who=me.driver)

    def news(self, view: View) -> tuple[Alarm, bool] | None:
        """An alarm that was not told yet, and whether the manual rollback's watch saw it.

        Asked ten times a second, looked for where a checklist is a new one.
        """
        for number, checklist in enumerate((view.checklist, view.rollback_checklist)):
            if checklist is None or checklist is self._seen[number]:
                continue
            self._seen[number] = checklist
            alarm = alarm_of(checklist)
            if alarm is None or (alarm.step, alarm.at) in self._told:
                continue
            self._told.add((alarm.step, alarm.at))
            if _back(view, alarm.back_to):
                continue  # it has been dealt with
            return alarm, number == 1
        return None


def one_key(view: View, alarm: Alarm) -> bool:
    """Whether the key `r` goes back to the revision that the watch names."""
    return alarm.back_to in ("", view.snapshot.readiness.target)


def dialog(view: View, alarm: Alarm, *, again: bool = False) -> LimitDialog:
    """The rollback, opened with the revision that it goes to.

    Args:
        view: the latest view.
        alarm: what the watch saw.
        again: whether it was seen after a manual rollback: going back once more needs a look at the list.
    """
    known = alarm.back_to or view.snapshot.readiness.target or ""
    target = "" if again else figures.short(known, view.snapshot.service_name) or _("the split before the release")
    told = not any(item.message.title.startswith("🚨") for item in view.undelivered)
    asks = LimitDialog(view, alarm.sentence, target, told=told)
    if target:
        asks.overtaken = lambda now: (
            _("{target} has all traffic already.").format(target=target) if _back(now, known) else ""
        )
    return asks


def _back(view: View, target: str) -> bool:
    service = view.snapshot.service
    return service is not None and bool(target) and service.effective_shares() == {target: 100}


__all__ = ["WatchAlarm", "dialog", "one_key"]
