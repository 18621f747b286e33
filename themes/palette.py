"""The themes as values. Status is never told by colour alone, so each only has to be legible, not meaningful.

Each says `text-muted` as a colour: Textual's own, `auto 60%`, is white on any ground where a widget draws lines itself.
"""

from __future__ import annotations

from collections.abc import Mapping

from textual.theme import Theme

DARK = Theme(
    name="canario",
    primary="#6cb6ff",
    secondary="#7fd1c7",
    accent="#f2c94c",
    success="#6fd08c",
    warning="#ffb454",
    error="#ff6b6b",
    foreground="#d7dde5",
    background="#10141a",
    surface="#161b22",
    panel="#1f2630",
    dark=True,
    variables={
        "border": "#3d4856",
        "border-blurred": "#2b3440",
        "footer-key-foreground": "#f2c94c",
        "text-muted": "#97a3b2",
    },
)
"""Dark, for a long night."""

LIGHT = Theme(
    name="canario-light",
    primary="#0b5cad",
    secondary="#0b6b5f",
    accent="#8a5a00",
    success="#1a6b34",
    warning="#8f4a00",
    error="#b3141f",
    foreground="#1b2129",
    background="#fbfbf8",
    surface="#f3f3ee",
    panel="#e6e7e1",
    dark=False,
    variables={"border": "#9aa3ad", "border-blurred": "#c4c9ce", "text-muted": "#4f5965"},
)
"""Light, for a sunny desk."""

CONTRAST = Theme(
    name="canario-contrast",
    primary="#66ccff",
    secondary="#00ffd0",
    accent="#ffff00",
    success="#00ff66",
    warning="#ffcc00",
    error="#ff7070",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#1a1a1a",
    dark=True,
    text_alpha=1.0,
    variables={"border": "#ffffff", "border-blurred": "#bbbbbb", "text-muted": "#e0e0e0"},
)
"""Highest contrast, for tired or weak eyes and projectors."""

PLAIN = Theme(
    name="canario-plain",
    ansi=True,
    primary="ansi_default",
    secondary="ansi_default",
    accent="ansi_default",
    success="ansi_default",
    warning="ansi_default",
    error="ansi_default",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    dark=True,
    variables={
        "ansi-background": "ansi_black",
        "ansi-foreground": "ansi_white",
        "text-muted": "ansi_default",
        "border": "ansi_default",
        "border-blurred": "ansi_default",
        "block-cursor-foreground": "ansi_default",
        "block-cursor-background": "ansi_default",
        "block-cursor-text-style": "bold reverse",
        "block-cursor-blurred-text-style": "bold",
        "input-cursor-background": "ansi_default",
        "input-cursor-foreground": "ansi_default",
        "input-cursor-text-style": "reverse",
        "input-selection-background": "ansi_default",
        "input-selection-foreground": "ansi_default",
        "screen-selection-background": "ansi_default",
        "screen-selection-foreground": "ansi_default",
        "button-focus-text-style": "bold reverse",
    },
)
"""No colour of its own at all: what the terminal has, bold, and reverse. What NO_COLOR asks for."""

_THEMES = (DARK, LIGHT, CONTRAST, PLAIN)


def all_themes() -> tuple[Theme, ...]:
    """Every theme of ours, for `App.register_theme`."""
    return _THEMES


def default_theme(environ: Mapping[str, str], wanted: str = "") -> str:
    """Name of the theme to start with.

    Args:
        environ: the process's environment; a non-empty NO_COLOR (https://no-color.org) chooses `canario-plain`
            whatever is wanted. Textual takes NO_COLOR out of `os.environ` when an App is made: ask before.
        wanted: the settings' choice, or empty.
    """
    if environ.get("NO_COLOR"):
        return PLAIN.name
    return wanted or DARK.name
