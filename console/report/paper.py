"""A report as Markdown: the start of a post-mortem, with what testing missed left for people to write."""

from __future__ import annotations

from datetime import UTC, datetime

from console.release.approvals import role_title
from console.release.images import short_image
from console.report.gathering import Report
from console.report.page import facts_of, state_of
from console.report.safe import code_text
from console.report.safe import markdown_text as m
from console.telling import result_word
from console.watch.charts import Points
from console.words import _

OPEN = "…"
"""What is left for people to write."""


def paper(report: Report) -> str:
    """The whole document."""
    release = report.story.release
    word, _style = state_of(report)
    lines = [
        "# " + m(_("Post-mortem: release of {revision}").format(revision=release.canary)),
        "",
        f"**{m(word)}** · {m(report.service)} · {m(report.environment)} · {_time(release.started)} UTC",
        "",
        *(f"- **{m(name)}**: {m(value)}" for name, value in facts_of(report)),
        *(f"- ▲ {m(problem)}" for problem in report.problems),
        "",
        _heading(_("What happened")),
        "",
        _heads(_("when"), _("what"), _("who")),
        "| --- | --- | --- |",
        *(f"| {_time(one.at)} | {m(one.text)} | {m(one.by)} |" for one in report.story.happenings),
        "",
        _heading(_("Figures")),
        "",
        *_figures(report),
        "",
    ]
    if report.signatures:
        lines += [_heading(_("Approvals")), ""]
        for signature in report.signatures:
            approval = signature.approval
            told = f"{role_title(approval.role)}: {approval.by}, {_time(approval.at)}, {short_image(approval.digest)}"
            said, style = signature.said
            lines.append(f"- {m(told)}: {f'**{m(said)}**' if style == 'bad' else m(said)}")
        lines.append("")
    if report.statements:
        lines += [_heading(_("Statements of migrations, approved by a second person")), ""]
        for one in report.statements:
            state, style = one.state
            state = f"**{m(state)}**" if style == "bad" else m(state)
            told = f"{one.approval.by}, {_time(one.approval.at)}, {one.statement}"
            lines.append(f"- {m(told, 600)}: {state}")
        lines.append("")
    if report.steps:
        lines += [_heading(_("The checklist as it stood")), ""]
        lines += [_heads(_("step"), _("state"), _("what"), _("who")), "| --- | --- | --- | --- |"]
        for step in report.steps:
            known = step.evidence
            if known is None:
                undone = m(_("not done"))
                lines.append(f"| {m(step.title)} | {undone} | | |")
                continue
            whose = "" if known.machine else _("a person’s word")
            before = [
                _("before: {what}").format(what=" · ".join(filter(None, (result_word(b.result), b.sentence, b.by))))
                for b in step.earlier
            ]
            parts = (step.doubt, known.sentence, whose, known.reason, *known.problems, *before)
            what = " · ".join(part for part in parts if part)
            word = result_word(known.result.value)
            lines.append(f"| {m(step.title)} | {m(word)} | {m(what)} | {m(known.by)} |")
        lines.append("")
    if report.excerpts:
        lines += [_heading(_("From the log")), "", "````text"]
        lines += [
            f"{_time(one.at)} {one.severity} {one.revision} {code_text(one.text, 400)}" for one in report.excerpts
        ]
        lines += ["````", ""]
    for title in (_("What testing missed"), _("Test case that is added"), _("What else is done, by whom, until when")):
        lines += [_heading(title), "", OPEN, ""]
    begun = m(_("Begun by canario at {at}; times are UTC.").format(at=_time(report.made)))
    lines.append(f"_{begun}_")
    return "\n".join(lines) + "\n"


def _heading(title: str) -> str:
    return f"## {m(title)}"


def _heads(*names: str) -> str:
    return f"| {' | '.join(m(name) for name in names)} |"


def _figures(report: Report) -> list[str]:
    """Mean and highest value of each line."""
    data = report.charts
    rows = []
    for arm in (data.canary, data.stable):
        if not arm.revision:
            continue
        for name, points, shown in (
            (_("requests/s"), arm.requests_per_s, "{:,.0f}"),
            (_("error rate"), tuple((at, value * 100) for at, value in arm.error_rate), "{:.2f} %"),
            (_("P95"), arm.p95_ms, "{:,.0f} ms"),
        ):
            if points:
                average, highest = _mean(points), max(value for _at, value in points)
                rows.append(f"| {m(arm.revision)} | {m(name)} | {shown.format(average)} | {shown.format(highest)} |")
    if not rows:
        return [m(_("There is no data of these hours."))]
    return [
        _heads(_("revision"), "", _("mean"), _("highest minute")),
        "| --- | --- | --- | --- |",
        *rows,
    ]


def _mean(points: Points) -> float:
    return sum(value for _at, value in points) / len(points)


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
