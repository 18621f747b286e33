"""What stands beside the cloud when a team releases: its GitHub and its Slack, each on a loopback port of its own.

Their control, behind the simulator's control address:

- `POST /github {...}`: `origin` (a bare repository to keep commits in), `checks` (`success`, `failure`, `pending`),
  `approve`, `dismiss`, `request_changes` (a login), `title`, `body`, `labels`, `draft`, `push` (a message: a commit on
  the pull request's branch), `new_image` (true: staging gets an image built from a commit made now), `fail_workflow`
  (a file: its next run fails), `rate_limit` (requests left), `fail_next` ({"status", "count", "retry_after"}),
  `hang`. Answers with what GitHub now knows.
- `POST /slack {...}`: `fail_next` (a number), `status` (e.g. 429, 500), `retry_after`, `hang`, `clear`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from aiohttp import web

from console.simulator import team_state
from console.simulator.clock import SimClock
from console.simulator.deployments import Deployments
from console.simulator.github import GitHub
from console.simulator.github_routes import GitHubApi
from console.simulator.github_state import HEAD, Conclusion
from console.simulator.slack import PATH, Slack, SlackFaults

log = logging.getLogger(__name__)

_CHECKS: dict[str, Conclusion | None] = {"success": "success", "failure": "failure", "pending": None}


class Team:
    """GitHub and Slack.

    Args:
        clock: simulated time.
        deployments: what GitHub's workflows deploy through.
        began: when the scenario started, Unix seconds.
        spawn: runs a coroutine until the simulator stops.
        kept: directory in which what they know is kept; None keeps nothing.

    """

    def __init__(
        self,
        clock: SimClock,
        deployments: Deployments,
        *,
        began: float,
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        kept: Path | None = None,
    ) -> None:
        self._kept = kept
        folder = None if kept is None else kept / "github"
        self.github = GitHub(clock, deployments, began=began, spawn=spawn, folder=folder)
        self.api = GitHubApi(self.github, lambda: self.github_url)
        self.slack = Slack(clock)
        self.github_url = ""
        self.slack_url = ""
        self._runners: list[web.AppRunner] = []

    async def start(self) -> None:
        """Serve, from what was kept.

        Raises:
            SettingsError: that cannot be read.
        """
        if self._kept is not None:
            team_state.load(self._kept / "team.json", self.github, self.slack)
            self.github.on_change = self.slack.on_change = self.api.front.on_change = self._save
        self.github_url = await self._serve(self.api.app)
        self.slack_url = await self._serve(self.slack.app)

    async def stop(self) -> None:
        """Stop serving."""
        self.api.front.answering.set()
        self.slack.faults.answering.set()
        for runner in self._runners:
            await runner.cleanup()
        self._save()
        self.github.close()

    def addresses(self) -> dict[str, str]:
        """What the ready line tells: GitHub's API, and Slack's webhook."""
        return {"github": self.github_url, "slack": self.slack_url + PATH}

    def _save(self) -> None:
        if self._kept is not None:
            try:
                team_state.save(self._kept / "team.json", self.github, self.slack)
            except OSError as error:
                log.warning("the state in %s cannot be kept: %s", self._kept, error)

    async def _serve(self, app: web.Application) -> str:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        self._runners.append(runner)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    # ---------------------------------------------------------------- control

    async def control_github(self, body: Mapping[str, object]) -> object:
        """`POST /github`.

        Raises:
            ValueError: an unknown key, or a wrong value.
        """
        known = {
            "origin", "checks", "approve", "dismiss", "request_changes", "association", "title", "body", "labels",
            "draft", "push", "new_image", "fail_workflow", "rate_limit", "fail_next", "hang",
        }  # fmt: skip
        _only(body, known)
        if "origin" in body:
            self.github.use(Path(str(body["origin"])))
        self._faults(body)
        await self.github.sync()
        pull = self.github.pull
        if "checks" in body:
            wanted = str(body["checks"])
            if wanted not in _CHECKS:
                raise ValueError(f"checks is one of {', '.join(_CHECKS)}")
            self.github.set_checks(_CHECKS[wanted])
        for key, state in (("approve", "APPROVED"), ("request_changes", "CHANGES_REQUESTED")):
            if key in body:
                self.github.review(str(body[key]), state, str(body.get("association", "MEMBER")))
        if "dismiss" in body:
            self.github.dismiss(str(body["dismiss"]))
        pull.title = str(body.get("title", pull.title))
        pull.body = str(body.get("body", pull.body))
        pull.draft = bool(body.get("draft", pull.draft))
        if "labels" in body:
            labels = body["labels"]
            if not isinstance(labels, list):
                raise ValueError("labels is a list")
            pull.labels = list(map(str, labels))
        if "push" in body:
            await self.github.push(HEAD, str(body["push"]))
        image = await self.github.new_image() if body.get("new_image") else ""
        self._save()
        return {
            "origin": str(self.github.repository.path),
            "head": pull.head,
            "merge": pull.merge_sha,
            "approvals": pull.approvals(),
            "labels": pull.labels,
            "image": image,
            "runs": [{"id": r.id, "file": r.workflow.file, "status": r.status} for r in self.github.runs],
        }

    def _faults(self, body: Mapping[str, object]) -> None:
        if "fail_workflow" in body:
            self.github.failing.add(self.github.workflow(str(body["fail_workflow"])).file)
        if "rate_limit" in body:
            self.api.front.remaining = _whole(body["rate_limit"])
        if "hang" in body:
            (self.api.front.answering.clear if body["hang"] else self.api.front.answering.set)()
        if "fail_next" in body:
            plan = body["fail_next"]
            if not isinstance(plan, dict):
                raise ValueError("fail_next is an object")
            _only(plan, {"status", "count", "retry_after"})
            one = (_whole(plan.get("status", 500)), _whole(plan.get("retry_after", 0)))
            self.api.front.fail_next += [one] * _whole(plan.get("count", 1))

    async def control_slack(self, body: Mapping[str, object]) -> object:
        """`POST /slack`.

        Raises:
            ValueError: an unknown key, or a wrong value.
        """
        _only(body, {"fail_next", "status", "retry_after", "hang", "clear"})
        faults: SlackFaults = self.slack.faults
        if body.get("clear"):
            faults.fail_next = 0
            faults.answering.set()
        if "status" in body:
            faults.status = _whole(body["status"])
        if "retry_after" in body:
            faults.retry_after_s = _whole(body["retry_after"])
        if "fail_next" in body:
            faults.fail_next = _whole(body["fail_next"])
        if "hang" in body:
            (faults.answering.clear if body["hang"] else faults.answering.set)()
        return {"messages": len(self.slack.messages), "refused": self.slack.refused}


def _only(body: Mapping[str, object], known: set[str]) -> None:
    unknown = sorted(set(body) - known)
    if unknown:
        raise ValueError(f"unknown: {', '.join(unknown)}; known are {', '.join(sorted(known))}")


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r} is no whole number")
    return value
