"""The acceptance list: the team's file, answered case by case, with the machine's cases done by the machine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from console.clock import SystemClock
from console.cloud.client import Cloud
from console.cloud.target import CloudTarget
from console.errors import UsageError
from console.runbook.evidence import Evidence, ItemResult, Result
from console.runbook.http_checks import PATHS
from console.runbook.kinds.base import Answer, StepKind
from console.runbook.kinds.uat import Uat
from console.runbook.uat_list import read_cases, result_of, standing
from console.settings import GitHubSettings, Settings
from console.simulator import checkout, webhook
from console.simulator.checkout import Checkout
from console.simulator.server import Simulator
from tests.runbook.conftest import MakeSimulator
from tests.runbook.steps import MARIA, Bench

LIST = """# UAT

- [ ] UAT-02 **[crítico]** Messages are read: `POST /webhook`
- [x] UAT-03 A booking for `4`
- not a case
- [ ] UAT-01 (critical) The webhook is verified (GET /events)
"""


@pytest.fixture
def here(bench: Bench) -> Bench:
    (bench.checkout / "qa").mkdir()
    write(bench, LIST)
    return bench


def write(bench: Bench, text: str) -> None:
    (bench.checkout / "qa" / "UAT_checklist.md").write_text(text, encoding="utf-8")


def uat(bench: Bench, **settings: object) -> StepKind:
    return bench.step("uat", **{"cases": 3} | settings)


async def say(
    bench: Bench, step: StepKind, item: str, word: str, note: str = "", before: Evidence | None = None
) -> Evidence:
    return await bench.run(step, Answer(word=word, item=item, note=note), before)


def results(evidence: Evidence) -> dict[str, str]:
    return {item.id: item.result for item in evidence.items}


async def test_case_by_case_it_is_partial_until_all_have_passed_under_the_persons_name(here: Bench) -> None:
    step = uat(here)
    evidence = await say(here, step, "UAT-01", "pass")
    assert evidence.result is Result.PARTIAL
    evidence = await say(here, step, "UAT-02", "pass", before=evidence)
    evidence = await say(here, step, "UAT-03", "pass", before=evidence)
    assert evidence.result is Result.PASSED
    assert {item.by for item in evidence.items} == {MARIA}
    assert not evidence.machine


async def test_critical_cases_come_first_and_a_ticked_box_in_the_file_counts_for_nothing(here: Bench) -> None:
    step = uat(here)
    assert isinstance(step, Uat)
    items = step.items(here.context(step).paths)
    assert [(item.id, item.critical, item.result) for item in items] == [
        ("UAT-02", True, ""),
        ("UAT-01", True, ""),
        ("UAT-03", False, ""),
    ]
    assert items[2].title == "A booking for 4"


async def test_a_failure_stops_the_release_at_once_and_needs_a_note(here: Bench) -> None:
    step = uat(here)
    with pytest.raises(UsageError):
        await say(here, step, "UAT-02", "fail")
    with pytest.raises(UsageError):
        await say(here, step, "UAT-02", "blocked", "   ")
    evidence = await say(here, step, "UAT-02", "fail", "answers in English")
    assert evidence.result is Result.FAILED
    assert evidence.problems == ("UAT-02: answers in English",)
    mended = await say(here, step, "UAT-02", "pass", before=evidence)
    assert mended.result is Result.PARTIAL


async def test_a_blocked_case_fails_the_list_once_nothing_is_open(here: Bench) -> None:
    step = uat(here)
    evidence = await say(here, step, "UAT-01", "blocked", "no test number")
    assert evidence.result is Result.PARTIAL
    for name in ("UAT-02", "UAT-03"):
        evidence = await say(here, step, name, "pass", before=evidence)
    assert evidence.result is Result.FAILED


async def test_enter_opens_a_failed_case_again_once_all_others_are_answered(here: Bench) -> None:
    step = uat(here)
    evidence = await say(here, step, "UAT-01", "fail", "no answer")
    assert results(await here.run(step, before=evidence))["UAT-01"] == "fail", "others are open yet"
    for name in ("UAT-02", "UAT-03"):
        evidence = await say(here, step, name, "pass", before=evidence)
    again = await here.run(step, before=evidence)
    assert (again.result, results(again)["UAT-01"]) == (Result.PARTIAL, "")
    assert (await say(here, step, "UAT-01", "pass", before=again)).result is Result.PASSED


async def test_a_case_whose_text_changed_is_open_again_and_the_others_are_not(here: Bench) -> None:
    step = uat(here)
    evidence = None
    for name in ("UAT-01", "UAT-02"):
        evidence = await say(here, step, name, "pass", before=evidence)
    write(here, LIST.replace("is verified", "is verified twice"))
    evidence = await say(here, step, "UAT-03", "pass", before=evidence)
    assert results(evidence) == {"UAT-01": "", "UAT-02": "pass", "UAT-03": "pass"}
    assert evidence.result is Result.PARTIAL


async def test_answers_about_another_image_are_not_this_ones(here: Bench) -> None:
    step = uat(here, bound_to="image")
    here.subject = replace(here.subject, image_id="sha256:one")
    evidence = await say(here, step, "UAT-01", "pass")
    here.subject = replace(here.subject, image_id="sha256:two")
    evidence = await say(here, step, "UAT-02", "pass", before=evidence)
    assert results(evidence) == {"UAT-01": "", "UAT-02": "pass", "UAT-03": ""}


async def test_a_list_that_is_not_whole_fails(here: Bench) -> None:
    evidence = await say(here, uat(here, cases=26), "UAT-01", "pass")
    assert evidence.result is Result.FAILED
    assert "3" in evidence.sentence
    assert "26" in evidence.sentence
    assert results(evidence)["UAT-01"] == "pass"


async def test_mistakes_are_sentences(here: Bench) -> None:
    step = uat(here)
    for item, word in (("UAT-99", "pass"), ("UAT-01", "maybe"), ("UAT-01", "post")):
        with pytest.raises(UsageError):
            await say(here, step, item, word)
    write(here, LIST + "- [ ] UAT-01 again\n")
    with pytest.raises(UsageError) as raised:
        await say(here, step, "UAT-02", "pass")
    assert "UAT-01" in raised.value.what
    (here.checkout / "qa" / "UAT_checklist.md").unlink()
    with pytest.raises(UsageError):
        await say(here, step, "UAT-02", "pass")
    (here.checkout / "qa" / "UAT_checklist.md").symlink_to("/etc/hostname")
    with pytest.raises(UsageError):
        await say(here, step, "UAT-02", "pass")
    with pytest.raises(ValidationError):
        uat(here, file="../other.md")


# -- with the simulated application and GitHub ------------------------------------------------------------------------


@pytest.fixture
async def connected(
    here: Bench, make_simulator: MakeSimulator, team: Checkout
) -> AsyncIterator[tuple[Bench, Simulator]]:
    simulator = await make_simulator(speed=20.0)
    simulator.team.github.use(team.origin)
    cloud = await Cloud.connect(CloudTarget("demo", "us-central1", f"127.0.0.1:{simulator.port}"), SystemClock())
    here.tools.clouds = {"production": cloud, "staging": cloud}
    here.tools.secrets = {
        "app-secret": webhook.APP_SECRET,
        "verify-token": webhook.VERIFY_TOKEN,
        "github-token": "sim-maria@example.com",
    }
    github = GitHubSettings(api=simulator.team.github_url, repository="acme/wa-orchestrator")
    here.tools.settings = Settings(github=github)
    yield here, simulator
    await cloud.close()


async def test_enter_does_the_machines_cases_and_nobody_answers_them_by_hand(
    connected: tuple[Bench, Simulator],
) -> None:
    bench, _simulator = connected
    step = uat(bench, machine={"UAT-01": "events", "UAT-02": "webhook"})
    with pytest.raises(UsageError):
        await say(bench, step, "UAT-01", "pass")
    evidence = await bench.run(step)
    assert evidence.result is Result.PARTIAL
    assert results(evidence) == {"UAT-01": "pass", "UAT-02": "pass", "UAT-03": ""}
    assert {item.by for item in evidence.items if item.result} == {"canario"}
    assert (await say(bench, step, "UAT-03", "pass", before=evidence)).result is Result.PASSED


async def test_where_the_list_numbers_otherwise_the_machine_ticks_no_case_of_another_meaning(
    connected: tuple[Bench, Simulator],
) -> None:
    bench, _simulator = connected
    write(bench, LIST.replace("UAT-01", "UAT-X").replace("UAT-03", "UAT-01").replace("UAT-X", "UAT-03"))
    step = uat(bench, machine={"UAT-01": "events", "UAT-02": "webhook"})
    evidence = await bench.run(step)
    assert results(evidence) == {"UAT-01": "", "UAT-02": "pass", "UAT-03": ""}
    answered = await say(bench, step, "UAT-01", "fail", "books for 3", before=evidence)
    assert answered.result is Result.FAILED, "what it says, a person has tried"


@pytest.mark.parametrize(
    ("text", "machine"),
    [
        ("- [ ] UAT-01 `GET /events` echoes", "events"),
        ("- [ ] UAT-01 It echoes https://x.example/events", ""),
        ("- [ ] UAT-01 GET /events-old", ""),
        ("- [ ] UAT-01 GET /events\n- [ ] UAT-02 GET /events twice", ""),
        ("- [ ] UAT-01 Echoes <!-- canario: events -->\n- [ ] UAT-02 GET /events twice", "events"),
    ],
)
def test_a_case_is_the_machines_where_it_alone_says_what_is_checked(text: str, machine: str) -> None:
    cases = read_cases(text, {"UAT-01": "events"}, {"events": "/events"})
    assert next(case for case in cases if case.id == "UAT-01").machine == machine


async def test_a_machines_case_that_fails_says_why_and_is_checked_again(connected: tuple[Bench, Simulator]) -> None:
    bench, _simulator = connected
    bench.tools.secrets["verify-token"] = "another"
    step = uat(bench, machine={"UAT-01": "events"})
    evidence = await bench.run(step)
    assert evidence.result is Result.FAILED
    assert "UAT-01" in evidence.problems[0]
    bench.tools.secrets["verify-token"] = webhook.VERIFY_TOKEN
    assert results(await bench.run(step, before=evidence))["UAT-01"] == "pass"


async def test_a_failures_note_is_written_on_the_pull_request_once(connected: tuple[Bench, Simulator]) -> None:
    bench, simulator = connected
    step = uat(bench)
    failed = await say(bench, step, "UAT-03", "fail", "books for 3")
    for _ in range(2):
        await say(bench, step, "UAT-03", "post", before=failed)
    [comment] = simulator.team.github.pull.comments
    assert comment.user == "maria"
    assert "UAT-03" in comment.body
    assert "books for 3" in comment.body


async def test_a_failure_and_its_note_can_be_given_in_one_word(connected: tuple[Bench, Simulator]) -> None:
    bench, simulator = connected
    evidence = await say(bench, uat(bench), "UAT-03", "fail+post", "books for 3")
    assert results(evidence)["UAT-03"] == "fail"
    assert "books for 3" in simulator.team.github.pull.comments[0].body
    with pytest.raises(UsageError):
        await say(bench, uat(bench), "UAT-03", "fail+nonsense", "books for 3")


async def test_an_answer_counts_also_where_github_does_not_take_its_note(connected: tuple[Bench, Simulator]) -> None:
    bench, simulator = connected
    bench.tools.secrets["github-token"] = "sim-denied-x@example.com"
    evidence = await say(bench, uat(bench, post_note=True), "UAT-03", "fail", "books for 3")
    assert results(evidence)["UAT-03"] == "fail"
    assert "not on the pull request" in evidence.problems[-1]
    assert simulator.team.github.pull.comments == []


def test_the_teams_own_list_has_26_cases_of_which_the_first_five_are_critical() -> None:
    text = (Path(checkout.__file__).parent / "files" / "qa" / "UAT_checklist.md").read_text(encoding="utf-8")
    cases = read_cases(text, {"UAT-01": "events", "UAT-02": "webhook"}, PATHS)
    assert [case.machine for case in cases] == ["events", "webhook", *[""] * 24]
    assert [case.id for case in cases] == [f"UAT-{n:02d}" for n in range(1, 27)]
    assert [case.critical for case in cases] == [True] * 5 + [False] * 21
    assert all("**" not in case.title and "`" not in case.title and "crítico" not in case.title for case in cases)


def test_a_mark_in_the_file_gives_a_case_to_the_machine_and_is_not_its_text() -> None:
    [case] = read_cases("- [ ] UAT-07 It is up <!-- canario: healthz -->")
    assert (case.machine, case.title) == ("healthz", "It is up")


@given(st.text(alphabet="-[] xX*#`<>!UAT0123 crítico\n\t\x1b\x9b|()", max_size=300))
def test_any_markdown_is_read_into_clean_cases(text: str) -> None:
    for case in read_cases(text):
        assert case.id
        assert not {"\x1b", "\x9b", "\n"} & set(case.title)


@given(st.lists(st.sampled_from(["pass", "fail", "blocked", ""]), max_size=5))
def test_only_a_list_of_passes_passes(words: list[str]) -> None:
    items = [ItemResult(f"C-{n}", "t", word) for n, word in enumerate(words)]
    assert (result_of(items) is Result.PASSED) == (bool(words) and set(words) == {"pass"})
    assert standing((), items) == ()
