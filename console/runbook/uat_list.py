"""The team's UAT list: a Markdown task list read into cases, and what is known of each. Pure.

A case is a task (`- [ ] ...`); its id stands at its beginning (`UAT-01`), or is made from its place. It is critical
where its text says `[crítico]` or `[critical]`, or its heading does. Whether a box is ticked in the file says nothing:
the file is the list, the answers are the release's. Runbook: `Ejecutar UAT Checklist`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from console.journal.scrub import scrub_text
from console.runbook.evidence import ItemResult, Result

if TYPE_CHECKING:
    from markdown_it.token import Token

LARGEST_FILE = 1024 * 1024
"""Bytes of a list that are read."""
LONGEST_CASE = 1_000
"""Characters of a case that are kept."""
WORDS = ("pass", "fail", "blocked")
"""What a case may be answered with."""
MACHINE = "canario"
"""Who checked a case that a machine did."""

_BOX = re.compile(r"\[[ xX]\]\s+")
_ID = re.compile(r"([A-Za-z]{1,8}-\d{1,4})\b[\s:.)–—-]*")
_CRITICAL = re.compile(r"[\[(](?:cr[ií]tic[oa]?|critical)[\])]\s*", re.IGNORECASE)
_CRITICAL_HEADING = re.compile(r"\s*(?:cr[ií]tic[oa]s?|critical)\b", re.IGNORECASE)
_MARK = re.compile(r"<!--\s*canario:\s*([a-z]+)\s*-->")


@dataclass(frozen=True, slots=True)
class Case:
    """One case."""

    id: str
    title: str
    """All of its text, cleaned: a case whose text has changed is another case."""
    critical: bool
    machine: str = ""
    """The `http` check that does it, or empty where a person must."""


def read_cases(
    text: str, machine: Mapping[str, str] | None = None, addresses: Mapping[str, str] | None = None
) -> tuple[Case, ...]:
    """The cases of a list, critical ones first, else as the file has them.

    Args:
        text: Markdown.
        machine: check by case id, for those that a machine does where the list means the same by that id: the case's
            text must name the check's address, and no other case's. A comment `<!-- canario: CHECK -->` in the list
            says it outright.
        addresses: path by check, e.g. `/events`.
    """
    from markdown_it import MarkdownIt  # it takes its time to load, and a screen imports this module

    found: list[Case] = []
    critical_part = False
    tokens = MarkdownIt("commonmark", {"maxNesting": 20}).parse(text)
    depth, start = 0, -1
    for index, token in enumerate(tokens):
        if token.type == "heading_open":
            critical_part = bool(_CRITICAL_HEADING.match(_plain(tokens[index + 1])))
        elif token.type == "list_item_open":
            if start < 0 and _is_task(tokens, index):
                depth, start = token.level, index
        elif token.type == "list_item_close" and start >= 0 and token.level == depth:
            found.append(_case(tokens[start:index], len(found) + 1, critical_part))
            start = -1
    given = [
        replace(case, machine=case.machine or _meant(case, found, (machine or {}).get(case.id, ""), addresses or {}))
        for case in found
    ]
    return tuple(sorted(given, key=lambda case: not case.critical))


def _meant(case: Case, cases: Sequence[Case], check: str, addresses: Mapping[str, str]) -> str:
    """`check` where `case` is the one case whose text names its address; else empty, and a person does it."""
    address = addresses.get(check, "")
    if not address:
        return ""
    named = re.compile(rf"(?<![\w/.-]){re.escape(address)}(?![\w/-])")
    return check if [one for one in cases if named.search(one.title)] == [case] else ""


def _is_task(tokens: Sequence[Token], index: int) -> bool:
    following = next((t for t in tokens[index + 1 : index + 3] if t.type == "inline"), None)
    return following is not None and _BOX.match(following.content) is not None


def _case(tokens: Sequence[Token], place: int, critical: bool) -> Case:
    inlines = [token for token in tokens if token.type in ("inline", "html_block")]
    raw = " ".join(token.content for token in inlines)
    text = " · ".join(part for token in inlines if (part := _plain(token).strip()))
    text = _BOX.sub("", text, count=1).strip()
    told = _ID.match(text)
    if told:
        text = text[told.end() :]
    name = told[1] if told else f"CASE-{place:02d}"
    critical = critical or _CRITICAL.search(text) is not None
    mark = _MARK.search(raw)
    return Case(
        id=name,
        title=scrub_text(_CRITICAL.sub("", text).strip(), LONGEST_CASE),
        critical=critical,
        machine=mark[1] if mark else "",
    )


def _plain(token: Token) -> str:
    """A token's text without its markup; HTML is left out."""
    if token.type == "html_block":
        return ""
    if token.children is None:
        return token.content
    shown = {"text": None, "code_inline": None, "softbreak": " ", "hardbreak": " ", "image": ""}
    return "".join(
        child.content if shown[child.type] is None else str(shown[child.type])
        for child in token.children
        if child.type in shown
    )


def doubles(cases: Sequence[Case]) -> tuple[str, ...]:
    """Ids that more than one case has."""
    ids = [case.id for case in cases]
    return tuple(sorted({name for name in ids if ids.count(name) > 1}))


def standing(cases: Sequence[Case], before: Sequence[ItemResult]) -> tuple[ItemResult, ...]:
    """How each case stands: as it was answered, or open where it was not, or where its text has changed since."""
    known = {(item.id, item.title): item for item in before}
    return tuple(
        replace(known[case.id, case.title], critical=case.critical)
        if (case.id, case.title) in known
        else ItemResult(case.id, case.title, "", critical=case.critical)
        for case in cases
    )


def answered(items: Sequence[ItemResult], new: ItemResult) -> tuple[ItemResult, ...]:
    """The items with one answered anew."""
    return tuple(new if item.id == new.id else item for item in items)


def reopened(items: Sequence[ItemResult]) -> tuple[ItemResult, ...]:
    """The items with those that a person failed or found blocked open again, once nothing else is open."""
    if any(not item.result for item in items):
        return tuple(items)
    return tuple(
        replace(item, result="", note="", by="") if item.result != "pass" and item.by != MACHINE else item
        for item in items
    )


def result_of(items: Sequence[ItemResult]) -> Result:
    """How the list stands: a failure fails it at once, a blocked case once nothing is open."""
    results = {item.result for item in items}
    if "fail" in results:
        return Result.FAILED
    if "" in results or not items:
        return Result.PARTIAL
    return Result.FAILED if "blocked" in results else Result.PASSED
