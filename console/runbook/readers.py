"""Readers of what the runbook's tools say: pytest with coverage, pylint, bandit. Pure, and safe on hostile text.

Formats: JUnit XML as pytest writes it (`--junitxml`), coverage.py's JSON and Cobertura XML reports, the summaries that
pytest, pylint and bandit print. Runbook: `Verificación de Código`, `Coverage > 80%`, `No security warnings`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.parsers import expat

from console.runbook.judging import Judged
from console.text import clean
from console.words import _

LARGEST_REPORT = 64 * 1024 * 1024
"""Characters of a report that are read."""
MOST = 10**9
"""Largest count that is believed."""
SHOWN = 10
"""Names of failed tests, or findings, that are listed."""


# -- pytest -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tests:
    """How many tests ended how."""

    passed: int = 0
    failed: int = 0
    errors: int = 0
    skipped: int = 0
    names: tuple[str, ...] = ()
    """The first of those that failed, cleaned."""


def with_reports(argv: Sequence[str], folder: str) -> tuple[str, ...]:
    """The command line of pytest with the reports that are read: JUnit XML, and coverage as JSON where it is measured.

    Args:
        argv: as the runbook says it.
        folder: where the reports go, from where pytest runs.
    """
    words = list(argv)
    if not any(word.split("=")[0] in ("--junitxml", "--junit-xml") for word in words):
        words.append(f"--junitxml={folder}/junit.xml")
    measured = any(word == "--cov" or word.startswith("--cov=") for word in words)
    reported = any(word.startswith(("--cov-report=json", "--cov-report=xml")) for word in words)
    if measured and not reported:
        if not any(word.startswith("--cov-report") for word in words):
            words.append("--cov-report=term")
        words.append(f"--cov-report=json:{folder}/coverage.json")
    return tuple(words)


def report_files(argv: Sequence[str], folder: Path) -> tuple[tuple[str, Path], ...]:
    """(`junit` or `coverage`, its file) of each report that a pytest command line writes inside `folder`."""
    found: list[tuple[str, str]] = []
    for word, following in zip(argv, (*argv[1:], ""), strict=True):
        option, _equals, value = word.partition("=")
        if option in ("--junitxml", "--junit-xml"):
            found.append(("junit", value or following))
        elif option == "--cov-report" and value.split(":")[0] in ("json", "xml"):
            form, _colon, path = value.partition(":")
            found.append(("coverage", path or f"coverage.{form}"))
    inside = [(kind, Path(path)) for kind, path in found if path]
    return tuple((k, folder / path) for k, path in inside if not path.is_absolute() and ".." not in path.parts)


def read_junit(text: str) -> Tests | None:
    """The counts of a JUnit XML report, or None where it is none."""
    if not text or len(text) > LARGEST_REPORT:
        return None
    counts = {"passed": 0, "failure": 0, "error": 0, "skipped": 0}
    names: list[str] = []
    case = [""]
    worst: list[str] = []
    suites = [0]

    def start(tag: str, attributes: dict[str, str]) -> None:
        suites[0] += tag in ("testsuite", "testsuites")
        if tag == "testcase":
            parts = attributes.get("classname", ""), attributes.get("name", "")
            case[0] = clean("::".join(part for part in parts if part), 200)
            worst.clear()
        elif tag in counts:
            worst.append(tag)

    def end(tag: str) -> None:
        if tag != "testcase":
            return
        # a test may fail and then err in its teardown: it is one test
        how = next((kind for kind in ("failure", "error", "skipped") if kind in worst), "passed")
        counts[how] += 1
        if how in ("failure", "error") and len(names) < SHOWN:
            names.append(case[0])

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.EntityDeclHandler = _refuse_entities
    try:
        parser.Parse(text, True)
    except (expat.ExpatError, ValueError):
        return None
    if not suites[0]:
        return None
    return Tests(counts["passed"], counts["failure"], counts["error"], counts["skipped"], tuple(names))


def _refuse_entities(*_declaration: object) -> None:
    """No report declares entities; a file that does wants to grow in memory."""
    raise ValueError("entities")


_SUMMARY = re.compile(r"^=+ (?P<counts>[^=\n]{1,300}?) in [\d.:]{1,20}s?\b[^=\n]{0,40}=+\s*$", re.MULTILINE)
_COUNT = re.compile(r"(\d{1,9}) (passed|failed|errors?|skipped|xfailed|xpassed)\b")


def read_summary(output: str) -> Tests | None:
    """The counts of the last line that pytest prints, or None where there is none."""
    found = list(_SUMMARY.finditer(output[-20_000:]))
    if not found:
        return None
    counts = {word.removesuffix("s") if word == "errors" else word: int(n) for n, word in _COUNT.findall(found[-1][1])}
    if not counts:
        return None
    return Tests(
        passed=counts.get("passed", 0) + counts.get("xpassed", 0),
        failed=counts.get("failed", 0),
        errors=counts.get("error", 0),
        skipped=counts.get("skipped", 0) + counts.get("xfailed", 0),
    )


def read_coverage(text: str) -> float | None:
    """Coverage in percent, 0 to 100, of coverage.py's JSON report or a Cobertura XML one; None where it is neither."""
    if not text or len(text) > LARGEST_REPORT:
        return None
    if text.lstrip().startswith("{"):
        try:
            totals = json.loads(text).get("totals")
        except (ValueError, RecursionError):
            return None
        return _percent(totals.get("percent_covered")) if isinstance(totals, dict) else None
    return _coverage_of_xml(text)


def _coverage_of_xml(text: str) -> float | None:
    rates: list[dict[str, str]] = []
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda tag, attributes: rates.append(attributes) if tag == "coverage" else None
    parser.EntityDeclHandler = _refuse_entities
    try:
        parser.Parse(text, True)
        root = rates[0]
        if "lines-valid" not in root:
            return _percent(float(root["line-rate"]) * 100)
        # with branches, percent_covered of the JSON report weighs both, and so does this
        valid = int(root["lines-valid"]) + int(root.get("branches-valid", "0"))
        covered = int(root["lines-covered"]) + int(root.get("branches-covered", "0"))
        return _percent(covered / valid * 100) if valid > 0 else None
    except (expat.ExpatError, ValueError, KeyError, IndexError, OverflowError):
        return None


def _percent(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and 0 <= value <= 100 else None


def judge_pytest(*, code: int, output: str, junit: str, coverage: str, needed: float) -> Judged:
    """Whether the tests pass and cover enough: the exit code, the counts and the coverage report must all say so.

    Args:
        code: pytest's exit code.
        output: what it printed, for the counts where there is no report.
        junit: JUnit XML, or empty.
        coverage: coverage.py's report, or empty.
        needed: coverage in percent that is enough.
    """
    tests = read_junit(junit) or read_summary(output)
    covered = read_coverage(coverage)
    figures: list[tuple[str, str]] = []
    problems: list[str] = []
    if tests is None:
        problems.append(_("No counts of tests were found in its report or in what it printed."))
    else:
        figures += [(_("tests passed"), f"{tests.passed}"), (_("tests failed"), f"{tests.failed + tests.errors}")]
        figures += [(_("tests skipped"), f"{tests.skipped}")] if tests.skipped else []
        if tests.failed or tests.errors:
            problems.append(_("Tests that failed: {count}.").format(count=tests.failed + tests.errors))
            problems += tests.names
        elif not tests.passed:
            problems.append(_("No test ran."))
    if covered is None:
        problems.append(_("No coverage was found: its report (--cov-report=json) is missing or cannot be read."))
    else:
        figures.append((_("coverage"), f"{covered:.1f} %"))
        if covered < needed:
            # down, never up: 79.96 % is not shown as 80.0 %
            short = math.floor(covered * 10) / 10
            figures[-1] = (_("coverage"), f"{short:.1f} %")
            problems.append(_("Coverage is {covered} %, under {needed} %.").format(covered=short, needed=f"{needed:g}"))
    if code and not (tests and (tests.failed or tests.errors)):
        problems.append(_("It ended with exit code {code}.").format(code=code))
    words = ", ".join(f"{name} {value}" for name, value in figures)
    if not problems:
        return Judged(True, words, tuple(figures))
    return Judged(
        False,
        words or problems[0],
        tuple(figures),
        tuple(problems),
        _("Fix it, commit, and press Enter again."),
    )


# -- pylint and bandit ------------------------------------------------------------------------------------------------

_SCORE = re.compile(r"Your code has been rated at (-?\d{1,9}(?:\.\d{1,4})?)/10")
_MESSAGE = re.compile(r"^[^\s:][^:\n]{0,300}:\d{1,7}:\d{1,7}: [CRWEF]\d{4}: .{1,400}$", re.MULTILINE)


def read_pylint(output: str) -> float | None:
    """The score out of 10 (it may be negative), or None where it gave none."""
    found = _SCORE.findall(output[-20_000:])
    return float(found[-1]) if found else None


def judge_pylint(*, code: int, output: str) -> Judged:
    """The score; advice only, so what fails is a pylint that did not run to its end (32: its command line is wrong)."""
    score = read_pylint(output)
    messages = len(_MESSAGE.findall(output))
    if score is None:
        return Judged(
            False,
            _("pylint gave no score (exit code {code}).").format(code=code),
            problems=(_("No score was found in what it printed."),),
            remedy=_("Read its last lines; the release does not wait for it."),
        )
    figures = ((_("score"), f"{score:.2f}/10"), (_("messages"), f"{messages}"))
    return Judged(
        True, _("pylint: {score}/10, messages: {count}").format(score=f"{score:.2f}", count=messages), figures
    )


@dataclass(frozen=True, slots=True)
class Findings:
    """What bandit found."""

    by_severity: tuple[tuple[str, int], ...]
    """(`undefined`, `low`, `medium` or `high`; how many)."""
    worst: tuple[str, ...] = ()
    """The first of them, a sentence each, cleaned."""
    unread: int = 0
    """Files that bandit could not read."""
    lines: int = 0
    """Lines of code that it has read."""

    @property
    def total(self) -> int:
        """How many there are."""
        return sum(count for _severity, count in self.by_severity)


SEVERITIES = ("undefined", "low", "medium", "high")
_TOTALS = re.compile(
    r"^\s*Total issues \(by severity\):\s*$\s*"
    r"Undefined: (\d{1,9})\s+Low: (\d{1,9})\s+Medium: (\d{1,9})\s+High: (\d{1,9})",
    re.MULTILINE,
)
_ISSUE = re.compile(r"^>> Issue: (.{1,300})$", re.MULTILINE)
_LINES = re.compile(r"^\s*Total lines of code: (\d{1,9})\s*$", re.MULTILINE)
_UNREAD = re.compile(r"^Files skipped \((\d{1,9})\):", re.MULTILINE)


def read_bandit(output: str) -> Findings | None:
    """What bandit found, from its text or JSON report; None where it is neither."""
    if output.lstrip().startswith("{"):
        return _bandit_json(output)
    totals = _TOTALS.findall(output)
    if not totals:
        return None
    unread = _UNREAD.findall(output)
    issues = tuple(clean(issue, 200) for issue in _ISSUE.findall(output)[:SHOWN])
    counts = tuple(zip(SEVERITIES, map(int, totals[-1]), strict=True))
    lines = _LINES.findall(output)
    return Findings(counts, issues, int(unread[-1]) if unread else 0, int(lines[-1]) if lines else 0)


def _bandit_json(output: str) -> Findings | None:
    try:
        told = json.loads(output)
    except (ValueError, RecursionError):
        return None
    results, errors = told.get("results"), told.get("errors", [])
    if not isinstance(results, list) or not isinstance(errors, list):
        return None
    counts = dict.fromkeys(SEVERITIES, 0)
    worst: list[str] = []
    for result in results:
        finding = result if isinstance(result, dict) else {}
        severity = str(finding.get("issue_severity", "")).lower()
        counts[severity if severity in counts else "undefined"] += 1
        if len(worst) < SHOWN:
            where = f"{finding.get('filename', '?')}:{finding.get('line_number', '?')}"
            worst.append(clean(f"{finding.get('test_id', '')} {finding.get('issue_text', '')} ({where})".strip(), 200))
    return Findings(tuple(counts.items()), tuple(worst), len(errors), _lines_of(told.get("metrics")))


def _lines_of(metrics: object) -> int:
    """`metrics._totals.loc` of a JSON report; 0 where it is not there."""
    totals = metrics.get("_totals") if isinstance(metrics, dict) else None
    lines = totals.get("loc") if isinstance(totals, dict) else None
    return min(lines, MOST) if isinstance(lines, int) and not isinstance(lines, bool) and lines > 0 else 0


def judge_bandit(*, code: int, output: str, cut: bool = False) -> Judged:
    """Whether bandit has read some code and warns of nothing at all. Runbook: `No security warnings`.

    Args:
        code: its exit code (1 where it found something; other codes are failures of its own).
        output: its text or JSON report.
        cut: whether `output` is the report's beginning only.
    """
    found = read_bandit(output)
    if found is None or cut:
        return Judged(
            False,
            _("bandit's report cannot be read (exit code {code}).").format(code=code),
            problems=(_("No counts by severity were found in what it printed."),),
            remedy=_("Read its last lines; it needs -f txt or -f json and no -o."),
        )
    figures = tuple((severity, f"{count}") for severity, count in found.by_severity if count or severity != "undefined")
    words = ", ".join(f"{count} {severity}" for severity, count in figures)
    problems = found.worst
    if found.unread:
        problems += (_("Files that could not be read: {count}.").format(count=found.unread),)
    if found.total or problems:
        said = _("security warnings: {words}").format(words=words)
        return Judged(False, said, figures, problems or (said,), _("Fix what it found, commit, and press Enter again."))
    if code:
        return Judged(
            False,
            _("bandit ended with exit code {code}.").format(code=code),
            figures,
            (_("It found nothing, and still did not end well."),),
            _("Read its last lines, put it right, and press Enter again."),
        )
    if not found.lines:
        return Judged(
            False,
            _("bandit has read no line of code."),
            figures,
            (_("Where it looked is no Python: 0 lines of code were scanned."),),
            _("Check the folder in its command line, and press Enter again."),
        )
    figures += ((_("lines of code"), f"{found.lines:,}"),)
    return Judged(True, _("no security warnings in {lines} lines of code").format(lines=f"{found.lines:,}"), figures)


def judge_code(*, code: int, well: tuple[int, ...] = (0,)) -> Judged:
    """The exit code alone."""
    figures = ((_("exit code"), f"{code}"),)
    if code in well:
        return Judged(True, _("exit code {code}").format(code=code), figures)
    if code < 0:
        said = _("A signal ended it ({number}).").format(number=-code)
    else:
        said = _("It ended with exit code {code}.").format(code=code)
    return Judged(False, said, figures, (said,), _("Read its last lines, put it right, and press Enter again."))
