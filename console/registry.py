"""The one action registry: what can be done in the console, on which key, when, and by whom.

Key bindings, the footer, the `?` screen, the command palette, the README's key table, keymap validation and the
commands' help all read it. Plain data: it knows neither Textual nor settings, so that commands can import it.
`python -m console.registry` prints the README's table.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from console.keys import canonical_key, key_problem, shown_key
from console.words import N_, _


class Place(StrEnum):
    """Where an action's keys are heard."""

    ANYWHERE = "anywhere"
    """Also inside inputs and dialogs (a priority binding)."""
    SCREENS = "screens"
    """On every screen, wherever no text is being typed and no dialog is open."""
    DEMO = "demo"
    """As `SCREENS`, in the demo only."""
    LOGS = "logs"
    """Wherever a log is shown: the log screen and the canary screen."""
    METRICS = "metrics"
    """On the metrics screen."""
    CHECKLIST = "checklist"
    """On the checklist screen."""
    MIGRATIONS = "migrations"
    """On the migrations screen."""


class Group(StrEnum):
    """The chapters of the `?` screen."""

    TRAFFIC = "traffic"
    SCREENS = "screens"
    CONSOLE = "console"
    LOGS = "logs"
    METRICS = "metrics"
    CHECKLIST = "checklist"
    MIGRATIONS = "migrations"
    DEMO = "demo"

    @property
    def heading(self) -> str:
        """The chapter's heading, translated."""
        return {
            Group.TRAFFIC: _("Traffic"),
            Group.SCREENS: _("Screens"),
            Group.CONSOLE: _("Console"),
            Group.LOGS: _("In the log"),
            Group.METRICS: _("On the metrics screen"),
            Group.CHECKLIST: _("On the checklist"),
            Group.MIGRATIONS: _("On the migrations screen"),
            Group.DEMO: _("In the demo"),
        }[self]


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """One thing that can be done. Words are English sources; `words` gives them in the operator's language."""

    id: str
    """Stable name: a keymap's key, the Textual binding's id."""
    title: str
    """A word or two for the footer."""
    keys: tuple[str, ...]
    """Default keys, canonical names (`r`, `f9`, `plus`)."""
    what: str
    """What it does, one sentence."""
    when: str = N_("always")
    """When it is allowed."""
    by: str = N_("anyone")
    """By whom."""
    place: Place = Place.SCREENS
    group: Group = Group.CONSOLE
    footer: bool = True
    """Whether the footer names it where there is room; the order of `ACTIONS` is the order of importance."""
    fixed: bool = False
    """Whether its default keys stay whatever a keymap says (rollback): a keymap can only add to them."""
    listed: bool = True
    """Whether `?`, the palette and the README list it."""
    command: str = ""
    """The command that does the same, e.g. `canario rollback`."""

    def words(self) -> tuple[str, str, str, str]:
        """(title, what, when, by), translated."""
        return _(self.title), _(self.what), _(self.when), _(self.by)


_GUARDED = N_("every guardrail passes, or a written reason overrides it; asks first")
_DRIVER = N_("the driver")


def _step(number: int, title: str, *, listed: bool) -> ActionSpec:
    return ActionSpec(
        f"step_{number}",
        title,
        (str(number),),
        N_("Move the canary to that step of the plan."),
        when=_GUARDED,
        by=_DRIVER,
        group=Group.TRAFFIC,
        listed=listed,
        footer=listed,
        command="canario shift PERCENT",
    )


def _there(place: Place, id: str, title: str, key: str, what: str, when: str = N_("always")) -> ActionSpec:
    """One that is heard in one place only, whose chapter has the place's name."""
    return ActionSpec(id, title, (key,), what, when, place=place, group=Group(place.value), footer=place is Place.DEMO)


ACTIONS: tuple[ActionSpec, ...] = (
    ActionSpec(
        "rollback",
        N_("Roll back"),
        ("r",),
        N_("Restore the split before the release, at once and without asking."),
        group=Group.TRAFFIC,
        fixed=True,
        command="canario rollback",
    ),
    ActionSpec(
        "rollback_anywhere",
        N_("Roll back"),
        ("f9",),
        N_("The same from anywhere: inputs and dialogs included."),
        place=Place.ANYWHERE,
        group=Group.TRAFFIC,
        fixed=True,
        command="canario rollback",
    ),
    _step(1, N_("Step 1 (10 %)"), listed=True),
    _step(2, N_("Step 2 (50 %)"), listed=True),
    _step(3, N_("Step 3 (100 %)"), listed=True),
    *(_step(number, f"Step {number}", listed=False) for number in range(4, 10)),
    ActionSpec(
        "more",
        N_("+5 %"),
        ("plus",),
        N_("Give the canary five points more, never past the plan's next step."),
        when=_GUARDED,
        by=_DRIVER,
        group=Group.TRAFFIC,
        command="canario shift PERCENT",
    ),
    ActionSpec(
        "less",
        N_("-5 %"),
        ("minus",),
        N_("Give the canary five points less."),
        when=N_("always; asks first"),
        group=Group.TRAFFIC,
        command="canario shift PERCENT",
    ),
    ActionSpec(
        "undo",
        N_("Undo"),
        ("u",),
        N_("Take back the last move."),
        when=_GUARDED,
        by=_DRIVER,
        group=Group.TRAFFIC,
    ),
    ActionSpec(
        "auto_rollback",
        N_("Auto"),
        ("a",),
        N_("Arm or disarm the automatic rollback."),
        when=N_("always; disarming asks first, is journalled and announced"),
        by=_DRIVER,
        group=Group.TRAFFIC,
    ),
    ActionSpec(
        "stop_countdown",
        N_("Stop countdown"),
        ("escape",),
        N_("Stop the countdown of an automatic rollback, or cancel a rollback that still waits for a connection."),
        when=N_("while one runs"),
        group=Group.TRAFFIC,
        footer=False,
        fixed=True,
    ),
    ActionSpec(
        "take_over",
        N_("Take over"),
        ("t",),
        N_("Become the driver of the release."),
        when=N_("the driver's lease has expired, or a written reason is given"),
        by=N_("anyone but the driver"),
        group=Group.TRAFFIC,
        footer=False,
    ),
    ActionSpec("canary", N_("Canary"), ("c",), N_("The canary screen."), group=Group.SCREENS),
    ActionSpec(
        "checklist",
        N_("Checklist"),
        ("k",),
        N_("The runbook, step by step: what is done, what is next, and the step in hand."),
        group=Group.SCREENS,
        command="canario runbook show",
    ),
    ActionSpec(
        "manual_rollback",
        N_("Manual rollback"),
        ("b",),
        N_(
            "The manual rollback's runbook, for a fault found days later: earlier revisions, the move, the post-mortem."
        ),
        group=Group.SCREENS,
        footer=False,
        command="canario runbook run --headless --rollback",
    ),
    ActionSpec("logs", N_("Logs"), ("l",), N_("The log screen."), group=Group.SCREENS, command="canario logs --follow"),
    ActionSpec("metrics", N_("Metrics"), ("m",), N_("The charts."), group=Group.SCREENS),
    ActionSpec(
        "deploy",
        N_("Deploy"),
        ("d",),
        N_("Deploy a new revision with no traffic, under a tag of its own."),
        when=_GUARDED,
        group=Group.TRAFFIC,
        command="canario deploy IMAGE --tag canary",
    ),
    ActionSpec(
        "migrations",
        N_("Migrations"),
        ("g",),
        N_("Every statement of the migrations, what it does to running code, and the replicas."),
        group=Group.SCREENS,
        command="canario migrations status",
    ),
    ActionSpec(
        "history",
        N_("History"),
        ("h",),
        N_("Releases, newest first, each with its timeline."),
        group=Group.SCREENS,
        command="canario history",
    ),
    ActionSpec(
        "environments",
        N_("Environments"),
        ("e",),
        N_("Go to another environment or service, without a restart."),
        group=Group.SCREENS,
        command="canario services",
    ),
    ActionSpec(
        "contacts",
        N_("Contacts"),
        ("i",),
        N_("Whom to call, the incident playbook, and the runbook's own text."),
        group=Group.SCREENS,
    ),
    ActionSpec(
        "report",
        N_("Report"),
        ("f",),
        N_(
            "Write the report of the release chosen in the history, elsewhere of the latest; asks first, with its path."
        ),
        footer=False,
        command="canario report RELEASE",
    ),
    ActionSpec("help", N_("Help"), ("question_mark",), N_("All keys, and what this console watches.")),
    ActionSpec(
        "palette",
        N_("Commands"),
        ("ctrl+p",),
        N_("Find an action by its name."),
        footer=False,
    ),
    ActionSpec(
        "quit",
        N_("Quit"),
        ("q",),
        N_("Leave the console."),
        when=N_("always; asks while a release is under way"),
    ),
    _there(
        Place.LOGS, "log_filter", N_("Filter"), "slash", N_("Type words that a line must hold; -word must not occur.")
    ),
    _there(Place.LOGS, "log_severity", N_("Severity"), "s", N_("All levels, INFO, WARNING, ERROR and worse, in turn.")),
    _there(
        Place.LOGS,
        "log_revision",
        N_("Revision"),
        "v",
        N_("Lines of both, of the canary, of the stable revisions, in turn."),
    ),
    _there(Place.LOGS, "log_follow", N_("Pause"), "p", N_("Hold the log still, or follow the newest line again.")),
    _there(Place.LOGS, "log_next_error", N_("Next error"), "n", N_("Go to the next error.")),
    _there(Place.LOGS, "log_previous_error", N_("Previous error"), "N", N_("Go to the error before.")),
    _there(Place.LOGS, "log_wrap", N_("Wrap"), "w", N_("Wrap long lines, or cut them.")),
    _there(
        Place.LOGS, "log_copy", N_("Copy"), "y", N_("Copy the chosen line, or what is on screen, to the clipboard.")
    ),
    _there(Place.LOGS, "log_save", N_("Save"), "o", N_("Save what passes the filter to a file.")),
    _there(Place.METRICS, "metrics_shorter", N_("Shorter"), "left", N_("Charts of a shorter span.")),
    _there(Place.METRICS, "metrics_longer", N_("Longer"), "right", N_("Charts of a longer span.")),
    _there(
        Place.CHECKLIST,
        "checklist_run",
        N_("Run or sign"),
        "enter",
        N_("Run the chosen step, or sign it under your name."),
    ),
    _there(Place.CHECKLIST, "checklist_next", N_("Next open step"), "n", N_("Go to the next step that you can do.")),
    _there(
        Place.CHECKLIST,
        "checklist_skip",
        N_("Skip"),
        "s",
        N_("Leave the step out, with a written reason."),
        N_("where the runbook allows it"),
    ),
    _there(
        Place.CHECKLIST,
        "checklist_stop",
        N_("Stop"),
        "x",
        N_("Stop the step that runs here; all that it started ends."),
    ),
    _there(
        Place.CHECKLIST,
        "checklist_send",
        N_("Send again"),
        "w",
        N_("Send again what Slack did not get."),
        N_("where messages wait"),
    ),
    _there(
        Place.MIGRATIONS,
        "migrations_go",
        N_("Go on"),
        "enter",
        N_("Ask for the next statement, which is sent once its table is typed; or say what became of an unknown one."),
        _GUARDED,
    ),
    _there(
        Place.MIGRATIONS,
        "migrations_cancel",
        N_("Cancel"),
        "x",
        N_("Cancel on the server what is under way, and send nothing more."),
    ),
    _there(
        Place.MIGRATIONS,
        "migrations_approve",
        N_("Approve"),
        "y",
        N_("Approve the chosen statement as a second person: these very bytes."),
        N_("where it is incompatible or unknown"),
    ),
    _there(
        Place.DEMO,
        "slower",
        N_("Slower"),
        "less_than_sign",
        N_("Run the simulator's clock at half the speed."),
        N_("in the demo"),
    ),
    _there(
        Place.DEMO,
        "faster",
        N_("Faster"),
        "greater_than_sign",
        N_("Run the simulator's clock at twice the speed."),
        N_("in the demo"),
    ),
)
"""Every action, most important first."""

_BY_ID: dict[str, ActionSpec] = {spec.id: spec for spec in ACTIONS}
_PLACES_TOGETHER: dict[Place, frozenset[Place]] = {
    Place.LOGS: frozenset({Place.LOGS, Place.ANYWHERE, Place.SCREENS, Place.DEMO}),
    Place.METRICS: frozenset({Place.METRICS, Place.ANYWHERE, Place.SCREENS, Place.DEMO}),
    Place.CHECKLIST: frozenset({Place.CHECKLIST, Place.ANYWHERE, Place.SCREENS, Place.DEMO}),
    Place.MIGRATIONS: frozenset({Place.MIGRATIONS, Place.ANYWHERE, Place.SCREENS, Place.DEMO}),
}


def action(id: str) -> ActionSpec:
    """The action of that id.

    Raises:
        KeyError: there is none.
    """
    return _BY_ID[id]


def keys_for(id: str, keymap: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Keys of an action under a keymap, canonical, the action's own first where they cannot be taken.

    Args:
        id: the action.
        keymap: action id to keys, separated by commas; an action that is not in it keeps its defaults.
    """
    spec = _BY_ID[id]
    if not keymap or id not in keymap:
        return spec.keys
    asked = tuple(dict.fromkeys(canonical_key(key) for key in _split_keys(keymap[id])))
    if spec.fixed:
        return (*spec.keys, *(key for key in asked if key not in spec.keys))
    return asked


def validate_keymap(keymap: Mapping[str, str]) -> list[str]:
    """What is wrong with a keymap, each in a sentence with its fix; an empty list where all is well.

    Refused: an unknown action, an unknown or impossible key, a key that terminals or multiplexers take, a key kept
    for a later screen, and one key for two actions that can both be heard. Rollback's own keys stay whatever a
    keymap says, so another action on one of them is refused here.
    """
    problems: list[str] = []
    for id, keys in keymap.items():
        if id not in _BY_ID:
            problems.append(
                _("Unknown action {id!r} in the keymap. Known: {known}.").format(
                    id=id, known=", ".join(spec.id for spec in ACTIONS if spec.listed)
                )
            )
            continue
        asked = _split_keys(keys)
        if not asked:
            problems.append(_("The keymap gives {id} no key. Name one, or leave the line out.").format(id=id))
        for key in asked:
            problem = "" if canonical_key(key) in _BY_ID[id].keys else key_problem(key)
            if problem:
                problems.append(_("The keymap gives {id} the key {key!r}: {why}.").format(id=id, key=key, why=problem))
    return [*problems, *_two_on_one_key(keymap)]


def _split_keys(keys: str) -> list[str]:
    if keys.strip() == ",":
        return [","]
    return [key.strip() for key in keys.split(",") if key.strip()]


def _two_on_one_key(keymap: Mapping[str, str]) -> list[str]:
    problems: list[str] = []
    holder: dict[str, list[ActionSpec]] = {}
    for spec in ACTIONS:
        for key in keys_for(spec.id, keymap):
            for other in holder.get(key, []):
                if _heard_together(spec, other):
                    problems.append(
                        _("{key} would do both {one} and {two}. Give one of them another key.").format(
                            key=shown_key(key), one=other.id, two=spec.id
                        )
                    )
            holder.setdefault(key, []).append(spec)
    return problems


def _heard_together(one: ActionSpec, two: ActionSpec) -> bool:
    ones = _PLACES_TOGETHER.get(one.place)
    twos = _PLACES_TOGETHER.get(two.place)
    if ones is not None and twos is not None:
        return one.place == two.place
    return True


def key_table() -> str:
    """The README's key table, Markdown, in English whatever the operator's language."""
    rows = [
        "| key | action | what it does | when | who | as a command |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for spec in ACTIONS:
        if spec.listed:
            keys = " ".join(f"`{shown_key(key)}`" for key in spec.keys)
            command = f"`{spec.command}`" if spec.command else ""
            rows.append(f"| {keys} | {spec.title} | {spec.what} | {spec.when} | {spec.by} | {command} |")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.stdout.write(key_table() + "\n")
