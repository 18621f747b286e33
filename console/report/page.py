"""A report as one HTML page: no script, nothing loaded, readable on paper, light or dark as the reader's machine is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import groupby

from console.commands.looking import ended_word
from console.release.approvals import role_title
from console.release.guardrails import duration, shares_text
from console.release.images import short_image
from console.release.state import StepRecord
from console.report.gathering import Report
from console.report.safe import html_text as h
from console.report.statements import StatementYes
from console.report.style import STYLE
from console.report.svg import charts_of
from console.report.vouching import Signature, StepLine
from console.runbook.evidence import Evidence, Result
from console.telling import result_word
from console.words import _, language

EXCERPT_LINES = 30
"""Lines of a step's output that are shown."""


def page(report: Report) -> str:
    """The whole page."""
    release = report.story.release
    title = _("Release of {revision}").format(revision=release.canary)
    made = _("Made by canario at {at}; times are UTC.").format(at=_time(report.made))
    parts = [
        _head(report, title),
        _summary(report),
        *(f'<p class="warn">▲ {h(problem)}</p>' for problem in report.problems),
        _section(_("What happened"), _timeline(report)),
        _section(_("Traffic, errors, latency"), _charts(report)),
        _section(_("Approvals"), _approvals(report.signatures)),
        _section(_("Statements of migrations, approved by a second person"), _statements(report.statements)),
        _section(_("The checklist as it stood"), _checklist(report.steps)),
        _section(_("From the log"), _excerpts(report)),
        f"<footer>{h(made)}</footer>",
    ]
    return (
        f'<!doctype html>\n<html lang="{h(language()[:2] or "en")}">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{h(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(part for part in parts if part)
        + "\n</main>\n</body>\n</html>\n"
    )


def state_of(report: Report) -> tuple[str, str]:
    """(how the release stands, its CSS class)."""
    release = report.story.release
    if release.ended is None:
        return _("under way at {percent} %").format(percent=release.step), "warn"
    return ended_word(release.ended), "good" if release.ended == "promoted" else "bad"


def facts_of(report: Report) -> tuple[tuple[str, str], ...]:
    """What there is to know at a glance, name and value."""
    release, candidate = report.story.release, report.story.candidate
    facts = [
        (_("Service"), report.service),
        (_("Environment"), f"{report.environment} · {report.project} · {report.region}"),
        (_("Revision"), release.canary),
        (_("Before it"), shares_text(release.baseline_shares())),
        (_("Began"), f"{_time(release.started)} · {release.started_by}"),
    ]
    if release.ended_at is not None:
        took = duration(release.ended_at - release.started)
        facts.append((_("Ended"), f"{_time(release.ended_at)} · {took}"))
    back = [move for move in release.moves if move.kind == "rollback"]
    if back:
        reason = back[-1].reason or _("no reason")
        facts.append((_("Rolled back"), f"{_time(back[-1].at)} · {back[-1].by} · {reason}"))
    if release.verdict is not None:
        facts.append((_("Verdict"), f"{release.verdict.word}: {release.verdict.sentence}"))
    if candidate is not None:
        author = candidate.author_login or candidate.author
        facts += [
            (_("Commit"), candidate.commit[:12]),
            (_("Pull request"), f"#{candidate.pull_request}" if candidate.pull_request else ""),
            (_("Author"), author),
            (_("Image"), candidate.image),
            (_("Migrations"), ", ".join(candidate.migrations)),
        ]
    return tuple((name, value) for name, value in facts if value)


def _head(report: Report, title: str) -> str:
    word, style = state_of(report)
    return (
        f'<h1>{h(title)}</h1>\n<p class="sub">{h(report.service)} · {h(report.environment)} · '
        f'{h(_time(report.story.release.started))} UTC &nbsp; <span class="badge {style}">{h(word)}</span></p>'
    )


def _summary(report: Report) -> str:
    told = "".join(f"<div><dt>{h(name)}</dt><dd>{h(value)}</dd></div>" for name, value in facts_of(report))
    return f'<section class="card"><dl>{told}</dl></section>'


def _timeline(report: Report) -> str:
    marks = {"rollback": "bad", "refused": "bad", "ended": "good", "verdict": "soft", "step": "soft", "auto": "warn"}
    rows = [
        f'<tr><td class="at">{h(_time(one.at))}</td><td class="{marks.get(one.kind, "")}">{h(one.text)}</td>'
        f'<td class="by">{h(one.by)}</td></tr>'
        for one in report.story.happenings
    ]
    return _table((_("when"), _("what"), _("who")), rows)


def _charts(report: Report) -> str:
    drawn = charts_of(report.charts, report.limits.get("error_rate"), report.limits.get("p95_ms"))
    if not drawn:
        return _soft(_("There is no data of these hours."))
    source = _("From {source}, a point each {period}.").format(
        source=report.charts.source, period=duration(report.charts.period)
    )
    return "\n".join(drawn) + f'\n<p class="soft">{h(source)}</p>'


def _approvals(signatures: Sequence[Signature]) -> str:
    rows = []
    for signature in signatures:
        approval = signature.approval
        said, style = signature.said
        state = f'<span class="{style}">{h(said)}</span>'
        rows.append(
            f'<tr><td class="at">{h(_time(approval.at))}</td><td>{h(role_title(approval.role))}</td>'
            f"<td>{h(approval.by)}</td><td>{h(short_image(approval.digest))}</td><td>{state}</td></tr>"
        )
    if not rows:
        return ""
    return _table((_("when"), _("role"), _("who"), _("image"), ""), rows)


def _statements(statements: Sequence[StatementYes]) -> str:
    rows = []
    for one in statements:
        state, style = one.state
        rows.append(
            f'<tr><td class="at">{h(_time(one.approval.at))}</td><td>{h(one.approval.by)}</td>'
            f'<td>{h(one.statement, 400)}</td><td><span class="{style}">{h(state)}</span></td></tr>'
        )
    return _table((_("when"), _("who"), _("statement"), ""), rows) if rows else ""


def _checklist(steps: Sequence[StepLine]) -> str:
    parts = []
    for phase, group in groupby(steps, key=lambda step: step.phase):
        rows = [_step(step) for step in group]
        parts.append(f"<h3>{h(phase)}</h3>{_table((), rows)}")
    return "\n".join(parts)


def _step(step: StepLine) -> str:
    evidence = step.evidence
    if evidence is None:
        undone = _("not done")
        return f'<tr><td style="width:34%">{h(step.title)}</td><td class="soft">{h(undone)}</td></tr>'
    word = "person" if not evidence.machine else ""
    by = f"{evidence.by} · {_time(evidence.at)}" + (" · " + _("a person’s word") if word else "")
    told = [
        f'<span class="{_style(evidence)}">{h(result_word(evidence.result.value))}</span> {h(evidence.sentence)}',
        f'<div class="figures">{h(by)}</div>',
    ]
    if step.doubt:
        told.insert(0, f'<div class="bad">▲ {h(step.doubt)}</div>')
    if evidence.reason:
        reason = _("Reason: {reason}").format(reason=evidence.reason)
        told.append(f"<div>{h(reason)}</div>")
    figures = " · ".join(f"{name}: {value}" for name, value in evidence.figures)
    if figures:
        told.append(f'<div class="figures">{h(figures)}</div>')
    told += [f'<div class="warn">▲ {h(problem)}</div>' for problem in evidence.problems]
    if evidence.items:
        items = "".join(
            f"<li>{h(item.id)} {h(item.title)}: {h(item.result or '-')}{f' · {h(item.note)}' if item.note else ''}"
            f"{f' <span class=soft>({h(item.by)})</span>' if item.by else ''}</li>"
            for item in evidence.items
        )
        cases = _("Cases")
        told.append(f"<details><summary>{h(cases)}: {len(evidence.items)}</summary><ul>{items}</ul></details>")
    for before in step.earlier:
        told.append(f'<div class="figures">{h(_time(before.at))} {h(_before(before))} · {h(before.by)}</div>')
    if evidence.excerpt:
        lines = "\n".join(h(line) for line in evidence.excerpt[-EXCERPT_LINES:])
        output = _("Output")
        told.append(f"<details><summary>{h(output)}</summary><pre>{lines}</pre></details>")
    return f'<tr><td style="width:34%">{h(step.title)}</td><td>{"".join(told)}</td></tr>'


def _before(record: StepRecord) -> str:
    return _("before: {what}").format(what=" · ".join(filter(None, (result_word(record.result), record.sentence))))


def _style(evidence: Evidence) -> str:
    if evidence.result is Result.PASSED:
        return "good"
    return "bad" if evidence.result in (Result.FAILED, Result.UNKNOWN) else "warn"


def _excerpts(report: Report) -> str:
    if not report.excerpts:
        return _soft(_("No ERROR of the new revision in these hours."))
    lines = "\n".join(
        f"{h(_time(one.at))}  {h(one.severity):<8} {h(one.revision)}  {h(one.text, 400)}" for one in report.excerpts
    )
    told = _("The first {count} errors of the new revision; telephone numbers are masked.").format(
        count=len(report.excerpts)
    )
    return f'<section class="card"><pre>{lines}</pre></section><p class="soft">{h(told)}</p>'


def _soft(text: str) -> str:
    return f'<p class="soft">{h(text)}</p>'


def _section(title: str, body: str) -> str:
    return f"<h2>{h(title)}</h2>\n{body}" if body else ""


def _table(heads: Sequence[str], rows: Iterable[str]) -> str:
    head = f"<tr>{''.join(f'<th>{h(name)}</th>' for name in heads)}</tr>" if heads else ""
    return f"<table>{head}{''.join(rows)}</table>"


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
