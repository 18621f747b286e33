"""The simulated GitHub in time: what a push, a merge and a dispatch set off, over the checkout's own repository.

After a push to `main` (a merge here, or `git push` from the checkout) `backend-ci.yml` and `panel-ci.yml` run, some
two minutes each; when the backend's has passed, `deploy-staging.yml` puts the image on wa-backend-staging. A dispatch
of `deploy-backend.yml` makes a revision of the newest staging image. Answers to HTTP are `console.simulator.
github_routes`'.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from console.simulator.checkout import CARLOS, Person, write_checkout
from console.simulator.clock import SimClock
from console.simulator.deployments import TAG, Deployments
from console.simulator.github_repo import Conflict, Repository
from console.simulator.github_state import (
    BACKEND_CI,
    BASE,
    HEAD,
    MANUAL,
    NUMBER,
    PANEL_CI,
    QUEUE_S,
    STAGING,
    WORKFLOWS,
    Comment,
    Conclusion,
    PullRequest,
    Refused,
    Review,
    Run,
    Workflow,
    check_inputs,
    checks_of,
    why_not_mergeable,
)
from console.simulator.status import StatusError

T = TypeVar("T")

HOUR = 3600.0
SERVICES = {"production": "wa-backend", "staging": "wa-backend-staging"}


class GitHub:
    """One repository with one pull request.

    Args:
        clock: simulated time.
        deployments: what its workflows deploy through.
        began: when the scenario started, Unix seconds; the pull request is from the day before.
        spawn: runs a coroutine until the simulator stops.
        folder: where its repository is made; a temporary one where None.
        owner: of the repository.
        name: of the repository.
    """

    def __init__(
        self,
        clock: SimClock,
        deployments: Deployments,
        *,
        began: float,
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        folder: Path | None = None,
        owner: str = "acme",
        name: str = "wa-orchestrator",
    ) -> None:
        self.clock = clock
        self.owner = owner
        self.name = name
        self.began = began
        self.runs: list[Run] = []
        """Oldest first."""
        self.failing: set[str] = set()
        """Workflow files whose next run fails."""
        self.on_change: Callable[[], None] = lambda: None
        """Called after a run has changed, or what was pushed was seen."""
        self._folder = folder
        self._deployments = deployments
        self._spawn = spawn
        self._lock = asyncio.Lock()
        self._repository: Repository | None = None
        self._pull: PullRequest | None = None
        self.main = ""
        self._own: tempfile.TemporaryDirectory[str] | None = None
        self.last_id = 7_300_100

    # ---------------------------------------------------------------- its commits

    @property
    def begun(self) -> bool:
        """Whether anybody has asked for anything yet."""
        return self._pull is not None

    @property
    def repository(self) -> Repository:
        """The commits; `sync` has prepared them."""
        assert self._repository is not None
        return self._repository

    @property
    def pull(self) -> PullRequest:
        """The pull request; `sync` has prepared it."""
        assert self._pull is not None
        return self._pull

    def use(self, origin: Path) -> None:
        """Keep commits in that bare repository rather than in one of its own.

        Raises:
            ValueError: it is no repository, or another is in use.
        """
        if self._repository is not None and self._repository.path != origin:
            raise ValueError(f"GitHub keeps its commits in {self._repository.path} already")
        if not (origin / "HEAD").is_file():
            raise ValueError(f"{origin} is no bare git repository")
        self._repository = Repository(origin)

    async def call(self, act: Callable[..., T], *arguments: Any) -> T:
        """What a call on the repository returns, from a thread: it waits for git."""
        return await asyncio.to_thread(act, *arguments)

    async def sync(self) -> None:
        """See what was pushed since; the first time, begin.

        Raises:
            CheckoutError: git fails.
        """
        async with self._lock:
            if self._repository is None:
                if self._folder is None:
                    self._own = tempfile.TemporaryDirectory(prefix="canario-github-")
                else:  # what a killed simulator left there unfinished
                    shutil.rmtree(self._folder, ignore_errors=True)
                folder = self._folder or Path(self._own.name if self._own is not None else "")
                folder.mkdir(parents=True, exist_ok=True)
                checkout = await self.call(write_checkout, folder, _moment(self.began))
                self._repository = Repository(checkout.origin)
            branches = await self.call(self._repository.branches)
            if self._pull is None:
                self._begin(branches[HEAD], branches[BASE])
                self.on_change()
            pull = self.pull
            if pull.open and branches.get(HEAD, pull.head) != pull.head:
                self._head_pushed(branches[HEAD])
            if branches[BASE] != self.main:
                self.main = branches[BASE]
                await self._main_pushed(branches[BASE])

    def resume(self, origin: Path, pull: PullRequest, runs: list[Run], main: str, last_id: int) -> None:
        """Go on from what was kept: runs that had not ended go on too.

        Raises:
            ValueError: its repository is gone.
        """
        self.use(origin)
        self._pull, self.runs, self.main, self.last_id = pull, runs, main, last_id
        for run in runs:
            if run.ended is None:
                self._spawn(self._play(run, "success"))

    def close(self) -> None:
        """Remove what it has written."""
        if self._own is not None:
            self._own.cleanup()
            self._own = None

    def _begin(self, head: str, base: str) -> None:
        """The pull request, approved and green, and the runs of the release before."""
        self.main = base
        week = self.began - 7 * 24 * HOUR
        for workflow, event in ((BACKEND_CI, "push"), (PANEL_CI, "push"), (STAGING, "workflow_run")):
            self._old_run(workflow, event, BASE, base, "juan-perez", week)
        self._old_run(MANUAL, "workflow_dispatch", BASE, base, "juan-perez", week + HOUR)
        for workflow in (BACKEND_CI, PANEL_CI):
            self._old_run(workflow, "pull_request", HEAD, head, "carlos-lopez", self.began - 23 * HOUR)
        self._pull = PullRequest(head, base, created=self.began - 22 * HOUR, updated=self.began - 2 * HOUR)
        words = "Revisado. La migración es aditiva y las pruebas cubren la nota larga."
        self._pull.reviews.append(Review(self.next_id(), "juan-perez", "APPROVED", head, self.began - 2 * HOUR, words))

    def _head_pushed(self, sha: str) -> None:
        self.pull.head = sha
        self.pull.updated = self.clock.now()
        for workflow in (BACKEND_CI, PANEL_CI):
            self.start(workflow, "pull_request", HEAD, sha, self.pull.author, self.pull.title)

    async def _main_pushed(self, sha: str) -> None:
        """Run CI; a pull request whose head is now in `main` is merged (as GitHub marks a merge pushed by hand)."""
        pull, commit = self.pull, await self.call(self.repository.commit, sha)
        if pull.open and await self.call(self.repository.contains, pull.head, sha):
            pull.open, pull.merge_sha = False, sha
            pull.merged_at = pull.updated = self.clock.now()
            pull.merged_by = pull.merged_by or pull.author
        title = commit.message.partition("\n")[0]
        for workflow in (BACKEND_CI, PANEL_CI):
            self.start(workflow, "push", BASE, sha, pull.merged_by or pull.author, title)

    # ---------------------------------------------------------------- what people do

    async def merge(self, who: str, *, method: str, sha: str | None, title: str | None, message: str | None) -> str:
        """Merge the pull request; the merge commit.

        Source: https://docs.github.com/en/rest/pulls/pulls#merge-a-pull-request: 405 "if merge cannot be performed",
        409 "if sha was provided and pull request head did not match", 422 for validation.

        Args:
            who: login.
            method: only `merge` is allowed in this repository, as the runbook merges (`--no-ff`).
            sha: what its head must be, or None.
            title: first line of the merge commit; GitHub's own where None.
            message: the rest of it; the pull request's title where None.

        Raises:
            Refused: as above.
        """
        pull = self.pull
        if method not in ("merge", "squash", "rebase"):
            raise Refused(422, "Invalid request.\n\nmerge_method is not one of merge, squash, rebase.")
        if method != "merge":
            raise Refused(405, f"{method.capitalize()} merges are not allowed on this repository.")
        if pull.open and sha is not None and sha != pull.head:
            raise Refused(409, "Head branch was modified. Review and try the merge again.")
        if problem := why_not_mergeable(pull, self.runs):
            raise Refused(405, problem)
        first = title or f"Merge pull request #{NUMBER} from {self.owner}/{HEAD}"
        whole = f"{first}\n\n{pull.title if message is None else message}\n"
        person = person_of(who)
        try:
            made = await self.call(self.repository.merge, BASE, pull.head, whole, person, _moment(self.clock.now()))
        except Conflict:
            raise Refused(405, "Merge conflict") from None
        pull.merged_by = who
        await self.sync()
        return made

    def comment(self, who: str, body: str) -> Comment:
        """Comment on the pull request."""
        made = Comment(self.next_id(), who, body, self.clock.now())
        self.pull.comments.append(made)
        self.pull.updated = made.at
        return made

    def add_labels(self, names: list[str]) -> list[str]:
        """Add labels, those that it has already left; all of them."""
        self.pull.labels += [name for name in dict.fromkeys(names) if name not in self.pull.labels]
        self.pull.updated = self.clock.now()
        return self.pull.labels

    def review(self, who: str, state: str, association: str = "MEMBER") -> None:
        """Review the pull request's newest commit (`APPROVED`, `CHANGES_REQUESTED`, `COMMENTED`)."""
        now = self.clock.now()
        self.pull.reviews.append(Review(self.next_id(), who, state, self.pull.head, now, association=association))
        self.pull.updated = self.clock.now()

    def dismiss(self, who: str) -> None:
        """Dismiss what `who` has approved or objected to.

        Raises:
            ValueError: there is no such review.
        """
        mine = [r for r in self.pull.reviews if r.user == who and r.state in ("APPROVED", "CHANGES_REQUESTED")]
        if not mine:
            raise ValueError(f"{who} has no review to dismiss")
        for review in mine:
            review.state = "DISMISSED"
        self.pull.updated = self.clock.now()

    async def dispatch(self, workflow: Workflow, who: str, ref: str, inputs: Mapping[str, object]) -> Run:
        """Start a workflow by hand; its run.

        Raises:
            Refused: 422 for an unknown ref, a workflow without the trigger, wrong inputs.
        """
        branch = ref.removeprefix("refs/heads/")
        sha = (await self.call(self.repository.branches)).get(branch)
        if sha is None:
            raise Refused(422, f"No ref found for: {ref}")
        given = check_inputs(workflow, inputs)
        return self.start(workflow, "workflow_dispatch", branch, sha, who, workflow.name, given)

    def set_checks(self, conclusion: Conclusion | None) -> None:
        """Make the pull request's checks end so; None for running again."""
        now = self.clock.now()
        for run in checks_of(self.runs, self.pull.head):
            run.conclusion = conclusion
            run.started = now if run.started is None or conclusion is None else run.started
            run.ended = None if conclusion is None else now

    async def push(self, branch: str, message: str) -> str:
        """Push a commit of Carlos's to a branch; it."""
        sha = await self.call(self.repository.push_empty, branch, message, CARLOS, _moment(self.clock.now()))
        await self.sync()
        return sha

    async def new_image(self, message: str = "Corrige un texto en producción (hotfix)") -> str:
        """Put a new image on staging at once, of a commit pushed to `main` just now; the image."""
        sha = await self.push(BASE, message)
        image = self._deployments.image(sha)
        await self._deployments.deploy(SERVICES["staging"], image, 100, sha=sha)
        return image

    # ---------------------------------------------------------------- workflow runs

    def start(
        self,
        workflow: Workflow,
        event: str,
        branch: str,
        sha: str,
        actor: str,
        title: str,
        inputs: Mapping[str, str] | None = None,
    ) -> Run:
        """Queue a run."""
        run = Run(
            id=9_000_000_000 + self.next_id(),
            number=1 + sum(1 for one in self.runs if one.workflow is workflow),
            workflow=workflow,
            event=event,
            branch=branch,
            sha=sha,
            actor=actor,
            title=title,
            created=self.clock.now(),
            inputs=inputs or {},
        )
        self.runs.append(run)
        fails = workflow.file in self.failing
        self.failing.discard(workflow.file)
        self._spawn(self._play(run, "failure" if fails else "success"))
        return run

    async def _play(self, run: Run, conclusion: Conclusion) -> None:
        await self.clock.sleep_until(run.created + QUEUE_S)
        if run.started is None:
            run.started = self.clock.now()
            self.on_change()
        await self.clock.sleep_until(run.started + run.workflow.seconds)
        if conclusion == "success" and run.ended is None:
            try:
                await self._effect(run)
            except (StatusError, ValueError):
                conclusion = "failure"
        if run.ended is None:  # else somebody has set it meanwhile
            run.conclusion, run.ended = conclusion, self.clock.now()
        if run.workflow is BACKEND_CI and run.event == "push" and run.branch == BASE and run.conclusion == "success":
            self.start(STAGING, "workflow_run", BASE, run.sha, run.actor, run.title)
        self.on_change()

    async def _effect(self, run: Run) -> None:
        """What a run leaves in the cloud."""
        if run.workflow is BACKEND_CI and run.event == "push":
            self._deployments.image(run.sha)
        elif run.workflow is STAGING:
            await self._deployments.deploy(SERVICES["staging"], self._deployments.image(run.sha), 100, sha=run.sha)
        elif run.workflow is MANUAL:
            percent = float(run.inputs["revision_traffic_percent"])
            if not 0 <= percent <= 100 or percent != int(percent):
                raise ValueError(f"{percent} is no percent")
            image, sha = self._deployments.newest(SERVICES["staging"])
            service = SERVICES[run.inputs["environment"]]
            await self._deployments.deploy(service, image, int(percent), sha=sha, tag=TAG)

    def _old_run(self, workflow: Workflow, event: str, branch: str, sha: str, actor: str, at: float) -> None:
        number = 1 + sum(1 for one in self.runs if one.workflow is workflow)
        ended = at + QUEUE_S + workflow.seconds
        self.runs.append(
            Run(
                9_000_000_000 + self.next_id(), number, workflow, event, branch, sha, actor, workflow.name,
                created=at, started=at + QUEUE_S, ended=ended, conclusion="success",
            )
        )  # fmt: skip

    def workflow(self, name: str) -> Workflow:
        """The workflow of that file name or id.

        Raises:
            Refused: 404.
        """
        found = next((one for one in WORKFLOWS if name in (one.file, str(one.id))), None)
        if found is None:
            raise Refused(404, "Not Found")
        return found

    def next_id(self) -> int:
        """An id that nothing else has."""
        self.last_id += 1
        return self.last_id


def person_of(login: str) -> Person:
    """Name and address of a login, as its commits have them."""
    if login == "carlos-lopez":
        return CARLOS
    words = login.replace("[bot]", "").split("-")
    return " ".join(word.capitalize() for word in words), f"{'.'.join(words)}@example.com"


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
