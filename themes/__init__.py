"""Textual themes and shared style sheets; nothing else.

`canario` (dark), `canario-light`, `canario-contrast`, and for NO_COLOR an `ansi` one without a colour of its own.
"""

from __future__ import annotations

from themes.palette import all_themes, default_theme

__all__ = ["all_themes", "default_theme"]
