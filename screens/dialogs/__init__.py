"""Dialogs: one file each. All say at their foot how to confirm, how to leave, and that F9 rolls back from here too.

A dialog only asks: it dismisses with an answer and moves nothing itself. Keys typed while one is open reach nothing
behind it (they are modal), except rollback's priority key and Esc while an automatic rollback counts down.
"""
