"""What the simulated GitHub keeps its commits in: a real bare git repository, the checkout's `origin`.

So a push from the checkout is seen here, a merge here comes with the next `git pull`, and every commit id is git's own.
All of it blocks on git; `console.simulator.github` calls it from a thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from console.simulator.checkout import GITHUB, CheckoutError, Person, git

_STATUS = {"A": "added", "M": "modified", "D": "removed", "R": "renamed", "T": "changed"}
_FORMAT = "%H%x1f%T%x1f%P%x1f%an%x1f%ae%x1f%at%x1f%cn%x1f%ce%x1f%ct%x1f%B"


class Conflict(Exception):
    """Two branches cannot be merged by themselves."""


@dataclass(frozen=True, slots=True)
class CommitInfo:
    """A commit."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author: Person
    authored: datetime
    committer: Person
    committed: datetime
    message: str


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file of a comparison."""

    name: str
    status: str
    """`added`, `modified`, `removed`, `renamed` or `changed`, as GitHub says it."""
    blob: str
    additions: int
    deletions: int
    patch: str


class Repository:
    """A bare repository.

    Args:
        path: where it is.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._commits: dict[str, CommitInfo] = {}
        self._changes: dict[tuple[str, str], list[FileChange]] = {}

    def branches(self) -> dict[str, str]:
        """Commit by branch.

        Raises:
            CheckoutError: git fails (also below).
        """
        listed = git(self.path, "for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads")
        return dict(line.split(" ", 1) for line in listed.splitlines())

    def resolve(self, ref: str) -> str | None:
        """The commit that a branch, tag or (shortened) id names; None where none does."""
        if not ref or ref.startswith("-") or not ref.isprintable():
            return None
        try:
            return git(self.path, "rev-parse", "--verify", "--quiet", "--end-of-options", ref + "^{commit}")
        except CheckoutError:
            return None

    def commit(self, sha: str) -> CommitInfo:
        """One commit, by its whole id."""
        if sha not in self._commits:
            self._commits[sha] = _read(git(self.path, "show", "-s", f"--format={_FORMAT}", sha))
        return self._commits[sha]

    def between(self, base: str, head: str) -> list[CommitInfo]:
        """The commits of `head` that `base` has not, oldest first."""
        listed = git(self.path, "rev-list", "--reverse", "--topo-order", f"{base}..{head}")
        return [self.commit(sha) for sha in listed.split()]

    def fork(self, base: str, head: str) -> str:
        """Where `head` left `base`: what a pull request's files are compared with."""
        return git(self.path, "merge-base", base, head)

    def contains(self, ancestor: str, descendant: str) -> bool:
        """Whether `descendant` has `ancestor` among its forebears, or is it."""
        try:
            git(self.path, "merge-base", "--is-ancestor", ancestor, descendant)
        except CheckoutError:
            return False
        return True

    def changes(self, base: str, head: str) -> list[FileChange]:
        """What differs from commit `base` to commit `head`, by name."""
        key = (base, head)
        if key not in self._changes:
            self._changes[key] = self._compare(base, head)
        return self._changes[key]

    def merge(self, base: str, head: str, message: str, author: Person, at: datetime) -> str:
        """Merge commit `head` into branch `base`; the merge commit.

        Raises:
            Conflict: it does not merge by itself.
        """
        onto = self.branches()[base]
        try:
            tree = git(self.path, "merge-tree", "--write-tree", onto, head).splitlines()[0]
        except CheckoutError as error:
            raise Conflict from error
        made = git(
            self.path, "commit-tree", tree, "-p", onto, "-p", head, "-F", "-",
            author=author, committer=GITHUB, at=at, text=message,
        )  # fmt: skip
        git(self.path, "update-ref", f"refs/heads/{base}", made, onto)
        return made

    def push_empty(self, branch: str, message: str, author: Person, at: datetime) -> str:
        """Put a commit that changes nothing on `branch`, as somebody's push would; the commit."""
        onto = self.branches()[branch]
        tree = self.commit(onto).tree
        made = git(self.path, "commit-tree", tree, "-p", onto, "-F", "-", author=author, at=at, text=message)
        git(self.path, "update-ref", f"refs/heads/{branch}", made, onto)
        return made

    def _compare(self, base: str, head: str) -> list[FileChange]:
        raw = git(self.path, "diff", "--raw", "--no-abbrev", "--no-renames", base, head)
        counts = git(self.path, "diff", "--numstat", "--no-renames", base, head)
        numbers = {name: (_count(a), _count(d)) for a, d, name in (line.split("\t", 2) for line in counts.splitlines())}
        found = []
        for line in raw.splitlines():
            about, name = line.split("\t", 1)
            _old_mode, _new_mode, old, new, status = about.split(" ")
            patch = git(self.path, "diff", "--no-color", "--no-renames", base, head, "--", name)
            hunks = patch[patch.find("@@") :] if "@@" in patch else ""
            additions, deletions = numbers.get(name, (0, 0))
            blob = old if status[0] == "D" else new
            found.append(FileChange(name, _STATUS.get(status[0], "changed"), blob, additions, deletions, hunks))
        return found


def _count(text: str) -> int:
    """A numstat figure; `-` for binary files."""
    return int(text) if text.isdecimal() else 0


def _read(text: str) -> CommitInfo:
    sha, tree, parents, name, email, at, by, by_email, by_at, message = text.split("\x1f", 9)
    return CommitInfo(
        sha=sha,
        tree=tree,
        parents=tuple(parents.split()),
        author=(name, email),
        authored=datetime.fromtimestamp(int(at), UTC),
        committer=(by, by_email),
        committed=datetime.fromtimestamp(int(by_at), UTC),
        message=message.rstrip("\n"),
    )
