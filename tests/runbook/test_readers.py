"""What the runbook's tools say, read: the real tools on the sample checkout, and hostile text."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.runbook import git as checkouts
from console.runbook import readers
from console.runbook.evidence import Evidence, Result
from console.simulator.checkout import Checkout, git
from tests.runbook.steps import Bench

PYTEST = ["pytest", "tests/", "-v", "--cov=wa_orchestrator"]


@pytest.fixture
def sample(bench: Bench, team: Checkout) -> Checkout:
    """The team's sample checkout, in which the bench works."""
    bench.checkout = team.path
    return team


async def command(bench: Bench, *argv: str, read: str, **settings: object) -> Evidence:
    return await bench.run(bench.step("command", argv=list(argv), read=read, **settings))


# -- pytest and coverage ----------------------------------------------------------------------------------------------


async def test_pytest_passes_with_its_counts_and_the_coverage_of_its_report(bench: Bench, sample: Checkout) -> None:
    step = bench.step("command", argv=PYTEST, read="pytest")
    evidence = await bench.run(step)
    assert evidence.result is Result.PASSED, evidence
    figures = dict(evidence.figures)
    assert int(figures["tests passed"]) > 20
    assert figures["coverage"].endswith(" %")
    assert "--cov-report=json:.canario/coverage.json" in step.explain()[0]
    assert list((bench.folder / "evidence").glob("a_step-*-coverage.json"))
    assert git(sample.path, "status", "--porcelain") == "", "the reports keep themselves out of git"


async def test_a_failing_test_is_named(bench: Bench, sample: Checkout) -> None:
    (sample.path / "tests" / "test_bad.py").write_text("def test_bad():\n    assert 1 == 2\n")
    evidence = await command(bench, *PYTEST, read="pytest")
    assert evidence.result is Result.FAILED
    assert "test_bad" in " ".join(evidence.problems)


async def test_too_little_coverage_fails_though_pytest_is_content(bench: Bench, sample: Checkout) -> None:
    more = "".join(f"    x{n} = {n}\n" for n in range(400))
    (sample.path / "wa_orchestrator" / "untested.py").write_text(f"def untested():\n{more}")
    evidence = await command(bench, *PYTEST, read="pytest")
    assert evidence.result is Result.FAILED
    assert "80 %" in " ".join(evidence.problems)
    assert (await command(bench, *PYTEST, read="pytest", coverage_percent=10)).result is Result.PASSED


async def test_a_report_of_yesterday_is_not_read_for_todays(bench: Bench, sample: Checkout) -> None:
    assert (await command(bench, *PYTEST, read="pytest")).result is Result.PASSED
    evidence = await command(bench, "true", "--cov=x", read="pytest")
    assert evidence.result is Result.FAILED
    assert "coverage" in " ".join(evidence.problems)


def junit(cases: str) -> str:
    return f'<?xml version="1.0"?><testsuites><testsuite name="pytest">{cases}</testsuite></testsuites>'


def test_junit_counts_each_case_once() -> None:
    text = junit(
        '<testcase classname="a" name="one"/><testcase name="two"><failure/><error/></testcase>'
        '<testcase name="three"><skipped/></testcase>'
    )
    found = readers.read_junit(text)
    assert found == readers.Tests(passed=1, failed=1, errors=0, skipped=1, names=("two",))


def test_an_xml_bomb_is_refused() -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><testsuites><testcase name="&b;"/></testsuites>'
    assert readers.read_junit(bomb) is None
    assert readers.read_coverage(bomb.replace("testsuites", "coverage")) is None


@pytest.mark.parametrize(
    ("report", "percent"),
    [
        ('{"totals": {"percent_covered": 91.25}}', 91.25),
        ('{"totals": {"percent_covered": 191}}', None),
        ('{"totals": {"percent_covered": NaN}}', None),
        ('{"totals": {"percent_covered": true}}', None),
        ('{"totals": []}', None),
        ("[" * 100_000, None),
        ('<coverage line-rate="0.5"/>', 50.0),
        (
            '<coverage lines-valid="10" lines-covered="5" branches-valid="10" branches-covered="10" line-rate="1"/>',
            75.0,
        ),
        ('<coverage lines-valid="0" lines-covered="0"/>', None),
        ("", None),
        ("91 %", None),
    ],
)
def test_coverage_is_what_the_report_says_or_unknown(report: str, percent: float | None) -> None:
    assert readers.read_coverage(report) == percent


@pytest.mark.parametrize(
    ("code", "output", "coverage", "passed"),
    [
        (0, "=== 34 passed in 1.20s ===", 80.0, True),
        (0, "=== 34 passed, 2 skipped, 1 warning in 61.20s (0:01:01) ===", 95.5, True),
        (0, "=== 34 passed in 1.20s ===", 79.99, False),
        (1, "=== 34 passed in 1.20s ===", 95.0, False),
        (0, "=== 1 failed, 33 passed in 1.20s ===", 95.0, False),
        (0, "=== 2 errors in 1.20s ===", 95.0, False),
        (0, "=== 3 skipped in 1.20s ===", 95.0, False),
        (0, "", 95.0, False),
        (5, "=== no tests ran in 0.01s ===", 95.0, False),
    ],
)
def test_exit_code_counts_and_coverage_must_all_be_well(code: int, output: str, coverage: float, passed: bool) -> None:
    report = json.dumps({"totals": {"percent_covered": coverage}})
    judged = readers.judge_pytest(code=code, output=output, junit="", coverage=report, needed=80.0)
    assert judged.passed is passed
    assert judged.passed or judged.problems


def test_coverage_just_under_the_limit_is_not_shown_as_the_limit() -> None:
    report = json.dumps({"totals": {"percent_covered": 79.99}})
    judged = readers.judge_pytest(code=0, output="= 1 passed in 1s =", junit="", coverage=report, needed=80.0)
    assert dict(judged.figures)["coverage"] == "79.9 %"


def test_the_runbooks_own_reports_are_kept_where_it_names_some() -> None:
    argv = ("pytest", "--cov=x", "--cov-report=xml:out/c.xml", "--junitxml=j.xml")
    assert readers.with_reports(argv, ".canario") == argv
    assert readers.report_files(argv, Path("/c")) == (("coverage", Path("/c/out/c.xml")), ("junit", Path("/c/j.xml")))
    outside = ("pytest", "--junitxml=/etc/passwd", "--cov-report=json:../../x")
    assert readers.report_files(outside, Path("/c")) == (), "a report outside the checkout is neither read nor removed"


# -- pylint and bandit ------------------------------------------------------------------------------------------------


async def test_pylint_gives_its_score_and_never_stops_anybody(bench: Bench, sample: Checkout) -> None:
    evidence = await command(bench, "pylint", "wa_orchestrator/", "--exit-zero", read="pylint")
    assert evidence.result is Result.PASSED, evidence
    assert "/10" in evidence.sentence


@pytest.mark.parametrize("form", ["txt", "json"])
async def test_bandit_finds_nothing_in_the_sample_and_something_in_an_eval(
    bench: Bench, sample: Checkout, form: str
) -> None:
    argv = ("bandit", "-r", "wa_orchestrator/", "-f", form)
    clean = await command(bench, *argv, read="bandit")
    assert clean.result is Result.PASSED, clean
    (sample.path / "wa_orchestrator" / "bad.py").write_text("import subprocess\nsubprocess.call('ls', shell=True)\n")
    evidence = await command(bench, *argv, read="bandit")
    assert evidence.result is Result.FAILED
    assert int(dict(evidence.figures)["low"]) + int(dict(evidence.figures)["high"]) > 0
    assert any("B60" in problem or "B40" in problem for problem in evidence.problems)


@pytest.mark.parametrize("output", ["", "No issues identified.", "{", "[]", '{"results": 3}', "Total issues: 0"])
def test_a_report_of_bandits_that_cannot_be_read_is_not_taken_for_a_clean_one(output: str) -> None:
    assert not readers.judge_bandit(code=0, output=output).passed


CODE = "Code scanned:\n\tTotal lines of code: 181\n\tTotal lines skipped (#nosec): 0\n"


def test_bandit_that_skipped_a_file_or_was_cut_or_failed_is_not_clean() -> None:
    totals = CODE + "Total issues (by severity):\n\tUndefined: 0\n\tLow: 0\n\tMedium: 0\n\tHigh: 0\n"
    assert readers.judge_bandit(code=0, output=totals).passed
    assert not readers.judge_bandit(code=2, output=totals).passed
    assert not readers.judge_bandit(code=0, output=totals, cut=True).passed
    assert not readers.judge_bandit(code=0, output=totals + "Files skipped (1):\n\tx.py\n").passed
    read = '"metrics": {"_totals": {"loc": 7}}'
    assert readers.judge_bandit(code=0, output=f'{{"results": [], "errors": [], {read}}}').passed
    assert not readers.judge_bandit(code=0, output=f'{{"results": [], "errors": [{{}}], {read}}}').passed


@pytest.mark.parametrize("form", ["txt", "json"])
async def test_bandit_over_a_folder_without_code_is_not_clean(bench: Bench, sample: Checkout, form: str) -> None:
    (sample.path / "empty").mkdir()
    evidence = await command(bench, "bandit", "-r", "empty/", "-f", form, read="bandit")
    assert evidence.result is Result.FAILED
    assert "no line of code" in evidence.sentence


@pytest.mark.parametrize(
    "metrics", ["3", "[]", '{"_totals": 3}', '{"_totals": {"loc": "9"}}', '{"_totals": {"loc": -1}}']
)
def test_a_report_that_does_not_say_how_much_was_read_is_not_clean(metrics: str) -> None:
    output = f'{{"results": [], "errors": [], "metrics": {metrics}}}'
    assert not readers.judge_bandit(code=0, output=output).passed


# -- hostile text -----------------------------------------------------------------------------------------------------

PIECES = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "=", "\n", "\x1b[31m", "\x9b", " passed", " failed", " in 1.0s", "Your code has been rated at ", "-9",
                "/10", "Total issues (by severity):", "Low: 1", "High: 99999999999", "{", "}", '"results"', ":", "[",
                '"totals"', '"percent_covered"', "<testcase name='x'>", "<failure/>", "<coverage line-rate='9e999'/>",
                "<testsuites>", "# branch.oid ", "# branch.ab +1 -", "1 .M N... 1 2 3 4 5 6 a b", "? ", "\0", "u ",
            ]
        ),
        st.text(max_size=5),
    ),
    max_size=30,
)  # fmt: skip


@given(PIECES, st.integers(-20, 300))
def test_no_reader_fails_on_any_output_and_none_lets_escapes_through(pieces: list[str], code: int) -> None:
    text = "".join(pieces)
    judged = [
        readers.judge_pytest(code=code, output=text, junit=text, coverage=text, needed=80.0),
        readers.judge_pylint(code=code, output=text),
        readers.judge_bandit(code=code, output=text),
        readers.judge_bandit(code=code, output="{" + text),
        checkouts.judge(checkouts.read_status(text), branch="develop", remote="origin"),
    ]
    for one in judged:
        assert one.passed or (one.problems and one.remedy)
        assert not {"\x1b", "\x9b", "\0"} & set(repr(one.sentence) + "".join(one.problems))
    covered = readers.read_coverage(text)
    assert covered is None or 0 <= covered <= 100


# -- git --------------------------------------------------------------------------------------------------------------


async def current(bench: Bench) -> Evidence:
    return await bench.run(bench.step("command", read="git_current"))


async def test_a_clean_checkout_level_with_its_upstream_passes_and_its_commit_is_learned(
    bench: Bench, sample: Checkout
) -> None:
    evidence = await current(bench)
    assert evidence.result is Result.PASSED, evidence
    assert evidence.learned == {"commit": git(sample.path, "rev-parse", "HEAD")}
    fetch = "git fetch --quiet -- origin +refs/heads/develop:refs/remotes/origin/develop"
    assert bench.step("command", read="git_current").explain()[0] == fetch


async def test_looking_again_after_the_merge_does_not_take_the_release_back_to_the_commit_before(
    bench: Bench, sample: Checkout
) -> None:
    head = git(sample.path, "rev-parse", "HEAD")
    git(sample.path, "checkout", "-q", "main")
    git(sample.path, "merge", "-q", "--no-ff", "--no-gpg-sign", "-m", "merge", "develop")
    merge = git(sample.path, "rev-parse", "HEAD")
    git(sample.path, "push", "-q"), git(sample.path, "checkout", "-q", "develop")
    bench.subject = replace(bench.subject, commit=merge)
    evidence = await current(bench)
    assert (evidence.result, evidence.learned) == (Result.PASSED, {})
    git(sample.path, "commit", "-q", "--no-gpg-sign", "--allow-empty", "-m", "more"), git(sample.path, "push", "-q")
    newer = await current(bench)
    assert newer.learned == {"commit": git(sample.path, "rev-parse", "HEAD")} != {"commit": head}


async def test_what_is_wrong_with_a_checkout_is_said_with_the_command_that_mends_it(
    bench: Bench, sample: Checkout
) -> None:
    (sample.path / "new file.py").write_text("x = 1\n")
    evidence = await current(bench)
    assert evidence.result is Result.FAILED
    assert "new file.py" in evidence.problems[0]
    assert evidence.learned == {}
    git(sample.path, "add", "."), git(sample.path, "commit", "-q", "--no-gpg-sign", "-m", "more")
    evidence = await current(bench)
    assert "git push origin" in evidence.remedy
    git(sample.path, "push", "-q"), git(sample.path, "reset", "-q", "--hard", "HEAD~1")
    evidence = await current(bench)
    assert "git pull origin develop" in evidence.remedy
    git(sample.path, "commit", "-q", "--no-gpg-sign", "--allow-empty", "-m", "other")
    assert "gone apart" in (await current(bench)).problems[0]
    git(sample.path, "checkout", "-q", "main")
    evidence = await current(bench)
    assert "git checkout develop" in evidence.remedy
    git(sample.path, "checkout", "-q", "--detach")
    assert (await current(bench)).result is Result.FAILED


async def test_a_branch_that_follows_a_fork_is_compared_with_what_the_team_has(bench: Bench, sample: Checkout) -> None:
    fork = sample.path.parent / "fork.git"
    git(sample.path, "clone", "-q", "--bare", str(sample.origin), str(fork))
    git(sample.path, "remote", "add", "fork", str(fork)), git(sample.path, "fetch", "-q", "fork")
    git(sample.path, "branch", "-q", "--set-upstream-to=fork/develop", "develop")
    assert (await current(bench)).result is Result.PASSED, "level with both"
    git(sample.path, "commit", "-q", "--no-gpg-sign", "--allow-empty", "-m", "merged by the team")
    git(sample.path, "push", "-q", "origin", "develop"), git(sample.path, "reset", "-q", "--hard", "HEAD~1")
    evidence = await current(bench)
    assert evidence.result is Result.FAILED
    assert "Commits of origin/develop that are not here: 1" in evidence.problems[0]
    git(sample.path, "pull", "-q", "origin", "develop")
    evidence = await current(bench)
    assert evidence.result is Result.PASSED, "the fork is behind now, and nothing is released from there"
    assert "level with origin/develop" in evidence.sentence


async def test_a_branch_that_the_remote_has_not_is_said_with_the_push_that_brings_it(
    bench: Bench, sample: Checkout
) -> None:
    git(sample.path, "checkout", "-q", "-b", "feature")
    evidence = await bench.run(bench.step("command", read="git_current", branch="feature"))
    assert evidence.result is Result.FAILED
    assert "no branch origin/feature" in evidence.problems[0]
    assert "git push -u origin feature" in evidence.remedy
    git(sample.path, "push", "-q", "origin", "feature")
    for branch in ("feature", ""):
        step = bench.step("command", read="git_current", branch=branch)
        assert (await bench.run(step)).result is Result.PASSED
    git(sample.path, "push", "-q", "origin", "--delete", "feature"), git(sample.path, "fetch", "-q", "origin")
    evidence = await bench.run(bench.step("command", read="git_current", branch="feature"))
    assert evidence.result is Result.FAILED, "what was fetched of it long ago is no longer there"


async def test_a_remote_out_of_reach_and_a_folder_that_is_no_repository_fail(bench: Bench, sample: Checkout) -> None:
    git(sample.path, "remote", "set-url", "origin", "/nowhere/at/all.git")
    evidence = await current(bench)
    assert evidence.result is Result.FAILED
    assert "git fetch" in evidence.sentence
    bench.checkout = bench.folder / "empty"
    bench.checkout.mkdir()
    assert (await current(bench)).result is Result.FAILED


@pytest.mark.parametrize(
    ("url", "repository"),
    [
        ("git@github.com:acme/wa-orchestrator.git", "acme/wa-orchestrator"),
        ("https://github.com/acme/wa-orchestrator", "acme/wa-orchestrator"),
        ("https://user:x@github.com/acme/wa.git/", "acme/wa"),
        ("ssh://git@github.com/acme/wa.git", "acme/wa"),
        ("../origin.git", ""),
        ("/srv/git/acme/wa.git", ""),
        ("", ""),
    ],
)
def test_a_remotes_url_names_the_repository(url: str, repository: str) -> None:
    assert checkouts.repository_of(url) == repository
