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


def review(user: str, state: str, commit: str = "c") -> Review:
    return Review(user, state, commit)


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
    found = judge_reviews(reviews, author="carlos")
    assert (found.by, found.against) == (by, against)


def test_an_approval_of_an_earlier_commit_is_told() -> None:
    assert judge_reviews([review("ana", "APPROVED", "old")], author="c", head="new").earlier == ("ana",)


def test_green_is_all_green_and_some() -> None:
    green, red, running = Check("a", True, "success"), Check("b", True, "timed_out"), Check("c", False, "")
    skipped = Check("d", True, "skipped")
    assert judge_checks([green, skipped]).passed
    assert not judge_checks([]).passed
    assert not judge_checks([green, red]).passed
    assert not judge_checks([green, running]).passed
    assert not judge_checks([green], ("b",)).passed
    assert not judge_checks([Check("e", True, "")]).passed, "a conclusion that nobody knows is not green"


def test_the_run_of_a_push_counts_before_others_of_the_same_commit() -> None:
    def run(number: int, event: str, commit: str = "c") -> WorkflowRun:
        return WorkflowRun(number, "ci", "completed", "success", "", commit, "main", event, "x", None)

    runs = [run(3, "pull_request"), run(2, "push"), run(1, "push"), run(9, "push", "other")]
    found = run_of_commit(runs, "c")
    assert found is not None
    assert found.id == 2
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
