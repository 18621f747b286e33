"""Things drawn on screens: they take plain values and post messages.

A widget knows no cloud, no settings and no watcher: whoever composes it hands over a frozen value with `show(...)`,
and a widget redraws only when that value differs from the last one. Text of strangers is drawn inert, never as
markup, and nothing is told by colour alone: a glyph and a word go with it.
"""
