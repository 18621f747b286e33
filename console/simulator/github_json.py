"""GitHub's JSON: what each resource looks like on the wire.

Shapes: https://docs.github.com/en/rest (pulls, commits, checks, actions, issues), API version 2022-11-28. Times are
ISO 8601 in UTC, whole seconds. Workflows, runs, jobs and check runs: `console.simulator.github_runs_json`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

from console.simulator.github_repo import CommitInfo, FileChange
from console.simulator.github_state import (
    BASE,
    BOT,
    HEAD,
    LABELS,
    NUMBER,
    Comment,
    PullRequest,
    Review,
    login_of,
)

Json = dict[str, object]


def when(at: float | datetime | None) -> str | None:
    """A moment as GitHub writes it."""
    if at is None:
        return None
    moment = datetime.fromtimestamp(at, UTC) if isinstance(at, float | int) else at
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class Shapes:
    """Makes the JSON of one repository.

    Args:
        root: the API's URL, without a slash at its end.
        owner: e.g. `acme`.
        name: e.g. `wa-orchestrator`.
    """

    def __init__(self, root: str, owner: str, name: str) -> None:
        self.root = root
        self.owner = owner
        self.name = name
        self.api = f"{root}/repos/{owner}/{name}"
        self.html = f"{root}/{owner}/{name}"

    # ------------------------------------------------------------ people and the repository

    def user(self, login: str, kind: str = "User") -> Json:
        """A simple user."""
        url = f"{self.root}/users/{login}"
        bot = login.endswith("[bot]")
        return {
            "login": login,
            "id": _number(login),
            "node_id": f"U_{_number(login)}",
            "avatar_url": f"{self.root}/avatars/{login}",
            "gravatar_id": "",
            "url": url,
            "html_url": f"{self.root}/{login}",
            **{
                f"{key}_url": f"{url}/{path}"
                for key, path in {
                    "followers": "followers",
                    "following": "following{/other_user}",
                    "gists": "gists{/gist_id}",
                    "starred": "starred{/owner}{/repo}",
                    "subscriptions": "subscriptions",
                    "organizations": "orgs",
                    "repos": "repos",
                    "events": "events{/privacy}",
                    "received_events": "received_events",
                }.items()
            },
            "type": "Bot" if bot else kind,
            "user_view_type": "public",
            "site_admin": False,
        }

    def whole_user(self, login: str, since: float) -> Json:
        """The user whose token it is (public-user)."""
        told = dict.fromkeys(("company", "blog", "location", "email", "hireable", "bio", "twitter_username"))
        counts = dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0)
        name = login.replace("-", " ").title()
        return {
            **self.user(login), "name": name, **told, **counts, "created_at": when(since), "updated_at": when(since)
        }  # fmt: skip

    def short_repository(self) -> Json:
        """The repository as it stands in other resources (minimal-repository)."""
        api = self.api
        return {
            "id": 731442,
            "node_id": "R_731442",
            "name": self.name,
            "full_name": f"{self.owner}/{self.name}",
            "owner": self.user(self.owner, "Organization"),
            "private": True,
            "html_url": self.html,
            "description": "WhatsApp booking assistant",
            "fork": False,
            "url": api,
            **{f"{key}_url": api + path for key, path in _REPOSITORY_URLS.items()},
        }

    def repository(self, created: float, pushed: float, open_issues: int) -> Json:
        """The repository (full-repository)."""
        return {
            **self.short_repository(),
            "git_url": f"git:{self.html.partition(':')[2]}.git",
            "ssh_url": f"git@127.0.0.1:{self.owner}/{self.name}.git",
            "clone_url": f"{self.html}.git",
            "svn_url": self.html,
            "mirror_url": None,
            "homepage": None,
            "language": "Python",
            "forks_count": 0,
            "forks": 0,
            "stargazers_count": 3,
            "watchers_count": 3,
            "watchers": 3,
            "subscribers_count": 4,
            "network_count": 0,
            "size": 412,
            "default_branch": BASE,
            "open_issues_count": open_issues,
            "open_issues": open_issues,
            "topics": [],
            "license": None,
            "has_issues": True,
            "has_projects": False,
            "has_wiki": False,
            "has_pages": False,
            "has_downloads": True,
            "has_discussions": False,
            "archived": False,
            "disabled": False,
            "visibility": "private",
            "allow_merge_commit": True,
            "allow_squash_merge": False,
            "allow_rebase_merge": False,
            "pushed_at": when(pushed),
            "created_at": when(created),
            "updated_at": when(pushed),
            "permissions": {"admin": False, "maintain": False, "push": True, "triage": True, "pull": True},
        }

    # ------------------------------------------------------------ the pull request

    def label(self, name: str) -> Json:
        """A label."""
        colour, description = LABELS.get(name, ("ededed", None))
        return {
            "id": _number(name),
            "node_id": f"LA_{_number(name)}",
            "url": f"{self.api}/labels/{name}",
            "name": name,
            "color": colour,
            "default": name == "enhancement",
            "description": description,
            "archived_at": None,
            "archived_by": None,
        }

    def pull(self, pull: PullRequest) -> Json:
        """A pull request as it stands in a list (pull-request-simple)."""
        number = NUMBER
        links = {
            "self": f"{self.api}/pulls/{number}",
            "html": f"{self.html}/pull/{number}",
            "issue": f"{self.api}/issues/{number}",
            "comments": f"{self.api}/issues/{number}/comments",
            "review_comments": f"{self.api}/pulls/{number}/comments",
            "review_comment": f"{self.api}/pulls/comments{{/number}}",
            "commits": f"{self.api}/pulls/{number}/commits",
            "statuses": f"{self.api}/statuses/{pull.head}",
        }
        return {
            "url": links["self"],
            "id": 2001128,
            "node_id": "PR_2001128",
            "html_url": links["html"],
            "diff_url": links["html"] + ".diff",
            "patch_url": links["html"] + ".patch",
            "issue_url": links["issue"],
            "commits_url": links["commits"],
            "review_comments_url": links["review_comments"],
            "review_comment_url": links["review_comment"],
            "comments_url": links["comments"],
            "statuses_url": links["statuses"],
            "number": number,
            "state": "open" if pull.open else "closed",
            "locked": False,
            "title": pull.title,
            "user": self.user(pull.author),
            "body": pull.body,
            "labels": [self.label(name) for name in pull.labels],
            "milestone": None,
            "active_lock_reason": None,
            "created_at": when(pull.created),
            "updated_at": when(max(pull.updated, pull.created)),
            "closed_at": when(pull.merged_at),
            "merged_at": when(pull.merged_at),
            "merge_commit_sha": pull.merge_sha or None,
            "assignee": None,
            "assignees": [],
            "requested_reviewers": [],
            "requested_teams": [],
            "head": self._branch(HEAD, pull.head),
            "base": self._branch(BASE, pull.base),
            "_links": {name: {"href": href} for name, href in links.items()},
            "author_association": "MEMBER",
            "auto_merge": None,
            "draft": pull.draft,
        }

    def whole_pull(
        self, pull: PullRequest, commits: Sequence[CommitInfo], files: Sequence[FileChange], mergeable_state: str
    ) -> Json:
        """A pull request by itself (pull-request), with what only that tells."""
        return {
            **self.pull(pull),
            "merged": pull.merged_at is not None,
            "mergeable": None if not pull.open else mergeable_state != "dirty",
            "rebaseable": False,
            "mergeable_state": mergeable_state if pull.open else "unknown",
            "merged_by": self.user(pull.merged_by) if pull.merged_by else None,
            "comments": len(pull.comments),
            "review_comments": 0,
            "maintainer_can_modify": False,
            "commits": len(commits),
            "additions": sum(change.additions for change in files),
            "deletions": sum(change.deletions for change in files),
            "changed_files": len(files),
        }

    def _branch(self, branch: str, sha: str) -> Json:
        owner = self.user(self.owner, "Organization")
        repo = self.repository(0.0, 0.0, 1)
        return {"label": f"{self.owner}:{branch}", "ref": branch, "sha": sha, "user": owner, "repo": repo}

    def review(self, review: Review) -> Json:
        """A review."""
        html = f"{self.html}/pull/{NUMBER}#pullrequestreview-{review.id}"
        pull = f"{self.api}/pulls/{NUMBER}"
        return {
            "id": review.id,
            "node_id": f"PRR_{review.id}",
            "user": self.user(review.user),
            "body": review.body,
            "state": review.state,
            "html_url": html,
            "pull_request_url": pull,
            "author_association": review.association,
            "_links": {"html": {"href": html}, "pull_request": {"href": pull}},
            "submitted_at": when(review.at),
            "commit_id": review.sha,
        }

    def comment(self, comment: Comment) -> Json:
        """An issue comment."""
        return {
            "id": comment.id,
            "node_id": f"IC_{comment.id}",
            "url": f"{self.api}/issues/comments/{comment.id}",
            "html_url": f"{self.html}/pull/{NUMBER}#issuecomment-{comment.id}",
            "body": comment.body,
            "user": self.user(comment.user),
            "created_at": when(comment.at),
            "updated_at": when(comment.at),
            "issue_url": f"{self.api}/issues/{NUMBER}",
            "author_association": "MEMBER",
            "performed_via_github_app": None,
        }

    def file(self, change: FileChange, sha: str) -> Json:
        """One file of a comparison (diff-entry)."""
        return {
            "sha": change.blob,
            "filename": change.name,
            "status": change.status,
            "additions": change.additions,
            "deletions": change.deletions,
            "changes": change.additions + change.deletions,
            "blob_url": f"{self.html}/blob/{sha}/{change.name}",
            "raw_url": f"{self.html}/raw/{sha}/{change.name}",
            "contents_url": f"{self.api}/contents/{change.name}?ref={sha}",
            "patch": change.patch,
        }

    # ------------------------------------------------------------ commits and checks

    def commit(self, commit: CommitInfo) -> Json:
        """A commit as it stands in a list."""
        sha = commit.sha
        return {
            "url": f"{self.api}/commits/{sha}",
            "sha": sha,
            "node_id": f"C_{sha[:12]}",
            "html_url": f"{self.html}/commit/{sha}",
            "comments_url": f"{self.api}/commits/{sha}/comments",
            "commit": {
                "url": f"{self.api}/git/commits/{sha}",
                "author": {"name": commit.author[0], "email": commit.author[1], "date": when(commit.authored)},
                "committer": {
                    "name": commit.committer[0],
                    "email": commit.committer[1],
                    "date": when(commit.committed),
                },
                "message": commit.message,
                "comment_count": 0,
                "tree": {"sha": commit.tree, "url": f"{self.api}/git/trees/{commit.tree}"},
                "verification": {
                    "verified": False,
                    "reason": "unsigned",
                    "signature": None,
                    "payload": None,
                    "verified_at": None,
                },
            },
            "author": self.user(login_of(commit.author[1])),
            "committer": self.user("web-flow" if commit.committer[1].startswith("noreply") else BOT)
            if commit.committer != commit.author
            else self.user(login_of(commit.author[1])),
            "parents": [
                {"sha": one, "url": f"{self.api}/commits/{one}", "html_url": f"{self.html}/commit/{one}"}
                for one in commit.parents
            ],
        }

    def whole_commit(self, commit: CommitInfo, files: Sequence[FileChange]) -> Json:
        """A commit by itself, with its files against its first parent."""
        additions, deletions = sum(f.additions for f in files), sum(f.deletions for f in files)
        return {
            **self.commit(commit),
            "stats": {"additions": additions, "deletions": deletions, "total": additions + deletions},
            "files": [self.file(change, commit.sha) for change in files],
        }

    def combined_status(self, sha: str) -> Json:
        """The combined status: nobody sets commit statuses here, checks are check runs; `pending` is GitHub's word."""
        return {
            "state": "pending",
            "statuses": [],
            "sha": sha,
            "total_count": 0,
            "repository": self.short_repository(),
            "commit_url": f"{self.api}/commits/{sha}",
            "url": f"{self.api}/commits/{sha}/status",
        }


def _number(text: str) -> int:
    """A stable id made from a name."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big")


_REPOSITORY_URLS = {
    "archive": "/{archive_format}{/ref}", "assignees": "/assignees{/user}", "blobs": "/git/blobs{/sha}",
    "branches": "/branches{/branch}", "collaborators": "/collaborators{/collaborator}",
    "comments": "/comments{/number}", "commits": "/commits{/sha}", "compare": "/compare/{base}...{head}",
    "contents": "/contents/{+path}", "contributors": "/contributors", "deployments": "/deployments",
    "downloads": "/downloads", "events": "/events", "forks": "/forks", "git_commits": "/git/commits{/sha}",
    "git_refs": "/git/refs{/sha}", "git_tags": "/git/tags{/sha}", "hooks": "/hooks",
    "issue_comment": "/issues/comments{/number}", "issue_events": "/issues/events{/number}",
    "issues": "/issues{/number}", "keys": "/keys{/key_id}", "labels": "/labels{/name}", "languages": "/languages",
    "merges": "/merges", "milestones": "/milestones{/number}",
    "notifications": "/notifications{?since,all,participating}",
    "pulls": "/pulls{/number}", "releases": "/releases{/id}", "stargazers": "/stargazers",
    "statuses": "/statuses/{sha}", "subscribers": "/subscribers", "subscription": "/subscription", "tags": "/tags",
    "teams": "/teams", "trees": "/git/trees{/sha}",
}  # fmt: skip
