"""`canario replay`: recorded request logs judged as a console would have judged them. JSON lines: docs/json.md."""

from __future__ import annotations

from collections.abc import Sequence

from console.commands.output import say, say_json, stamp, warn
from console.errors import ExitCode, UsageError
from console.replay.files import LogFiles
from console.replay.judging import Change, Replay, ReplaySettings
from console.verdict.base import Counts, Verdict
from console.verdict.figures import count, minutes, percent
from console.words import _, ngettext

REVISIONS_NAMED = 5
"""Revisions named where the canary is none of them."""


def replay(
    files: Sequence[str],
    canary: str,
    stable: str | None,
    *,
    share: float,
    bake_s: int,
    grace_s: int,
    horizon: int | None,
    as_json: bool,
) -> int:
    """Print each change of verdict, and last the one at the end of the bake.

    Returns:
        0 where it could be judged, whatever the verdict: it is an answer about the past, not a gate.

    Raises:
        UsageError: a share that is none, a canary that is its own stable, files that cannot be read or are empty.
    """
    if not 0 < share <= 1:
        raise UsageError(
            _("{share} is no share of the requests.").format(share=f"{share:g}"),
            remedy=_("Give more than 0 and at most 1, e.g. --share 0.10."),
        )
    if canary == stable:
        raise UsageError(_("{revision} cannot be held against itself.").format(revision=canary))
    read = LogFiles()
    for path in files:
        read.read(path)
    for problem in read.problems:
        warn(f"canario: {problem}")
    settings = ReplaySettings(share=share, bake_s=bake_s, grace_s=grace_s, horizon=horizon)
    bake = Replay(read.entries, canary, stable, settings)
    if not read.entries:
        raise UsageError(
            _("There is no log entry to judge in {files}.").format(files=", ".join(files)),
            remedy=_("Widen the filter or the time of `gcloud logging read`."),
        )
    _say_odd(bake, canary, stable)
    if not bake.service and not bake.revisions:
        raise UsageError(
            _("The entries are of several services, or of none, and nothing tells which one {canary} is of.").format(
                canary=canary
            ),
            remedy=_("Check the name of the revision, or filter by resource.labels.service_name."),
        )
    if not as_json:
        say(_("{service}: {canary} judged against {stable}").format(
            service=bake.service or "-", canary=canary, stable=stable or _("all other revisions")
        ))  # fmt: skip
    for change in bake.run():
        if as_json:
            say_json(change_document(change), indent=None)
        else:
            _say_change(change)
    _say_rest(bake)
    return ExitCode.DONE


def change_document(change: Change) -> dict[str, object]:
    """A change as `--json` prints it (docs/json.md)."""
    verdict = change.verdict
    document: dict[str, object] = {
        "time": verdict.at,
        "elapsed_s": change.elapsed_s,
        "verdict": verdict.word.value,
        "attribution": verdict.attribution,
        "reason": verdict.sentence,
        "canary": {"requests": verdict.canary.requests, "errors": verdict.canary.errors},
        "stable": {"requests": verdict.stable.requests, "errors": verdict.stable.errors},
    }
    if change.final:
        document["final"] = True
    return document


def _say_change(change: Change) -> None:
    verdict = change.verdict
    at = stamp(verdict.at) if verdict.at else "-"
    head = _("at the end") if change.final else ""
    say(
        f"{at}  {minutes(change.elapsed_s):>6}  {_word(verdict):<20}  "
        + _("canary {canary}  stable {stable}").format(
            canary=f"{_counts(verdict.canary):<22}", stable=f"{_counts(verdict.stable):<24}"
        )
        + f"  {head}".rstrip()
    )
    say(f"{'':30}{verdict.sentence}")


def _word(verdict: Verdict) -> str:
    if verdict.attribution is None:
        return verdict.word.value
    blamed = {"canary": _("canary"), "unattributed": _("unattributed")}[verdict.attribution]
    return f"{verdict.word.value} ({blamed})"


def _counts(counts: Counts) -> str:
    rate = counts.error_rate
    if rate is None:
        return _("no requests")
    return _("{errors} of {requests} ({rate})").format(
        errors=count(counts.errors), requests=count(counts.requests), rate=percent(rate)
    )


def _say_odd(bake: Replay, canary: str, stable: str | None) -> None:
    """What of the files an operator may not expect, before the verdicts."""
    for revision in (canary, stable):
        if revision and not bake.revisions[revision]:
            named = ", ".join(name for name, _count in bake.revisions.most_common(REVISIONS_NAMED))
            warn(
                "canario: "
                + _("No entry is of {revision}; there are: {revisions}.").format(
                    revision=revision, revisions=named or _("none")
                )
            )
    if bake.imported:
        warn(
            "canario: "
            + _("All entries were received long after their time, as if imported: judged in order of timestamp.")
        )


def _say_rest(bake: Replay) -> None:
    """What was left out or counted late, after the verdicts."""
    for number, text in (
        (bake.duplicates, ngettext("{n:,} entry came twice and was counted once.",
                                   "{n:,} entries came twice and were counted once.", bake.duplicates)),
        (bake.late, ngettext("{n:,} entry came after its second was closed and is counted in a later one.",
                             "{n:,} entries came after their second was closed and are counted in a later one.",
                             bake.late)),
        (bake.beyond, ngettext("{n:,} entry came after the bake's end and was not judged.",
                               "{n:,} entries came after the bake's end and were not judged.", bake.beyond)),
    ):  # fmt: skip
        if number:
            warn("canario: " + text.format(n=number))
