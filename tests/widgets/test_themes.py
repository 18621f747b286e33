"""The themes are legible, and NO_COLOR is honoured to the last byte."""

from __future__ import annotations

import os
import re

import pytest
from textual.color import Color
from textual.theme import Theme

import themes
from tests.widgets.gallery import Gallery
from tests.widgets.terminal import Terminal

COLOURED = [theme for theme in themes.all_themes() if not theme.ansi]
TEXTS = ("foreground", "text-muted", "text-success", "text-warning", "text-error", "text-accent", "text-secondary")


def contrast(one: Color, two: Color) -> float:
    """WCAG 2 contrast ratio."""

    def luminance(colour: Color) -> float:
        parts = [c / 255 for c in (colour.r, colour.g, colour.b)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(two)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", COLOURED, ids=lambda t: t.name)
async def test_every_text_can_be_read_on_every_ground(theme: Theme) -> None:
    app = Gallery(theme=theme.name)
    async with app.run_test():
        variables = app.get_css_variables()
        for ground in ("background", "panel"):
            below = Color.parse(variables[ground])
            for name in TEXTS:
                value = variables[name]
                colour = below.get_contrast_text(0.95) if value.startswith("auto") else Color.parse(value)
                shown = below.blend(colour, colour.a) if colour.a < 1 else colour
                wanted = 7.0 if theme.name == "canario-contrast" and name == "foreground" else 4.5
                assert contrast(shown, below) >= wanted, (name, ground, value)


@pytest.mark.parametrize("theme", COLOURED, ids=lambda t: t.name)
async def test_no_drawn_word_is_the_colour_of_its_ground(theme: Theme) -> None:
    app = Gallery(theme=theme.name)
    async with app.run_test(size=(120, 40)):
        lost = [
            segment.text
            for strip in app.screen._compositor.render_strips()
            for segment in strip
            if segment.style is not None and any(letter.isalnum() for letter in segment.text)
            if segment.style.color is not None and segment.style.bgcolor is not None
            if contrast(Color.from_rich_color(segment.style.color), Color.from_rich_color(segment.style.bgcolor)) < 4.5
        ]
    assert lost == []


def test_no_color_wins_over_what_was_wanted() -> None:
    assert themes.default_theme({"NO_COLOR": "1"}, "canario-light") == "canario-plain"
    assert themes.default_theme({"NO_COLOR": ""}, "canario-light") == "canario-light"
    assert themes.default_theme({}) == "canario"


def test_under_no_color_no_colour_reaches_the_terminal() -> None:
    with Terminal("-m", "tests.widgets.gallery", "--rate", "0", env={**os.environ, "NO_COLOR": "1"}) as terminal:
        raw = terminal.read_until(b"Roll back")
    codes = [code for found in re.findall(rb"\x1b\[([0-9;]*)m", raw) for code in found.split(b";") if code]
    assert codes
    assert not {b"38", b"48", *(str(n).encode() for n in [*range(30, 38), *range(40, 48), *range(90, 108)])} & set(
        codes
    )
