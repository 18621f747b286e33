"""The sample team's working copy: a real git repository with a bare `origin` beside it, written where it is asked for.

`files/` is the tree as the pull request leaves it; `pull_request.patch` taken back gives the tree of `main`. Names,
dates and texts are fixed by the moment that is passed in, so that the same moment gives the same commit ids. Whatever
git settings the machine has do not matter here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from console.errors import CanarioError
from console.words import _

HERE = Path(__file__).parent
FILES = HERE / "files"
PATCH = HERE / "pull_request.patch"

TOOLS = ("pytest", "pylint", "bandit", "locust")
"""Programs that the runbook runs in a checkout."""

GIT_TIMEOUT_S = 20.0
"""Wall seconds that one git command may take."""

Person = tuple[str, str]
JUAN: Person = ("Juan Pérez", "juan.perez@example.com")
CARLOS: Person = ("Carlos López", "carlos.lopez@example.com")
GITHUB: Person = ("GitHub", "noreply@github.com")


class CheckoutError(CanarioError):
    """The sample checkout cannot be written, or git failed in it."""


@dataclass(frozen=True, slots=True)
class Checkout:
    """Where it was written."""

    path: Path
    """The working copy, on branch `develop`."""
    origin: Path
    """The bare repository that it pulls from and pushes to."""


def git(
    folder: Path,
    *arguments: str,
    author: Person | None = None,
    committer: Person | None = None,
    at: datetime | None = None,
    text: str | None = None,
) -> str:
    """What `git ARGUMENTS` in `folder` prints, without its last line end. Blocks.

    Args:
        folder: a working copy or a bare repository.
        arguments: git's.
        author: of the commit it makes, if it does.
        committer: likewise; the author where None.
        at: the commit's moment.
        text: its standard input.

    Raises:
        CheckoutError: git is missing, takes over 20 s or fails; says what it wrote.
    """
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    environment |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
    environment["LC_ALL"] = "C.UTF-8"
    if author is not None:
        by = committer or author
        environment |= {"GIT_AUTHOR_NAME": author[0], "GIT_AUTHOR_EMAIL": author[1]}
        environment |= {"GIT_COMMITTER_NAME": by[0], "GIT_COMMITTER_EMAIL": by[1]}
    if at is not None:
        environment["GIT_AUTHOR_DATE"] = environment["GIT_COMMITTER_DATE"] = f"{int(at.timestamp())} +0000"
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            env=environment,
            input=text,
            stdin=subprocess.DEVNULL if text is None else None,
            capture_output=True,
            text=True,
            timeout=GIT_TIMEOUT_S,
            check=False,
        )
    except FileNotFoundError as error:
        raise CheckoutError(_("git is not installed."), remedy=_("Install git.")) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CheckoutError(_("git does not run: {problem}.").format(problem=error)) from error
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip())[:500]
        raise CheckoutError(
            _("git {command} failed: {said}").format(command=arguments[0] if arguments else "", said=said)
        )
    return done.stdout.removesuffix("\n")


def write_checkout(folder: Path, at: datetime) -> Checkout:
    """Write the working copy to `folder/wa_orchestrator`, its origin to `folder/origin.git`.

    Branch `main` is what production runs; `develop` is three commits of Carlos's ahead, the open pull request.

    Args:
        folder: an existing directory.
        at: the demo's moment; the pull request's commits are from the afternoon before.

    Raises:
        CheckoutError: it cannot be written, or git is missing.
    """
    work, origin = folder / "wa_orchestrator", folder / "origin.git"
    before = at - timedelta(days=1)
    try:
        origin.mkdir(parents=True)
        work.mkdir()
        git(origin, "init", "-q", "--bare", "--initial-branch=main")
        git(work, "init", "-q", "--initial-branch=main")
        git(work, "config", "user.name", CARLOS[0])
        git(work, "config", "user.email", CARLOS[1])
        _copy(work)
        git(work, "apply", "-R", str(PATCH))
        _commit(work, ".", "Paso 2: estado de la reserva (#121)", JUAN, before - timedelta(days=6))
        git(work, "remote", "add", "origin", "../origin.git")
        git(work, "push", "-q", "-u", "origin", "main")
        git(work, "checkout", "-q", "-b", "develop")
        _copy(work)
        _commit(work, "migrations", "Agrega la columna notes a reservas", CARLOS, before - timedelta(hours=2))
        _commit(
            work, "wa_orchestrator", "Guarda la nota del mensaje en la reserva", CARLOS, before - timedelta(hours=1)
        )
        _commit(work, ".", "Prueba las notas y sube la versión a 1.19.0", CARLOS, before)
        git(work, "push", "-q", "-u", "origin", "develop")
        _lend_tools(work)
    except OSError as error:
        raise CheckoutError(
            _("The sample checkout cannot be written to {path}: {problem}.").format(path=folder, problem=error)
        ) from error
    return Checkout(work, origin)


def _lend_tools(work: Path) -> None:
    """Give the checkout canario's own pytest and the others, where there are any, in a `.venv` that git does not see.

    What is first in the operator's PATH may lack a plugin that the runbook's command needs.
    """
    found = [tool for name in TOOLS if (tool := Path(sys.executable).parent / name).is_file()]
    if not found:
        return
    lent = work / ".venv" / "bin"
    lent.mkdir(parents=True)
    for tool in found:
        (lent / tool.name).symlink_to(tool)
    with (work / ".git" / "info" / "exclude").open("a", encoding="utf-8") as file:
        file.write(".venv/\n")


def _copy(work: Path) -> None:
    shutil.copytree(FILES, work, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    (work / "gitignore").rename(work / ".gitignore")


def _commit(work: Path, path: str, message: str, who: Person, at: datetime) -> None:
    git(work, "add", "--", path)
    git(work, "commit", "-q", "--no-gpg-sign", "-m", message, author=who, at=at)
