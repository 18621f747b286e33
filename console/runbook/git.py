"""Whether the checkout is what will be released: on the branch, clean, and level with that branch of the remote.

What it is compared with is the runbook's remote and branch, fetched just now, not the branch that the checkout happens
to follow: a branch that follows a fork may be level with that, and lack what the team has merged.

Runbook: `Verificación de Código`, `Asegurar rama está actualizada`. It looks and fetches; it never pulls, merges or
checks out: those are the operator's to do.
"""

from __future__ import annotations

import asyncio
import re
import shlex
from dataclasses import dataclass, field, replace

from console.errors import UsageError
from console.runbook import process
from console.runbook.evidence import Evidence, Progress, Result
from console.runbook.judging import Judged
from console.runbook.kinds.base import StepContext
from console.text import clean
from console.words import _

TIMEOUT_S = 120.0
"""What a fetch may take."""
SHOWN = 10
"""Changed files that are listed."""
_NO_BRANCH = "couldn't find remote ref"
"""What git says, in its own language, of a branch that the remote has not."""


@dataclass(frozen=True, slots=True)
class Checkout:
    """What `git status --porcelain=v2 --branch` says."""

    commit: str = ""
    """Full hash of HEAD; empty before the first commit."""
    branch: str = ""
    """Empty where HEAD is detached."""
    ahead: int | None = None
    """Commits that the remote's branch lacks; None where the remote has none."""
    behind: int | None = None
    """Commits of the remote's branch that are not here."""
    changed: tuple[str, ...] = field(default=())
    """Files that are changed, staged, in conflict or untracked."""


def tracking(remote: str, branch: str) -> str:
    """The ref that the remote's branch is fetched to."""
    return f"refs/remotes/{remote}/{branch}"


def commands(remote: str, branch: str) -> tuple[tuple[str, ...], ...]:
    """What is run, in order: fetch the branch, whatever the checkout follows; look; count what each side lacks."""
    there = tracking(remote, branch)
    return (
        ("git", "fetch", "--quiet", "--", remote, f"+refs/heads/{branch}:{there}"),
        ("git", "status", "--porcelain=v2", "--branch"),
        ("git", "rev-list", "--left-right", "--count", f"HEAD...{there}", "--"),
    )


def read_counts(output: str) -> tuple[int, int] | None:
    """(commits of ours alone, commits of theirs alone) as `git rev-list --left-right --count` prints them."""
    parts = output.split()
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() and len(part) < 12 for part in parts):
        return None
    return int(parts[0]), int(parts[1])


def read_status(output: str) -> Checkout:
    """The checkout that porcelain format 2 tells of (git-status(1)), not compared with anything yet."""
    told: dict[str, str] = {}
    changed: list[str] = []
    for line in output.splitlines():
        if line.startswith("# branch."):
            key, _space, value = line[len("# branch.") :].partition(" ")
            told[key] = value
        elif line[:2] in ("1 ", "u ", "? ", "2 "):
            fields = {"1": 8, "2": 9, "u": 10, "?": 1}[line[0]]
            changed.append(clean(line.split(" ", fields)[-1].split("\t")[0], 200))
    commit = told.get("oid", "")
    head = told.get("head", "")
    return Checkout(
        commit="" if commit.startswith("(") else clean(commit, 64),
        branch="" if head == "(detached)" else clean(head, 200),
        changed=tuple(changed),
    )


def judge(checkout: Checkout, *, branch: str, remote: str) -> Judged:
    """Whether it may be released from.

    Args:
        checkout: as it is.
        branch: that should be checked out; empty: any.
        remote: that was fetched, and is compared with.
    """
    upstream = f"{remote}/{branch or checkout.branch}"
    problems: list[str] = []
    remedy = ""

    def wrong(problem: str, fix: str) -> None:
        nonlocal remedy
        problems.append(problem)
        remedy = remedy or fix

    here = checkout.branch or _("no branch")
    if branch and checkout.branch != branch:
        wrong(
            _("The checkout is on {here}, not on {branch}.").format(here=here, branch=branch),
            _("Run `git checkout {branch}` and press Enter again.").format(branch=shlex.quote(branch)),
        )
    if checkout.changed:
        listed = ", ".join(checkout.changed[:SHOWN])
        wrong(
            _("Not committed ({count}): {files}").format(count=len(checkout.changed), files=listed),
            _("Commit or put them away, and press Enter again."),
        )
    if checkout.ahead is None or checkout.behind is None:
        name = shlex.quote(checkout.branch or branch or "HEAD")
        wrong(
            _("There is no branch {upstream} to compare with.").format(upstream=upstream),
            _("Run `git push -u {remote} {name}` and press Enter again.").format(remote=remote, name=name),
        )
    elif checkout.ahead and checkout.behind:
        wrong(
            _("{here} and {upstream} have gone apart: {ahead} commits here, {behind} there.").format(
                here=here, upstream=upstream, ahead=checkout.ahead, behind=checkout.behind
            ),
            _("Bring them together (git pull --rebase, or merge), and press Enter again."),
        )
    elif checkout.behind:
        wrong(
            _("Commits of {upstream} that are not here: {count}.").format(upstream=upstream, count=checkout.behind),
            _("Run `git pull {remote} {branch}` and press Enter again.").format(
                remote=remote, branch=shlex.quote(branch or checkout.branch)
            ),
        )
    elif checkout.ahead:
        wrong(
            _("Commits not pushed to {upstream}: {count}.").format(upstream=upstream, count=checkout.ahead),
            _("Run `git push {remote} {branch}` and press Enter again.").format(
                remote=remote, branch=shlex.quote(branch or checkout.branch)
            ),
        )
    figures = ((_("branch"), here), (_("commit"), checkout.commit[:12] or "-"))
    if problems:
        return Judged(False, problems[0], figures, tuple(problems), remedy)
    said = _("{branch} is clean and level with {upstream} at {commit}")
    return Judged(
        True,
        said.format(branch=here, upstream=upstream, commit=checkout.commit[:12]),
        figures,
    )


async def current(context: StepContext, *, branch: str, remote: str) -> Evidence:
    """Fetch, look, and say; what is learned is the commit.

    Raises:
        UsageError: no checkout, or no git.
    """
    from console.runbook.kinds.command import environment, output_file

    output = output_file(context)
    variables = await environment(context, {"LC_ALL": "C"})
    there = branch or await ask(context, "symbolic-ref", "--quiet", "--short", "HEAD")
    tail: tuple[str, ...] = ()
    said: dict[str, str] = {}
    for argv in commands(remote, there) if there else commands(remote, "HEAD")[1:2]:
        context.report(Progress(shlex.join(argv)))
        ran = await process.run(
            argv,
            cwd=context.paths.checkout,
            environment=variables,
            output=output,
            clock=context.clock,
            timeout_s=TIMEOUT_S,
            lines=lambda lines: context.report(Progress(lines=lines)),
            shown=shlex.join(argv),
        )
        tail += ran.tail
        if not ran.timed_out and not ran.code:
            said[argv[1]] = ran.stdout
        elif argv[1] != "rev-list" and not any(_NO_BRANCH in line for line in ran.tail):
            failed = _("`{command}` failed.").format(command=shlex.join(argv))
            remedy = _("Check the network and your access to {remote} by running it in the checkout.").format(
                remote=remote
            )
            if argv[1] == "status":
                remedy = _("Start canario in the team's checkout.")
            return context.evidence(
                Result.FAILED, failed, problems=ran.tail[-3:], remedy=remedy, excerpt=tail, output=str(output)
            )
    counts = read_counts(said.get("rev-list", "")) if "fetch" in said else None
    ahead, behind = counts or (None, None)
    checkout = replace(read_status(said.get("status", "")), ahead=ahead, behind=behind)
    judged = judge(checkout, branch=branch, remote=remote)
    evidence = context.evidence(
        Result.PASSED if judged.passed else Result.FAILED,
        judged.sentence,
        figures=judged.figures,
        problems=judged.problems,
        remedy=judged.remedy,
        excerpt=tail,
        output=str(output),
    )
    if context.step.bound_to == "head":
        evidence = replace(evidence, subject=checkout.commit)
    learns = judged.passed and bool(checkout.commit) and not await _went_on(context, checkout.commit)
    return replace(evidence, learned={"commit": checkout.commit}) if learns else evidence


async def head(context: StepContext) -> str:
    """Full hash of the checkout's commit, `-dirty` behind it where files of it are changed; empty where git says none.

    Untracked files do not count: what a test run leaves behind is one.
    """
    return await ask(context, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")


async def _went_on(context: StepContext, commit: str) -> bool:
    """Whether the release has gone on to a later commit that holds this one, such as its merge."""
    known = context.subject.commit
    return bool(known) and known != commit and await ask(context, "rev-list", "--count", f"{known}..{commit}") == "0"


_REMOTE = re.compile(
    r"(?:(?:https?|ssh|git)://(?:[^@/\s]+@)?[^/\s]+/|[\w.-]+@[\w.-]+:)"
    r"(?P<owner>[A-Za-z0-9_.-]+)/(?P<name>[A-Za-z0-9_.-]+?)(?:\.git)?/?\s*\Z"
)


def repository_of(url: str) -> str:
    """`owner/name` of a remote's URL, or empty where it is none of a forge's."""
    found = _REMOTE.match(url.strip())
    return f"{found['owner']}/{found['name']}" if found else ""


async def ask(context: StepContext, *arguments: str) -> str:
    """What a quick git command in the checkout says, or empty where it fails."""
    from console.runbook.kinds.command import environment

    if not context.paths.checkout.is_dir():
        return ""
    variables = await environment(context)
    try:
        program = process.find_program("git", context.paths.checkout, variables)
        asked = await asyncio.create_subprocess_exec(
            program,
            *arguments,
            cwd=context.paths.checkout,
            env=variables,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except (OSError, UsageError):
        return ""
    said, _nothing = await asked.communicate()
    return clean(said.decode("utf-8", "replace").strip(), 400) if asked.returncode == 0 else ""


__all__ = ["Checkout", "ask", "commands", "current", "head", "judge", "read_counts", "read_status", "repository_of"]
