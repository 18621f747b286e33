"""What a step leaves behind: a result, of what, by whom, when, with its figures and its output. Plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

EXCERPT_LINES = 200
"""Lines of output that evidence keeps; the whole output is in a file beside the journal."""


class Result(StrEnum):
    """How a step ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    PARTIAL = "partial"
    """Some of its items are done, none has failed: it goes on where it stopped."""
    CANCELLED = "cancelled"
    """A person stopped it; it may be run again."""
    UNKNOWN = "unknown"
    """Cut off, and the world does not tell yet whether it was done: it is looked again; never done again by itself."""


@dataclass(frozen=True, slots=True)
class ItemResult:
    """One case of a list (a UAT case, a check of several)."""

    id: str
    title: str
    result: str
    """`pass`, `fail`, `blocked`, or empty while open."""
    note: str = ""
    critical: bool = False
    by: str = ""
    """E-mail, or `canario` where a machine checked it."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one run of one step. Text is cleaned before it comes here."""

    step: str
    result: Result
    by: str
    """E-mail of who ran or signed it."""
    at: datetime
    """Server time of its end, UTC."""
    sentence: str
    """One sentence with the figures that decided: `coverage 91 %, 34 tests passed`."""
    machine: bool = True
    """Whether a machine checked it, or it is a person's word."""
    subject: str = ""
    """Identity of what it was of (commit, image, revision; by the step's `bound_to`), or empty."""
    figures: tuple[tuple[str, str], ...] = ()
    """Name and value pairs, e.g. `("P95", "612 ms")`."""
    problems: tuple[str, ...] = ()
    """What was wrong, a sentence each."""
    remedy: str = ""
    """What to do next where it failed."""
    excerpt: tuple[str, ...] = ()
    """Last lines of its output, at most EXCERPT_LINES."""
    items: tuple[ItemResult, ...] = ()
    reason: str = ""
    """Of a skip or an override, as typed."""
    learned: Mapping[str, str] = field(default_factory=dict)
    """What the release learned: fields of `Candidate` by name: `image`, `commit`, `pull_request`, `author`,
    `author_login`, `migration`."""
    key: str = ""
    """Names this run; a step that must not be done twice is known again by it."""
    output: str = ""
    """Path of the whole output, where there is one."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How a running step stands; sent many times, drawn by the screen."""

    sentence: str = ""
    fraction: float | None = None
    """0 to 1; None where unknown."""
    lines: tuple[str, ...] = ()
    """New lines of output since the last one, cleaned."""
    figures: tuple[tuple[str, str], ...] = ()
    curves: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Named series so far, oldest first (a load test's P95 in ms, requests/s, errors in percent)."""
    items: tuple[ItemResult, ...] = ()
