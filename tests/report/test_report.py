"""A report opens anywhere, tells all that is known, and lets nothing foreign be more than text."""

from __future__ import annotations

import html.parser
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.chronicle import Happening, Story, Version, tell
from console.errors import CanarioError, UsageError
from console.release.audited import ApprovalState, ApprovalWrite
from console.release.state import Approval, Candidate, Line, MigrationApproval, Move, Release, StepRecord
from console.report.gathering import Excerpt, Report, choose
from console.report.page import page
from console.report.paper import paper
from console.report.safe import html_text, markdown_text, masked
from console.report.statements import StatementYes
from console.report.svg import charts_of, nice, pieces
from console.report.vouching import Released, Signature, StepLine, signatures_of, steps_of
from console.report.writing import write
from console.runbook.evidence import Evidence, ItemResult, Result
from console.runbook.kinds.postmortem import inside
from console.runbook.load import load_runbook
from console.watch.charts import Arm, ChartData, Mark
from console.words import use_language

T0 = datetime(2026, 11, 25, 10, tzinfo=UTC)
HOSTILE = '<script>alert(1)</script>\x1b[31mred\x1b[0m \u202egnp.exe ` | [x](http://evil.example) &amp; "'


def release(ended: str | None = "promoted") -> Release:
    before = (Line(revision="wa-backend-00041-kem", percent=100),)
    moves = tuple(
        Move(kind="shift", at=T0 + timedelta(minutes=10 * n), by="maria@example.com", percent=p, before=before)
        for n, p in enumerate((10, 50, 100))
    )
    return Release.model_validate(
        {
            "id": "2026-11-25-1000-00042-vez",
            "canary": "wa-backend-00042-vez",
            "stable": "wa-backend-00041-kem",
            "baseline": before,
            "started": T0,
            "started_by": "maria@example.com",
            "step": 100,
            "moves": moves,
            "ended": ended,
            "ended_at": T0 + timedelta(minutes=26) if ended else None,
        }
    )


def candidate(**more: object) -> Candidate:
    known = {"id": "2026-11-25-0900", "opened": T0 - timedelta(hours=1), "opened_by": "maria@example.com"}
    return Candidate.model_validate(known | more)


def approval(by: str = "carlos@example.com", own: str = "a1") -> Approval:
    return Approval(
        id=own, role="tech_lead", by=by, at=T0 - timedelta(minutes=5), digest="sha256:1", plan="p", candidate="c"
    )


def statement_approval(**more: object) -> MigrationApproval:
    known: dict[str, object] = {
        "id": "s1", "by": "carlos@example.com", "at": T0 - timedelta(minutes=4), "file": "0007_notes.sql",
        "file_digest": "f", "statement": 2, "digest": "d", "candidate": "2026-11-25-0900",
    }  # fmt: skip
    return MigrationApproval.model_validate(known | more)


def report(text: str = "fine", **more: object) -> Report:
    points = tuple((T0 + timedelta(minutes=n), 100.0 + n) for n in range(30))
    rates = tuple((at, 0.002) for at, _value in points)
    arm = Arm("wa-backend-00042-vez", rates, (), points, (), points)
    stable = Arm("wa-backend-00041-kem", rates, (), points, (), points)
    evidence = Evidence(
        "tests",
        Result.PASSED,
        "maria@example.com",
        T0,
        text,
        figures=(("coverage", text),),
        problems=(text,),
        excerpt=(text,),
        items=(ItemResult("UAT-01", text, "pass", text, True, text),),
        reason=text,
    )
    known: dict[str, object] = {
        "service": "wa-backend",
        "environment": "production",
        "project": "demo",
        "region": "us-central1",
        "made": T0 + timedelta(hours=2),
        "story": Story(release(), (Happening(T0, "shift", text, text),), candidate(commit=text, author=text)),
        "charts": ChartData(
            timedelta(minutes=30), T0, T0 + timedelta(minutes=30), canary=arm, stable=stable,
            marks=(Mark(T0 + timedelta(minutes=1), "shift", 10),), source="Cloud Monitoring",
        ),
        "steps": (StepLine("Before", "tests", text, evidence), StepLine("Before", "lint", "Lint")),
        "signatures": (Signature(approval()),),
        "statements": (StatementYes(statement_approval(file=text), text, text, text),),
        "excerpts": (Excerpt(T0, "ERROR", "wa-backend-00042-vez", text),),
        "problems": (text,),
        "limits": {"error_rate": 0.01, "p95_ms": 800.0},
    }  # fmt: skip
    return Report(**(known | more))  # type: ignore[arg-type]


class Tags(html.parser.HTMLParser):
    """Every element and every address in a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "action", "data")]
        self.handlers += [name for name, _value in attrs if name.startswith("on")]


def test_the_page_loads_nothing_and_runs_nothing_whatever_people_wrote() -> None:
    whole = page(report(HOSTILE))
    seen = Tags(whole)
    assert not seen.tags & {"script", "link", "img", "iframe", "object", "embed", "base", "form", "a"}
    assert not seen.addresses
    assert not seen.handlers
    assert "default-src 'none'" in whole
    assert "&lt;script&gt;" in whole
    assert "url(" not in whole
    assert "@import" not in whole
    assert "\x1b" not in whole
    assert "\u202e" not in whole


@given(st.text(max_size=80))
def test_no_text_becomes_an_element(text: str) -> None:
    plain, with_text = Tags(page(report("x"))), Tags(page(report(text)))
    assert with_text.tags == plain.tags
    assert not with_text.addresses


def test_the_markdown_keeps_its_tables_and_has_no_markup_of_others() -> None:
    whole = paper(report(HOSTILE))
    rows = [line for line in whole.splitlines() if line.startswith("| 2026")]
    assert rows
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 4 for row in rows)
    outside = re.sub(r"````text.*?````", "", whole, flags=re.DOTALL)
    assert not re.search(r"(?<!\\)<script", outside)
    assert not re.search(r"(?<!\\)\[x\]\(", outside)


def test_a_fence_in_a_log_line_does_not_end_the_excerpt() -> None:
    whole = paper(report("````\n# not a heading"))
    assert whole.count("````") == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("from +58-0412-5551234 please", "from +58-0•••-•••••34 please"),
        ("de 5939999999 a las 8", "de 593•••••99 a las 8"),
        ("at 2026-11-25 10:00:00", "at 2026-11-25 10:00:00"),
        ("wa-backend-00042-vez 620 ms", "wa-backend-00042-vez 620 ms"),
        ("sha256:0123456789012345", "sha256:0123456789012345"),
        ("1,250 requests, 12345 errors", "1,250 requests, 12345 errors"),
    ],
)
def test_telephone_numbers_are_masked_and_nothing_else(text: str, told: str) -> None:
    assert masked(text) == told


def test_nothing_secret_is_in_it() -> None:
    secret = "https://hooks.slack.com/services/T0/B0/abcdef ghp_012345678901234567890123456789012345 password=hunter22"
    for whole in (page(report(secret)), paper(report(secret))):
        assert "hooks.slack.com/services" not in whole
        assert "ghp_" not in whole
        assert "hunter22" not in whole


@given(st.text())
def test_safe_text_has_no_raw_markup(text: str) -> None:
    assert not set(html_text(text)) & set("<>\"'")
    assert not re.search(r"(?<!\\)(?:\\\\)*[|<`]", markdown_text(text))


def test_it_tells_charts_approvals_checklist_and_log() -> None:
    whole = page(report())
    assert whole.count("<svg") == 3
    assert "confirmed by the audit log" in whole
    assert "not done" in whole
    assert "UAT-01" in whole
    assert "prefers-color-scheme:dark" in whole
    assert "@media print" in whole


IMAGE = "sha256:" + "1" * 64
RELEASED = Released(IMAGE, plan="p")


def signed(*calls: tuple[str, bool], released: Released = RELEASED, **more: object) -> Signature:
    """What a report says of carlos's approval after calls of (who, whether the annotation held it after), in order."""
    known = {"digest": IMAGE, "plan": "p", "candidate": "2026-11-25-0900", "at": T0 + timedelta(minutes=1)}
    yes = approval().model_copy(update=known | more)
    writes = [
        ApprovalWrite(T0 + timedelta(minutes=n), who, (yes,) if there else ()) for n, (who, there) in enumerate(calls)
    ]
    (signature,) = signatures_of(candidate(approvals=(yes,), plan="p"), writes, released)
    return signature


JUAN, CARLOS, MALLORY = "juan@example.com", "carlos@example.com", "mallory@example.com"


def test_an_approval_in_anothers_name_is_shown_as_forged_and_does_not_count() -> None:
    signature = signed((JUAN, False), (MALLORY, True))
    assert signature.state is ApprovalState.FORGED
    for whole in (page(report(signatures=(signature,))), paper(report(signatures=(signature,)))):
        assert "FORGED: written by mallory@example.com; it does not count" in whole


def test_an_approval_taken_out_and_put_back_by_another_is_forged_as_the_screen_says() -> None:
    signature = signed((JUAN, False), (CARLOS, True), (MALLORY, False), (MALLORY, True))
    assert signature.said == ("FORGED: written by mallory@example.com; it does not count", "bad")
    assert "confirmed by the audit log" not in page(report(signatures=(signature,)))


def test_who_only_carried_an_approval_along_is_not_said_to_have_forged_it() -> None:
    assert signed((JUAN, True)).said == ("no longer in the audit log", "soft")
    assert signed((JUAN, False), (CARLOS.upper(), True), (JUAN, True)).said == ("confirmed by the audit log", "good")


def test_an_approval_for_another_image_or_another_plan_is_void_and_the_report_says_why() -> None:
    calls = (JUAN, False), (CARLOS, True)
    for void in (signed(*calls, digest="sha256:" + "2" * 64), signed(*calls, plan="other")):
        assert void.state is ApprovalState.VOID
        whole = page(report(signatures=(void,)))
        assert "counts for nothing: it was given for" in whole


def test_an_approval_that_nobody_vouches_for_yet_does_not_count() -> None:
    said, style = signed((JUAN, False)).said
    assert said.startswith("not confirmed, does not count: ")
    assert style == "bad"


def test_an_approval_keeps_what_it_was_worth_when_its_release_was_stopped() -> None:
    yes = approval().model_copy(update={"digest": IMAGE, "candidate": "2026-11-25-0900"})
    over = candidate(approvals=(yes,), plan="p", closed="stopped", closed_at=T0)
    writes = [ApprovalWrite(T0 - timedelta(hours=1), JUAN, ()), ApprovalWrite(T0, CARLOS, (yes,))]
    (signature,) = signatures_of(over, writes, RELEASED)
    assert signature.said == ("confirmed by the audit log", "good")


def step(name: str, result: str = "passed", by: str = "maria@example.com", **more: object) -> StepRecord:
    known = {"step": name, "result": result, "by": by, "at": T0, "key": f"{name}-{result}", "sentence": "ok"}
    return StepRecord.model_validate(known | more)


def stood(*records: StepRecord, writes: Sequence[tuple[str, Sequence[StepRecord]]]) -> dict[str, StepLine]:
    """The checklist of a report where the annotation has `records`, after calls that wrote some of them."""
    calls = [ApprovalWrite(T0 + timedelta(minutes=n), who, (), (), tuple(held)) for n, (who, held) in enumerate(writes)]
    runbook = load_runbook(None, "despliegue").runbook
    return {one.id: one for one in steps_of(runbook, candidate(steps=records), (), calls)}


def test_a_step_passed_in_anothers_name_is_marked_in_the_report_and_does_not_count() -> None:
    uat, tests = step("uat"), step("tests")
    lines = stood(uat, tests, writes=((JUAN, ()), ("maria@example.com", (tests,)), (MALLORY, (tests, uat))))
    assert lines["tests"].doubt == ""
    assert "uat: passed in the name of maria@example.com does not count" in lines["uat"].doubt
    shown = (lines["uat"], lines["tests"])
    for whole in (page(report(steps=shown)), paper(report(steps=shown)).replace("\\", "")):
        assert "FORGED: written by mallory@example.com" in whole


def test_a_step_that_the_audit_log_does_not_vouch_for_is_marked() -> None:
    assert "not confirmed" in stood(step("uat"), writes=((JUAN, ()),))["uat"].doubt


def test_an_old_step_whose_writer_the_log_no_longer_names_is_not_called_forged() -> None:
    uat = step("uat")
    assert stood(uat, writes=((JUAN, (uat,)), (CARLOS, (uat,))))["uat"].doubt == "uat: no longer in the audit log"


def test_it_is_in_the_language_of_the_words() -> None:
    use_language("es")
    try:
        assert '<html lang="es">' in page(report())
    finally:
        use_language("en")


def test_without_data_it_says_so() -> None:
    empty = ChartData(timedelta(minutes=30), T0, T0 + timedelta(minutes=30))
    assert charts_of(empty, 0.01, 800.0) == ()
    assert "There is no data of these hours." in page(report(charts=empty))


def test_a_line_is_cut_where_nothing_is_known() -> None:
    minute = timedelta(minutes=1)
    points = tuple((T0 + minute * n, 1.0) for n in (0, 1, 2, 8, 9))
    assert [len(piece) for piece in pieces(points, minute)] == [3, 2]


@given(st.floats(0.0, 1e9, allow_nan=False))
def test_an_axis_ends_at_a_round_number_above_all(value: float) -> None:
    assert nice(value) >= value


def test_both_files_are_written_where_asked(tmp_path: Path) -> None:
    written = write(report(), tmp_path / "deep")
    assert written.html.read_text().startswith("<!doctype html>")
    assert written.markdown.read_text().startswith("# ")
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(CanarioError, match="cannot be written"):
        write(report(), blocked)


def test_a_report_is_its_writers_alone_and_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    first = write(report(), tmp_path / "out")
    assert {first.html.stat().st_mode & 0o777, first.markdown.stat().st_mode & 0o777} == {0o600}
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("mine")
    first.markdown.unlink()
    first.markdown.symlink_to(elsewhere)
    write(report(), tmp_path / "out")
    assert elsewhere.read_text() == "mine"
    assert not first.markdown.is_symlink()


def test_a_post_mortem_folder_that_a_link_leads_out_of_the_checkout_is_refused(tmp_path: Path) -> None:
    checkout, outside = tmp_path / "checkout", tmp_path / "outside"
    (checkout / "docs").mkdir(parents=True)
    outside.mkdir()
    assert inside(checkout, checkout / "docs" / "postmortems")
    (checkout / "docs" / "postmortems").symlink_to(outside)
    assert not inside(checkout, checkout / "docs" / "postmortems")
    assert not inside(checkout, checkout / "docs" / "postmortems" / "deep")


def test_a_release_is_found_by_its_id_its_revision_or_a_beginning() -> None:
    one = Story(release(), (), candidate())
    for wanted in ("", one.release.id, "wa-backend-00042-vez", "2026-11-25-0900", "2026-11-25-10"):
        assert choose([one], wanted, "wa-backend") is one
    with pytest.raises(UsageError, match="no release 'x'"):
        choose([one], "x", "wa-backend")
    with pytest.raises(UsageError, match="No release of wa-backend"):
        choose([], "", "wa-backend")


def test_a_release_tells_the_steps_and_approvals_that_led_to_it() -> None:
    walked = candidate(
        approvals=(approval(),),
        steps=(
            StepRecord(
                step="tests", result="passed", by="maria@example.com", at=T0 - timedelta(minutes=30), sentence="ok"
            ),
            StepRecord(step="uat", result="running", by="maria@example.com", at=T0 - timedelta(minutes=20)),
        ),
        closed="done",
        closed_at=T0 + timedelta(days=1),
    )
    (story,) = tell([Version(T0, "maria@example.com", release(), candidate())], release(), (), walked)
    assert story.candidate == walked
    told = [(one.kind, one.text) for one in story.happenings]
    assert ("step", "tests: passed · ok") in told
    (approved,) = [text for kind, text in told if kind == "approval"]
    assert approved.startswith("approved as tech lead: ")
    assert [text for kind, text in told if kind == "candidate"] == [
        "checklist opened: 2026-11-25-0900",
        "checklist closed: done",
    ]
    assert not any("uat" in text for _kind, text in told)


def test_the_candidate_of_the_next_release_is_not_this_ones() -> None:
    later = candidate(id="later", opened=T0 + timedelta(days=2))
    (story,) = tell([Version(T0, "maria@example.com", release(), None)], release(), (), later)
    assert story.candidate is None
