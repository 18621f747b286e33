"""The themes as values. Status is never told by colour alone, so each only has to be legible, not meaningful."""

from __future__ import annotations

from collections.abc import Mapping

from textual.theme import Theme


def all_themes() -> tuple[Theme, ...]:
    """Every theme of ours, for `App.register_theme`."""
    return (Theme(name="canario", primary="#5fafff"),)


def default_theme(environ: Mapping[str, str], wanted: str = "") -> str:
    """Name of the theme to start with.

    Args:
        environ: the process's environment; a non-empty NO_COLOR chooses the colourless `ansi` theme.
        wanted: the settings' choice, or empty.
    """
    return "ansi-dark" if environ.get("NO_COLOR") else wanted or "canario"
