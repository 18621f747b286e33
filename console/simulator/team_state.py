"""What GitHub and Slack know, kept on disk beside the simulated cloud's state, so that a restarted one goes on.

One file, `team.json`, replaced as a whole; GitHub's commits are a repository in the same directory.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from console.errors import SettingsError
from console.simulator.github import GitHub
from console.simulator.github_state import Comment, PullRequest, Review, Run
from console.simulator.slack import Message, Slack
from console.words import _

VERSION = 1


def save(path: Path, github: GitHub, slack: Slack) -> None:
    """Replace the file.

    Raises:
        OSError: it cannot be written.
    """
    data = {
        "version": VERSION,
        "messages": [asdict(message) for message in slack.messages],
        "github": None if not github.begun else _github(github),
    }
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(data), encoding="utf-8")
    fresh.replace(path)


def load(path: Path, github: GitHub, slack: Slack) -> None:
    """Take back what was kept; runs under way go on.

    Raises:
        SettingsError: it cannot be read.
    """
    if not path.exists():
        return
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["version"] != VERSION:
            raise ValueError(_("it is of another version"))
        slack.messages.extend(Message(**message) for message in data["messages"])
        if data["github"] is not None:
            kept = data["github"]
            pull = PullRequest(**kept["pull"])
            pull.reviews = [Review(**review) for review in kept["pull"]["reviews"]]
            pull.comments = [Comment(**comment) for comment in kept["pull"]["comments"]]
            runs = [Run(**{**run, "workflow": github.workflow(run["workflow"])}) for run in kept["runs"]]
            github.resume(Path(kept["origin"]), pull, runs, kept["main"], kept["ids"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise SettingsError(
            _("The state in {path} cannot be read: {problem}.").format(path=path, problem=error),
            remedy=_("Remove the directory, or give --state another."),
        ) from error


def _github(github: GitHub) -> dict[str, Any]:
    runs = [{**asdict(run), "workflow": run.workflow.file} for run in github.runs]
    return {
        "origin": str(github.repository.path),
        "pull": asdict(github.pull),
        "runs": runs,
        "main": github.main,
        "ids": github.last_id,
    }
