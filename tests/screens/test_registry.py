"""The one list of actions: what it says is what the app binds, what keymaps may change, and what the README prints."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.app import ConsoleApp
from console.keys import canonical_key, shown_key
from console.registry import ACTIONS, Place, action, keys_for, validate_keymap


def test_no_two_actions_share_a_key_and_every_default_is_usable() -> None:
    assert validate_keymap({}) == []
    assert validate_keymap({spec.id: ",".join(spec.keys) for spec in ACTIONS}) == []


def test_every_action_of_the_registry_is_bound_and_can_be_run() -> None:
    bound = {binding.id: binding for binding in ConsoleApp.BINDINGS if getattr(binding, "id", None)}  # type: ignore[union-attr]
    for spec in ACTIONS:
        if spec.place in (Place.LOGS, Place.METRICS, Place.CHECKLIST, Place.MIGRATIONS):
            continue
        name = bound[spec.id].action.partition("(")[0]  # type: ignore[union-attr]
        assert callable(getattr(ConsoleApp, f"action_{name}")), spec.id


def test_the_log_screens_keys_are_the_registrys() -> None:
    from widgets.log_pane import LogPane

    widget = {binding.id: binding.key for binding in LogPane.BINDINGS if getattr(binding, "id", None)}  # type: ignore[union-attr]
    registry = {spec.id: ",".join(spec.keys) for spec in ACTIONS if spec.place is Place.LOGS}
    assert registry == widget


def test_the_migrations_screens_keys_are_the_registrys() -> None:
    from screens.migrations import MigrationsScreen

    screen = {binding.id: binding.key for binding in MigrationsScreen.BINDINGS if getattr(binding, "id", None)}  # type: ignore[union-attr]
    registry = {spec.id: ",".join(spec.keys) for spec in ACTIONS if spec.place is Place.MIGRATIONS}
    assert registry == screen


def test_only_what_may_be_heard_anywhere_has_priority() -> None:
    for binding in ConsoleApp.BINDINGS:
        assert binding.priority == (binding.id in ("rollback_anywhere", "stop_countdown"))  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("keymap", "words"),
    [
        ({"roll": "x"}, "Unknown action 'roll'"),
        ({"undo": "ctrl+s"}, "freezes"),
        ({"undo": "ctrl+j"}, "Enter"),
        ({"undo": "ctrl+b"}, "tmux"),
        ({"undo": "ctrl+enter"}, "cannot send"),
        ({"undo": "banana"}, "no such key"),
        ({"undo": "f40"}, "no such key"),
        ({"undo": "hyper+x"}, "no such key"),
        ({"undo": "shift+x"}, "capital letter"),
        ({"undo": "k"}, "checklist"),
        ({"undo": ""}, "no key"),
        ({"undo": "d"}, "both undo and deploy"),
        ({"undo": "r"}, "both rollback and undo"),
        ({"deploy": "F9"}, "both rollback_anywhere and deploy"),
        ({"deploy": "escape"}, "countdown"),
    ],
)
def test_a_keymap_that_can_not_work_is_told_what_is_wrong(keymap: dict[str, str], words: str) -> None:
    problems = validate_keymap(keymap)
    assert any(words in problem for problem in problems), problems


@pytest.mark.parametrize(
    "keymap", [{"undo": "z"}, {"undo": "F2, ctrl+x"}, {"more": "greater_than_sign,plus", "faster": "f5"}, {"undo": "ñ"}]
)
def test_a_keymap_that_works_is_let_be(keymap: dict[str, str]) -> None:
    assert validate_keymap(keymap) == []


def test_two_actions_may_swap_their_keys() -> None:
    assert validate_keymap({"undo": "d", "deploy": "u"}) == []


@given(st.text(max_size=12))
def test_rollbacks_own_keys_stay_whatever_a_keymap_says(keys: str) -> None:
    assert keys_for("rollback", {"rollback": keys})[0] == "r"
    assert keys_for("rollback_anywhere", {"rollback_anywhere": keys})[0] == "f9"


@given(st.dictionaries(st.sampled_from([spec.id for spec in ACTIONS]), st.text(max_size=20)))
def test_no_keymap_makes_validation_fail_or_hides_a_clash_with_rollback(keymap: dict[str, str]) -> None:
    problems = validate_keymap(keymap)
    taken = [
        id for id in keymap if action(id).keys != ("r",) and "r" in keys_for(id, keymap) and action(id).id != "rollback"
    ]
    assert problems or not taken


def test_keys_are_shown_as_people_know_them() -> None:
    assert [shown_key(canonical_key(key)) for key in ("+", "-", "?", "<", "f9", "ctrl+p", "R", "escape")] == [
        "+",
        "-",
        "?",
        "<",
        "F9",
        "Ctrl+P",
        "R",
        "Esc",
    ]


@pytest.mark.parametrize(("key", "told"), [("left", "←"), ("right", "→"), ("pageup", "PgUp"), ("f9", "F9")])
def test_a_key_is_told_as_it_stands_on_the_keyboard_in_any_language(key: str, told: str) -> None:
    assert shown_key(key) == told
