"""Keys by their names: what Textual calls them, what people call them, and which ones no keymap may use.

Plain data and pure functions; knows no action and no Textual.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

from console.words import N_, _

TERMINAL_CLASHES: Mapping[str, str] = {
    "ctrl+s": N_("it freezes many terminals"),
    "ctrl+q": N_("it thaws a frozen terminal"),
    "ctrl+j": N_("terminals send it for Enter"),
    "ctrl+m": N_("terminals send it for Enter"),
    "ctrl+i": N_("terminals send it for Tab"),
    "ctrl+h": N_("terminals send it for Backspace"),
    "ctrl+b": N_("tmux takes it"),
    "ctrl+a": N_("screen takes it"),
    "ctrl+c": N_("it copies, and people press it to get out"),
    "ctrl+z": N_("it suspends the program"),
    "ctrl+enter": N_("most terminals cannot send it"),
    "enter": N_("dialogs and lists need it"),
    "tab": N_("it moves between fields"),
    "shift+tab": N_("it moves between fields"),
    "escape": N_("it leaves dialogs and stops the countdown"),
    "up": N_("it moves the cursor"),
    "down": N_("it moves the cursor"),
    "left": N_("it moves the cursor"),
    "right": N_("it moves the cursor"),
}
"""Keys that no keymap may use, and why (FACTS.md; `man stty`)."""

_NAMED_KEYS = frozenset(
    {"home", "end", "pageup", "pagedown", "insert", "delete", "backspace", "space", "enter", "escape", "tab"}
    | {"up", "down", "left", "right"}
    | {f"f{number}" for number in range(1, 13)}
)
_TEXTUAL_NAMES = {
    "solidus": "slash",
    "reverse_solidus": "backslash",
    "commercial_at": "at",
    "hyphen_minus": "minus",
    "plus_sign": "plus",
    "low_line": "underscore",
}
_SHOWN = {
    "plus": "+",
    "minus": "-",
    "question_mark": "?",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "slash": "/",
    "escape": "Esc",
    "space": "Space",
    "enter": "Enter",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "left": "←",
    "right": "→",
    "up": "↑",
    "down": "↓",
}


def canonical_key(key: str) -> str:
    """`key` as Textual names it: `+` is `plus`, `F9` is `f9`, `Ctrl+X` is `ctrl+x`; a capital letter stays one."""
    text = key.strip()
    if len(text) == 1:
        if text.isalnum():
            return text
        name = unicodedata.name(text, "").lower().replace("-", "_").replace(" ", "_")
        return _TEXTUAL_NAMES.get(name, name)
    *modifiers, last = text.split("+") if not text.endswith("+") else [*text[:-1].split("+"), "+"]
    modifiers = [m.lower() for m in modifiers if m]
    if len(last) == 1:
        if last.isalnum() and "ctrl" in modifiers:
            last = last.lower()
        elif not last.isalnum():
            last = canonical_key(last)
    else:
        last = last.lower()
    return "+".join([*modifiers, last])


def shown_key(key: str) -> str:
    """`key` as a person reads it: `f9` is `F9`, `plus` is `+`, `ctrl+p` is `Ctrl+P`."""
    if key in _SHOWN:
        return _SHOWN[key]
    if "+" in key:
        *modifiers, last = key.split("+")
        return "+".join([*(m.capitalize() for m in modifiers), _SHOWN.get(last, last.upper())])
    if len(key) > 1 and key[0] == "f" and key[1:].isdigit():
        return key.upper()
    return _SIGNS.get(key, key)


_SIGNS = {
    canonical_key(chr(code)): chr(code)
    for code in range(0x21, 0x100)
    if chr(code).isprintable() and not chr(code).isalnum()
}
"""Signs that keyboards have, by their canonical names."""


def key_problem(key: str) -> str:
    """Why a keymap may not use `key`, the end of a sentence; empty where it may."""
    name = canonical_key(key)
    if name in TERMINAL_CLASHES:
        return _(TERMINAL_CLASHES[name])
    *modifiers, last = name.split("+")
    if not name or not last or any(m not in ("ctrl", "alt", "shift") for m in modifiers):
        return _("there is no such key; use a letter, a figure, a sign, F1 to F12, or ctrl+ and a letter")
    if last in _NAMED_KEYS:
        return _("most terminals cannot send it") if "ctrl" in modifiers and last in {"space", "tab"} else ""
    if len(last) == 1 and last.isalnum():
        if "shift" in modifiers:
            return _("write the capital letter instead of shift+")
        if "ctrl" in modifiers and not (last.isascii() and last.isalpha()):
            return _("most terminals cannot send it")
        return ""
    if last in _SIGNS:
        return _("most terminals cannot send it") if "ctrl" in modifiers else ""
    return _("there is no such key; use a letter, a figure, a sign, F1 to F12, or ctrl+ and a letter")
