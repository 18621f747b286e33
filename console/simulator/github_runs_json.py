"""GitHub's JSON of Actions: workflows, their runs and jobs, and the jobs as the check runs of a commit.

Shapes: https://docs.github.com/en/rest/actions and https://docs.github.com/en/rest/checks, API version 2022-11-28.
"""

from __future__ import annotations

from console.simulator.github_json import Json, Shapes, when
from console.simulator.github_repo import CommitInfo
from console.simulator.github_state import BASE, HEAD, NUMBER, Run, Workflow


class RunShapes(Shapes):
    """Makes the JSON of one repository, Actions too; arguments as `Shapes`."""

    def check_run(self, run: Run, name: str, number: int) -> Json:
        """A job of a workflow run as a check run."""
        id_ = job_id(run, number)
        return {
            "id": id_,
            "name": name,
            "node_id": f"CR_{id_}",
            "head_sha": run.sha,
            "external_id": f"job-{id_}",
            "url": f"{self.api}/check-runs/{id_}",
            "html_url": f"{self.html}/actions/runs/{run.id}/job/{id_}",
            "details_url": f"{self.html}/actions/runs/{run.id}/job/{id_}",
            "status": run.status,
            "conclusion": run.conclusion,
            "started_at": when(run.started or run.created),
            "completed_at": when(run.ended),
            "output": {
                "title": None,
                "summary": None,
                "text": None,
                "annotations_count": 0,
                "annotations_url": f"{self.api}/check-runs/{id_}/annotations",
            },
            "check_suite": {"id": run.id + 500_000},
            "app": None,
            "pull_requests": [],
        }

    def workflow(self, workflow: Workflow, created: float) -> Json:
        """A workflow."""
        return {
            "id": workflow.id,
            "node_id": f"W_{workflow.id}",
            "name": workflow.name,
            "path": workflow.path,
            "state": "active",
            "created_at": when(created),
            "updated_at": when(created),
            "url": f"{self.api}/actions/workflows/{workflow.id}",
            "html_url": f"{self.html}/blob/{BASE}/{workflow.path}",
            "badge_url": f"{self.html}/workflows/{workflow.name}/badge.svg",
        }

    def run(self, run: Run, commit: CommitInfo) -> Json:
        """A workflow run."""
        url = f"{self.api}/actions/runs/{run.id}"
        pulls = run.event == "pull_request"
        return {
            "id": run.id,
            "name": run.workflow.name,
            "node_id": f"WFR_{run.id}",
            "head_branch": run.branch,
            "head_sha": run.sha,
            "path": run.workflow.path,
            "display_title": run.title,
            "run_number": run.number,
            "event": run.event,
            "status": run.status,
            "conclusion": run.conclusion,
            "workflow_id": run.workflow.id,
            "check_suite_id": run.id + 500_000,
            "check_suite_node_id": f"CS_{run.id}",
            "url": url,
            "html_url": f"{self.html}/actions/runs/{run.id}",
            "pull_requests": [self._run_pull(run.sha)] if pulls else [],
            "created_at": when(run.created),
            "updated_at": when(run.updated),
            "actor": self.user(run.actor),
            "run_attempt": 1,
            "referenced_workflows": [],
            "run_started_at": when(run.created),
            "triggering_actor": self.user(run.actor),
            "jobs_url": f"{url}/jobs",
            "logs_url": f"{url}/logs",
            "check_suite_url": f"{self.api}/check-suites/{run.id + 500_000}",
            "artifacts_url": f"{url}/artifacts",
            "cancel_url": f"{url}/cancel",
            "rerun_url": f"{url}/rerun",
            "previous_attempt_url": None,
            "workflow_url": f"{self.api}/actions/workflows/{run.workflow.id}",
            "head_commit": {
                "id": commit.sha,
                "tree_id": commit.tree,
                "message": commit.message,
                "timestamp": when(commit.committed),
                "author": {"name": commit.author[0], "email": commit.author[1]},
                "committer": {"name": commit.committer[0], "email": commit.committer[1]},
            },
            "repository": self.short_repository(),
            "head_repository": self.short_repository(),
        }

    def _run_pull(self, sha: str) -> Json:
        repo = {"id": 731442, "url": self.api, "name": self.name}
        return {
            "id": 2001128,
            "number": NUMBER,
            "url": f"{self.api}/pulls/{NUMBER}",
            "head": {"ref": HEAD, "sha": sha, "repo": repo},
            "base": {"ref": BASE, "sha": sha, "repo": repo},
        }

    def job(self, run: Run, name: str, number: int) -> Json:
        """A job of a run, with the one step that matters."""
        id_ = job_id(run, number)
        started = when(run.started or run.created)
        step = {
            "name": name,
            "status": run.status,
            "conclusion": run.conclusion,
            "number": 1,
            "started_at": started,
            "completed_at": when(run.ended),
        }
        return {
            "id": id_,
            "run_id": run.id,
            "workflow_name": run.workflow.name,
            "head_branch": run.branch,
            "run_url": f"{self.api}/actions/runs/{run.id}",
            "run_attempt": 1,
            "node_id": f"CR_{id_}",
            "head_sha": run.sha,
            "url": f"{self.api}/actions/jobs/{id_}",
            "html_url": f"{self.html}/actions/runs/{run.id}/job/{id_}",
            "status": run.status,
            "conclusion": run.conclusion,
            "created_at": when(run.created),
            "started_at": started,
            "completed_at": when(run.ended),
            "name": name,
            "steps": [step] if run.started is not None else [],
            "check_run_url": f"{self.api}/check-runs/{id_}",
            "labels": ["ubuntu-latest"],
            "runner_id": None if run.started is None else 7,
            "runner_name": None if run.started is None else "GitHub Actions 7",
            "runner_group_id": None if run.started is None else 2,
            "runner_group_name": None if run.started is None else "GitHub Actions",
        }


def job_id(run: Run, number: int) -> int:
    """The id of a run's job."""
    return run.id * 10 + number
