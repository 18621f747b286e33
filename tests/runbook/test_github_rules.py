"""The runbook's rules for pull requests, on forms that teams write and on text that nobody means well with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.github import model
from console.github.model import Check, PullRequest, Review, WorkflowRun
from console.github.rules import judge_checks, judge_form, judge_reviews, run_of_commit, sections

BULLETS = """- What changed: notes on bookings
- Why
  customers ask for them
- Testing done locally (copy test output)
  27 passed
- Migration? (N)"""

BOLD = """**What changed**
Testing is easier now, and the migration too.

**Why:** customers ask

**Testing done locally**
```
## Why is this here
27 passed
```
**Migration?** Y - ADD COLUMN notes"""


def pull(body: str = BULLETS, title: str = "[Paso 3] Notes", labels: tuple[str, ...] = ()) -> PullRequest:
    return model.read_pull_request(
        {
            "number": 1,
            "title": title,
            "body": body,
            "state": "open",
            "labels": [{"name": name} for name in labels or ("bugfix", "infra", "ready-for-deploy")],
        }
    )


@pytest.mark.parametrize(("body", "migration"), [(BULLETS, "N"), (BOLD, "Y")])
def test_lists_and_bold_titles_are_as_good_as_headings(body: str, migration: str) -> None:
    form = judge_form(pull(body))
    assert form.problems == ()
    assert form.migration == migration


def test_a_heading_wins_over_a_line_that_merely_begins_alike() -> None:
    body = "## What changed\n- Migration of the table\n- Why not\n## Why\nx\n## Testing\ny\n## Migration\nN\n## Undo\nz"
    assert judge_form(pull(body)).problems == ()
    assert sections(body.splitlines())["Migration"].split() == ["N"]


@pytest.mark.parametrize("title", ["Paso 3 Notes", "[Paso] Notes", "[Paso 3]", "[Paso 3]Notes", "[paso 3] Notes", ""])
def test_titles_that_are_not_of_the_form(title: str) -> None:
    assert judge_form(pull(title=title)).problems


def test_what_a_template_left_unfilled_is_empty() -> None:
    template = "## What changed\n<!-- what? -->\n## Why\nx\n## Testing\ny\n## Migration? (Y/N - if Y, detail migration)"
    assert len(judge_form(pull(template)).problems) == 2


def test_two_kinds_of_change_at_once_are_one_too_many() -> None:
    assert judge_form(pull(labels=("bugfix", "hotfix", "backend", "ready-for-deploy"))).problems
    assert not judge_form(pull(labels=("bugfix", "backend", "panel", "ready-for-deploy"))).problems


def review(user: str, state: str, commit: str = "c", association: str = "MEMBER") -> Review:
    return Review(user, state, commit, association)


@pytest.mark.parametrize(
    ("reviews", "by", "against"),
    [
        ([review("ana", "APPROVED")], ("ana",), ()),
        ([review("ana", "APPROVED"), review("ana", "COMMENTED")], ("ana",), ()),
        ([review("ana", "APPROVED"), review("ana", "CHANGES_REQUESTED")], (), ("ana",)),
        ([review("ana", "CHANGES_REQUESTED"), review("ana", "APPROVED")], ("ana",), ()),
        ([review("ana", "APPROVED"), review("ana", "DISMISSED")], (), ()),
        ([review("carlos", "APPROVED")], (), ()),
        ([review("", "APPROVED")], (), ()),
        ([review("ana", "PENDING")], (), ()),
    ],
)
def test_the_latest_review_of_each_counts_and_the_authors_never(
    reviews: list[Review], by: tuple[str, ...], against: tuple[str, ...]
) -> None:
    found = judge_reviews(reviews, author="carlos", head="c")
    assert (found.by, found.against) == (by, against)


def test_an_approval_of_an_earlier_commit_does_not_count_and_says_of_which() -> None:
    found = judge_reviews([review("ana", "APPROVED", "old"), review("juan", "APPROVED", "")], author="c", head="new")
    assert found.by == ()
    assert found.earlier == (("ana", "old"), ("juan", ""))


def test_a_comment_on_the_last_commit_does_not_bring_an_older_approval_up_to_date() -> None:
    reviews = [review("ana", "APPROVED", "old"), review("ana", "COMMENTED", "new")]
    assert judge_reviews(reviews, author="carlos", head="new").by == ()


@pytest.mark.parametrize(
    ("association", "counts"),
    [("OWNER", 1), ("MEMBER", 1), ("COLLABORATOR", 1), ("CONTRIBUTOR", 0), ("NONE", 0), ("FIRST_TIMER", 0), ("", 0)],
)
def test_a_stranger_cannot_approve_a_release(association: str, counts: int) -> None:
    found = judge_reviews([review("ana", "APPROVED", "c", association)], author="carlos", head="c")
    assert len(found.by) == counts
    assert len(found.outside) == 1 - counts


def test_reviews_count_in_the_order_they_were_handed_in() -> None:
    told = [
        {
            "user": {"login": "ana"},
            "state": "CHANGES_REQUESTED",
            "commit_id": "c",
            "submitted_at": "2026-11-25T12:00:00Z",
        },
        {"user": {"login": "ana"}, "state": "APPROVED", "commit_id": "c", "submitted_at": "2026-11-25T11:00:00Z"},
    ]
    found = judge_reviews([model.read_review(dict(one)) for one in told], author="carlos", head="c")
    assert found.against == ("ana",)


def test_green_is_all_green_and_one_at_least_that_has_looked() -> None:
    green, red, running = Check("a", True, "success"), Check("b", True, "timed_out"), Check("c", False, "")
    skipped, neutral = Check("d", True, "skipped"), Check("n", True, "neutral")
    assert judge_checks([green, skipped]).passed
    assert not judge_checks([]).passed
    assert not judge_checks([skipped, neutral]).passed, "nobody has looked"
    assert not judge_checks([green, red]).passed
    assert not judge_checks([green, running]).passed
    assert not judge_checks([green], ("b",)).passed
    assert not judge_checks([Check("e", True, "")]).passed, "a conclusion that nobody knows is not green"


def test_a_required_check_has_to_succeed_under_its_own_name() -> None:
    green = Check("lint", True, "success")
    assert not judge_checks([green, Check("backend-ci", True, "skipped")], ("backend-ci",)).passed
    assert not judge_checks([green, Check("backend-ci-old", True, "success")], ("backend-ci",)).passed
    for name in ("backend-ci", "backend-ci (3.12)", "backend-ci / test"):
        assert judge_checks([green, Check(name, True, "success")], ("backend-ci",)).passed


def test_the_run_that_the_push_set_off_counts_and_one_by_hand_or_on_another_branch_does_not() -> None:
    def run(number: int, event: str, commit: str = "c", branch: str = "main") -> WorkflowRun:
        return WorkflowRun(number, "ci", "completed", "success", "", commit, branch, event, "x", None)

    runs = [run(3, "pull_request"), run(2, "push"), run(1, "push"), run(9, "push", "other"), run(8, "push", "c", "x")]
    found = run_of_commit(runs, "c", branch="main")
    assert found is not None
    assert found.id == 2
    assert run_of_commit([run(7, "workflow_dispatch", "c", "x")], "c", branch="main") is None
    by_workflow = run_of_commit([run(7, "workflow_run")], "c", event="workflow_run", branch="main")
    assert by_workflow is not None
    assert run_of_commit([], "c") is None


@given(st.text(alphabet="#*-`<!> \n[]xXYN?/:WhyTestingMigrationWhat changed\x1b\x9b", max_size=300))
def test_any_description_is_judged_without_a_crash(body: str) -> None:
    form = judge_form(pull(body))
    assert form.migration in ("", "Y", "N")
    assert not {"\x1b", "\x9b", "\n"} & set("".join(form.problems))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["number", "title", "body", "labels", "name", "user", "login", "head", "sha", "state", "steps",
                         "created_at", "merged_at", "actor", "triggering_actor", "status", "conclusion"]),
        inner, max_size=6,
    ),
    max_leaves=12,
)  # fmt: skip


@given(JSON)
def test_any_json_is_read_as_something_plain(told: object) -> None:
    for read in (
        model.read_pull_request,
        model.read_review,
        model.read_check_run,
        model.read_status,
        model.read_run,
        model.read_job,
    ):
        read(told)  # type: ignore[arg-type]
