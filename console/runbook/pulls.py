"""What a pull request's reviews and checks lack, in sentences for the operator. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from console.github.model import PullRequest
from console.github.rules import Approvals, Checks
from console.words import _


def review_problems(found: Approvals, needed: int, *, head: str, associations: Sequence[str]) -> tuple[str, ...]:
    """Why its reviews are not enough: who objects, and where too few approve, whose approval does not count and why.

    Args:
        found: as the reviews stand.
        needed: how many must approve.
        head: its newest commit.
        associations: what an approver must be to the repository.
    """
    problems = [_("{name} asks for changes.").format(name=name) for name in found.against]
    if len(found.by) >= needed:
        return tuple(problems)
    problems.append(
        _("{count} of {needed} approvals; the author's own does not count.").format(count=len(found.by), needed=needed)
    )
    problems += [
        _("{name} approved an earlier commit, {commit}; the last one is {head}.").format(
            name=name, commit=commit[:12] or _("unknown"), head=head[:12]
        )
        for name, commit in found.earlier
    ]
    problems += [
        _("{name}'s approval does not count: {association} to the repository, and not one of {team}.").format(
            name=name, association=association or _("nothing"), team=", ".join(associations)
        )
        for name, association in found.outside
    ]
    return tuple(problems)


def check_problems(checks: Checks, head: str) -> tuple[str, ...]:
    """Why the checks of commit `head` are not enough: what failed, runs, is missing or has only been skipped."""
    problems = [
        _("{name}: {conclusion} {url}").format(name=c.name, conclusion=c.conclusion, url=c.url) for c in checks.failed
    ]
    problems += [_("{name} has not ended.").format(name=name) for name in checks.running]
    problems += [_("{name} has not run.").format(name=name) for name in checks.missing]
    problems += [_("{name} is required, and was skipped.").format(name=name) for name in checks.skipped]
    if not checks.total:
        problems.append(_("No check has run for {commit}.").format(commit=head[:12]))
    elif not problems and not checks.succeeded:
        problems.append(
            _("Every check of {commit} was skipped or is neutral: none has passed.").format(commit=head[:12])
        )
    return tuple(problems)


def base_problems(pull: PullRequest, base: str) -> tuple[str, ...]:
    """Why it does not lead to the branch that releases are made from."""
    if pull.base_branch == base:
        return ()
    return (_("It leads to {branch}, not to {base}.").format(branch=pull.base_branch, base=base),)
