"""A list's answers (UAT) as other consoles see them: counts and ids in the annotation, the words from the checkout.

The annotation is small, and a list's text is every console's own: a record holds the ids, each with a mark of its
text, grouped by answer and person, and the notes of what failed. A console that takes over has the text from its own
checkout, so that no answered case is asked twice; where the text is another one there, the case is open. Pure.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from console.release.state import SENTENCE_LIMIT, CasesRecord
from console.runbook.evidence import Evidence, ItemResult

if TYPE_CHECKING:
    from console.runbook.kinds.base import LocalPaths

MOST = 120
"""Cases that are shared of one step; a longer list is told by its sentence alone."""

ANSWERS = ("pass", "fail", "blocked")

LONGEST_ID = 40
"""Characters of an id that is shared."""


Texts = Mapping[str, ItemResult]
"""A list's cases by id, in its order."""


@runtime_checkable
class HasItems(Protocol):
    """A kind with a list of cases."""

    def items(self, paths: LocalPaths, before: Evidence | None = None) -> tuple[ItemResult, ...]:
        """The list as the checkout has it; raises CanarioError where there is none."""
        ...


def mark(title: str) -> str:
    """Four hexadecimal digits that change with a case's text."""
    return f"{zlib.crc32(title.encode()) & 0xFFFF:04x}"


def cases_of(items: Sequence[ItemResult]) -> tuple[CasesRecord, ...]:
    """What is shared of a list; nothing where it is too long to be.

    Args:
        items: of evidence of ours, with their texts.
    """
    if len(items) > MOST or any(len(item.id) > LONGEST_ID or "#" in item.id for item in items):
        return ()
    groups: dict[tuple[str, str, str], list[str]] = {}
    for item in items:
        note = _short(item.note) if item.result in ("fail", "blocked") else ""
        groups.setdefault((item.result, item.by, note), []).append(f"{item.id}#{mark(item.title)}")
    return tuple(
        CasesRecord(result=result, by=by, note=note, cases=tuple(cases)) for (result, by, note), cases in groups.items()
    )


def items_from(records: Sequence[CasesRecord]) -> tuple[ItemResult, ...]:
    """The cases of a record, by id, without their texts; in place of its text each has its mark, behind a `#`."""
    found = []
    for record in records:
        result = record.result if record.result in ANSWERS else ""  # anybody may write there
        for case in record.cases:
            own, _hash, told = case.partition("#")
            found.append(ItemResult(own, f"#{told}", result, record.note, by=record.by))
    return tuple(sorted(found[:MOST], key=lambda item: item.id))


def worded(evidence: Evidence, texts: Texts) -> Evidence:
    """`evidence` of another console with the texts of our own list, in its order; as it is where we have none.

    Args:
        evidence: whose items may be of `items_from`.
        texts: our list's cases by id, in order.
    """
    if not any(item.title.startswith("#") for item in evidence.items):
        return evidence
    told = {item.id: item for item in evidence.items}
    if not texts:
        return replace(evidence, items=tuple(replace(item, title="") for item in evidence.items))
    items = []
    for own, case in texts.items():
        item = told.get(own)
        same = item is not None and item.title in (f"#{mark(case.title)}", case.title)
        items.append(replace(item, title=case.title, critical=case.critical) if item is not None and same else case)
    return replace(evidence, items=tuple(items))


def _short(note: str) -> str:
    return note if len(note) <= SENTENCE_LIMIT else f"{note[: SENTENCE_LIMIT - 1]}…"


__all__ = ["HasItems", "Texts", "cases_of", "items_from", "mark", "worded"]
