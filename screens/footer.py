"""Keys on the screen: which ones the footer names now, and which action of the app each registry id runs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from console.keys import shown_key
from console.registry import ACTIONS, ActionSpec, Place, action, keys_for
from console.words import _
from widgets.action_bar import ActionEntry

if TYPE_CHECKING:
    from screens.view import View


RUNBOOKS = ("checklist", "manual_rollback")
"""Actions that open a runbook on the checklist screen; its footer names the other one."""


def first_key(id: str, keymap: Mapping[str, str]) -> str:
    """The first key of an action, as shown."""
    keys = keys_for(id, keymap)
    return shown_key(keys[0]) if keys else ""


def all_keys(ids: tuple[str, ...], keymap: Mapping[str, str]) -> str:
    """All keys of some actions, as shown."""
    return " ".join(shown_key(key) for id in ids for key in keys_for(id, keymap))


def binding_action(id: str) -> str:
    """The app action that a registry id runs."""
    if id.startswith("step_"):
        return f"step({id.removeprefix('step_')})"
    if id == "rollback_anywhere":
        return "rollback"
    if id.startswith(("log_", "metrics_", "checklist_", "migrations_")):
        return f"on_screen('{id}')"
    if id in ("canary", "logs", "metrics", "migrations", "history", "checklist"):
        return f"show_screen('{id}')"
    return {"palette": "command_palette", "help": "keys", "quit": "leave"}.get(id, id)


def action_entries(view: View, screen: str = "") -> tuple[ActionEntry, ...]:
    """The footer: rollback first and always, then a runbook's own keys, then what matters as the registry has it."""
    keys = all_keys(("rollback", "rollback_anywhere"), view.keymap)
    entries = [ActionEntry("rollback", keys, _("Roll back"), True, sacred=True)]
    own = _of_runbook(view, screen) if screen in RUNBOOKS else ()
    entries += own
    if own:
        entries.append(ActionEntry("help", first_key("help", view.keymap), action("help").words()[0]))
    steps = view.rules.plan.steps
    for number, percent in enumerate(steps[:9], 1):
        entries.append(
            ActionEntry(
                f"step_{number}", first_key(f"step_{number}", view.keymap), f"{percent} %", _can_step(view, percent)
            )
        )
    if not own:
        entries.append(ActionEntry("help", first_key("help", view.keymap), action("help").words()[0]))
    change = f"{first_key('more', view.keymap)} {first_key('less', view.keymap)}"
    entries.append(ActionEntry("more", change, "±5", view.snapshot.canary is not None))
    release = view.snapshot.release
    for spec in ACTIONS:
        named = spec.id == screen or any(spec.id == entry.action for entry in own)
        if spec.footer and _in_footer(spec, view) and not named:
            label = spec.words()[0]
            enabled = True
            if spec.id == "auto_rollback":
                label += " ●" if view.auto_rollback else " ○"
            elif spec.id == "undo":
                enabled = release is not None and bool(release.moves)
            entries.append(ActionEntry(spec.id, first_key(spec.id, view.keymap), label, enabled))
    if view.unguarded:
        entries.insert(1, ActionEntry("take_over", first_key("take_over", view.keymap), action("take_over").words()[0]))
    return tuple(entries)


def _of_runbook(view: View, screen: str) -> tuple[ActionEntry, ...]:
    """The keys of the checklist, the contacts' and the other runbook's; faint where they would do nothing now."""
    checklist = view.checklist if screen == "checklist" else view.rollback_checklist
    steps = checklist.steps if checklist is not None else ()
    enabled = {
        "checklist_skip": any(step.may_skip for step in steps),
        "checklist_stop": any(step.running is not None and step.running.ours for step in steps),
        "checklist_send": bool(view.undelivered),
    }
    ids = [spec.id for spec in ACTIONS if spec.place is Place.CHECKLIST]
    return tuple(
        ActionEntry(id, first_key(id, view.keymap), action(id).words()[0], enabled.get(id, True))
        for id in (*ids, "contacts", *(book for book in RUNBOOKS if book != screen))
    )


def _in_footer(spec: ActionSpec, view: View) -> bool:
    if spec.id in ("rollback", "rollback_anywhere", "more", "less", "help") or spec.id.startswith("step_"):
        return False
    return spec.place is Place.SCREENS or (spec.place is Place.DEMO and view.demo is not None)


def _can_step(view: View, percent: int) -> bool:
    snapshot = view.snapshot
    if snapshot.service is None or snapshot.canary is None:
        return False
    now = snapshot.service.desired_shares().get(snapshot.canary, 0)
    return percent != now and view.rules.plan.allows(now, percent)


def palette(view: View) -> list[tuple[str, str, str]]:
    """(title, explanation with its keys, registry id) of what the command palette offers now."""
    offered = []
    for spec in ACTIONS:
        if not spec.listed or spec.id in ("palette", "rollback_anywhere", "stop_countdown"):
            continue
        if spec.place not in (Place.SCREENS, Place.DEMO) or (spec.place is Place.DEMO and view.demo is None):
            continue
        title, what, _when, _by = spec.words()
        if spec.id.startswith("step_"):
            number = int(spec.id.removeprefix("step_"))
            if number > len(view.rules.plan.steps):
                continue
            title = _("Canary to {percent} %").format(percent=view.rules.plan.steps[number - 1])
        keys = " ".join(shown_key(key) for key in keys_for(spec.id, view.keymap))
        offered.append((title, f"{keys}  {what}", spec.id))
    return offered
