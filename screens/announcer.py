"""What an operator in another window should notice: the terminal's title, and when the bell rings. Pure."""

from __future__ import annotations

from console.text import clean
from screens.view import View

RINGS = frozenset({"countdown", "done", "failed", "FAIL", "SHARED BREACH", "NO DATA"})
"""States whose beginning rings the bell."""


def state(view: View) -> str:
    """The release in a word: how a rollback is, else a countdown, else the verdict, else empty."""
    if view.rollback is not None:
        return view.rollback.state
    if view.countdown_s is not None:
        return "countdown"
    verdict = view.snapshot.verdict
    if verdict is None:
        return ""
    return "NO DATA" if verdict.no_data else verdict.word.value


def title(view: View) -> str:
    """The terminal's title, cleaned: where, what, how it is."""
    snapshot = view.snapshot
    shares = snapshot.service.effective_shares() if snapshot.service is not None else {}
    share = shares.get(snapshot.canary or "", 0)
    return clean(f"canario · {view.rules.name} · {snapshot.service_name} · {share} % {state(view)}".strip(), 120)
