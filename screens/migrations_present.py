"""From the migrations' board to what the widgets take: pure functions. Nothing here knows Textual."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from console.migrations import locking
from console.migrations.board import Board, Line, Phase, Sending
from console.migrations.facts import TableFacts
from console.migrations.showing import picture
from console.migrations.values import Question, ReplicaState, State, Statement, Transaction
from console.migrations.verdict import Finding, Verdict
from console.release.audited import same_person
from console.release.guardrails import Facts
from console.release.migration_approvals import MigrationCheck, check_migration_approvals
from console.text import clean
from console.words import _, ngettext
from screens import figures
from widgets.replica_list import ReplicaRow
from widgets.statement_panel import Reason, StatementState, summary_word

if TYPE_CHECKING:
    from console.migrations.memory import Compatibility
    from screens.view import View

RETRIES = 4
"""Attempts after the first (`console.migrations.around.RETRY_WAITS_S`)."""

TRANSACTIONS = 5
"""Long transactions that are listed by name at most."""


@dataclass(frozen=True, slots=True)
class ListRow:
    """One statement in the list."""

    file: str
    index: int
    glyph_state: str
    state_word: str
    verdict: str
    sql: str
    """Its first words, one line."""


def verdict_word(verdict: str) -> str:
    """A verdict with what it means for old code."""
    return {
        "additive": _("ADDITIVE: old code does not notice"),
        "blocking": _("BLOCKING: old code survives, and waits"),
        "incompatible": _("INCOMPATIBLE: old code can fail, or data is lost"),
    }.get(verdict, _("UNKNOWN: not understood, so never safe"))


def rows(board: Board) -> tuple[ListRow, ...]:
    """The list."""
    return tuple(
        ListRow(
            line.statement.file,
            line.statement.index,
            line.state.value,
            summary_word(line.state.value),
            verdict_of(line),
            clean(" ".join(line.statement.sql.split()), 160),
        )
        for line in board.lines
    )


def verdict_of(line: Line) -> str:
    """A statement's verdict: of one that is applied, as it was before that."""
    row = line.row
    return row.verdict if row is not None and row.applied and row.verdict else line.statement.verdict


def status(view: View, board: Board) -> str:
    """The line over the list: which database, which folder, what is left or in the way."""
    if board.phase is Phase.NO_DATABASE:
        return no_database(board)
    where, server = board.where, board.server
    if server is not None:
        version = server.version.removesuffix("-MariaDB")
        where = f"{locking.NAMES.get(server.engine, server.engine)} {version} · {where}"
    parts = [clean(where, 120) or _("reading the database …"), _("folder {folder}").format(folder=clean(board.folder))]
    left = sum(line.pending and not line.statement.session for line in board.lines)
    if board.lines:
        parts.append(
            ngettext("{count} statement left", "{count} statements left", left).format(count=left)
            if left
            else _("all applied")
        )
    return " · ".join(parts)


def no_database(board: Board) -> str:
    """How to configure one."""
    return _(
        "No database is set for {environment}, so nothing can be applied here. Write into the settings file:\n\n"
        "  [environments.{environment}.database]\n"
        '  url = "mysql://canario@10.0.0.5/wa"\n'
        '  replicas = ["mysql://canario@10.0.0.6/wa"]\n\n'
        "The url may also begin with postgresql:// or sqlite:///. Each replica must have a statement before the next "
        "is sent. The password is a secret: CANARIO_DATABASE_PASSWORD, the keyring (keyring set canario "
        "database-password), or IAM.\n\n"
        "What a file does to running code can be read without a database: canario migrations lint FILE..."
    ).format(environment=board.environment)


def problems(board: Board) -> tuple[str, ...]:
    """What is wrong, most pressing first."""
    found = (board.problem, board.changed, board.read_problem)
    return tuple(dict.fromkeys(one for one in found if one))


def schema_line(compatibility: Compatibility | None, target: str | None, service: str) -> str:
    """Whether the revision that a rollback goes to runs on the schema as it now is."""
    if compatibility is None or target is None:
        return ""
    glyph = "?" if compatibility.runs is None else "✔" if compatibility.runs else "✖"
    return f"{glyph} " + _("rollback → {target}: {sentence}").format(
        target=figures.short(target, service), sentence=compatibility.sentence
    )


def panel(view: View, board: Board, line: Line, now: float, key: Callable[[str], str]) -> StatementState:
    """The statement panel.

    Args:
        view: what is true now.
        board: of it.
        line: the chosen one.
        now: monotonic wall seconds.
        key: the key of an action of the registry, as shown.
    """
    question = board.question if board.question is not None and board.question.statement.key == line.key else None
    sending = board.sending if board.sending is not None and board.sending.key == line.key else None
    tables = (question.facts if question is not None else {}) or board.tables
    checks = checks_of(view)
    given = [told_of(check) for check in checks if line.statement.ref.approved_by(check.approval)]
    return replace(
        described(line.statement, board, line, tables, checks),
        place=place(line.statement),
        state="intent" if sending is not None else line.state.value,
        state_word=_("at the server") if sending is not None else summary_word(line.state.value),
        sentence="" if sending is not None else line.sentence or "; ".join(given),
        live=live(sending, now) if sending is not None else (),
        first=in_the_way(question) if question is not None else (),
        press=press(board, line, key, approved=_approved_by(view.identity, line.statement, checks)),
    )


def _approved_by(who: str, statement: Statement, checks: Sequence[MigrationCheck]) -> bool:
    """Whether `who` has approved a statement already, whether or not the audit log has told so yet."""
    return any(
        check.state.value in ("verified", "verifying")
        and same_person(check.approval.by, who)
        and statement.ref.approved_by(check.approval)
        for check in checks
    )


def question_state(view: View, question: Question, board: Board) -> StatementState:
    """The statement as a dialog asks for it."""
    line = board.line(question.statement.key) or Line(question.statement, State.PLANNED)
    tables = question.facts or board.tables
    return replace(described(question.statement, board, line, tables, checks_of(view)), first=in_the_way(question))


def statement_state(view: View, line: Line, board: Board) -> StatementState:
    """What is true of a statement whatever its state."""
    return described(line.statement, board, line, board.tables, checks_of(view))


def checks_of(view: View) -> tuple[MigrationCheck, ...]:
    """Second people's approvals of statements, as far as the audit log has told this console of them."""
    snapshot = view.snapshot
    rules = view.rules
    return check_migration_approvals(
        snapshot.candidate, snapshot.approval_writes, people=rules.people, logins=rules.logins
    )


def facts_of(view: View) -> Facts:
    """What the second person's guardrail asks for, from the picture."""
    snapshot = view.snapshot
    return Facts(
        service=snapshot.service,
        candidate=snapshot.candidate,
        migration_approvals=checks_of(view),
        approvals_problem=snapshot.approvals_problem,
    )


def described(
    statement: Statement,
    board: Board,
    line: Line,
    tables: Mapping[str, TableFacts],
    checks: Sequence[MigrationCheck] = (),
) -> StatementState:
    """What is true of a statement whatever its state.

    Args:
        statement: which.
        board: what is known.
        line: the statement's.
        tables: as the database said last.
        checks: second people's approvals.
    """
    shown, verdict = picture(statement.sql), verdict_of(line)
    # judged anew, an applied statement would only be told that what it adds is there already
    findings = [one for one in statement.findings if not (line.row and line.row.applied) or not _there(one)]
    engine = board.server.engine if board.server is not None else board.engine
    facts = [
        (_("old code"), locking.survives(verdict)),
        (_("locks"), locking.locks(statement, engine)),
        (_("limits"), locking.limits(engine, RETRIES)),
    ]
    if size := locking.sizes(statement, tables, board.server):
        facts.append((_("table"), size))
    if statement.loses_data:
        facts.append((_("data"), _("is lost: refused in protected environments")))
    safer = [one.safer for one in findings if one.safer and one.rule.verdict is not Verdict.ADDITIVE]
    facts += [(_("instead"), one[:1].upper() + one[1:]) for one in dict.fromkeys(safer)]
    given = [check for check in checks if statement.ref.approved_by(check.approval)]
    facts += [(_("approved"), told_of(check)) for check in given]
    if not given and line.row is not None and line.row.approved_by:
        facts.append((_("approved"), line.row.approved_by))
    if line.row is not None and line.row.flag:
        facts.append((_("flag"), line.row.flag))
    return StatementState(
        sql=shown.lines,
        bytes_line=_("{count} bytes, as they are sent · sha256 {digest}").format(
            count=f"{shown.size:,}", digest=statement.digest[:16]
        ),
        hidden=tuple(
            _("no screen can show {what}: it is not sent. Write it as an escape.").format(what=one)
            for one in shown.hidden
        ),
        verdict=verdict,
        verdict_word=verdict_word(verdict),
        facts=tuple(facts),
        reasons=tuple(
            Reason(finding.id, _reason(finding), finding.source, finding.rule.verdict.value) for finding in findings
        ),
        why=_("why"),
    )


def told_of(check: MigrationCheck) -> str:
    """One second person's approval, and what it is worth."""
    word = {
        "verified": _("✔ {who}: the Cloud Audit Log confirms it"),
        "verifying": _("◐ {who}: verifying; {why}"),
        "forged": _("✖ FORGED: {why}"),
    }.get(check.state.value, _("✖ {who}: void; {why}"))
    return word.format(who=check.approval.by, why=check.why)


def _there(finding: Finding) -> bool:
    return finding.id == "exists-already"


def _reason(finding: Finding) -> str:
    """The rule's sentence alone where the safer form stands in a line of its own."""
    if finding.safer and finding.rule.verdict is not Verdict.ADDITIVE:
        return finding.reason.removesuffix(finding.safer).strip()
    return finding.reason


def place(statement: Statement) -> str:
    """Where it stands."""
    return _("{file}, statement {number}, line {line}").format(
        file=clean(statement.file, 80), number=statement.index, line=statement.line
    )


def in_the_way(question: Question) -> tuple[str, ...]:
    """What to know before anything else: open transactions first, then earlier attempts."""
    found: list[str] = []
    if question.transactions is None:
        found.append(_("The server does not tell which transactions are open."))
    for one in (question.transactions or ())[:TRANSACTIONS]:
        found.append(locking.describe_other(one))
    more = len(question.transactions or ()) - TRANSACTIONS
    if more > 0:
        found.append(ngettext("{count} more is open.", "{count} more are open.", more).format(count=more))
    if question.again:
        found.append(_("Asked again: {why}.").format(why=question.again))
    if question.already:
        found.append(_("The schema shows it already."))
    return tuple(found)


def live(sending: Sending, now: float) -> tuple[tuple[str, str], ...]:
    """While a statement is at the server."""
    found = [(_("elapsed"), figures.span(timedelta(seconds=max(now - sending.since, 0.0))))]
    if sending.cancelled:
        found.append((_("cancel"), _("asked of the server; its answer is waited for")))
    running = sending.running
    if running is not None and running.busy:
        found.append((_("server"), running.doing))
        if running.waits:
            found.append((_("waits for"), running.waits))
        found += [(_("blocked by"), _other(one)) for one in running.blockers[:TRANSACTIONS]]
    elif sending.retry:
        found.append((_("waiting"), sending.retry))
    elif not sending.told:
        found.append((_("server"), _("does not tell what it waits for")))
    blocking = {one.connection for one in running.blockers} if running is not None else set()
    others = [one for one in sending.transactions if one.connection not in blocking]
    return (*found, *((_("open"), _other(one)) for one in others[:TRANSACTIONS]))


def _other(one: Transaction) -> str:
    return f"{one.who} ({one.connection}), {one.seconds:.0f} s: {one.doing}"


def press(
    board: Board, line: Line, key: Callable[[str], str], *, approved: bool = False
) -> tuple[tuple[str, str], ...]:
    """What to press now, for the chosen statement.

    Args:
        board: what is known.
        line: the chosen statement's.
        key: the key of an action of the registry, as shown.
        approved: whether the operator has approved it.
    """
    go, stop, approve = key("migrations_go"), key("migrations_cancel"), key("migrations_approve")
    if board.phase is Phase.SENDING:
        return ((stop, _("cancel it on the server")),)
    if board.phase is Phase.REPLICAS:
        return ((stop, _("stop waiting for the replicas")),)
    if board.busy:
        return ((stop, _("stop")),)
    found: list[tuple[str, str]] = []
    following = board.next_line
    if line.leftovers:
        found.append((go, _("drop the INVALID index that it left")))
    elif line.state is State.UNKNOWN:
        found.append((go, _("say what became of it")))
    elif board.unsettled:
        found.append((go, _("look what became of it, then go on")))
    elif following is not None:
        found.append((go, _("go on: {place} is next").format(place=f"{following.statement.file}, {following.key[1]}")))
    elif board.late:
        found.append((go, _("wait for the replicas")))
    if line.pending and line.statement.second_person and line.state is not State.UNKNOWN and not approved:
        found.append((approve, _("approve it, as a second person")))
    return tuple(found)


def replica_rows(board: Board) -> tuple[ReplicaRow, ...]:
    """The replicas, those that have said nothing yet as unknown."""
    known = {one.name: one for one in board.replicas}
    return tuple(
        _replica(known.get(name) or ReplicaState(name, "unknown", _("not asked yet"))) for name in _names(board, known)
    )


def _names(board: Board, known: dict[str, ReplicaState]) -> Sequence[str]:
    return tuple(dict.fromkeys((*board.replica_names, *known)))


def _replica(one: ReplicaState) -> ReplicaRow:
    return ReplicaRow(one.name, one.state, one.sentence, one.lag_s, one.lags, one.position)


def no_replica(board: Board) -> str:
    """What the pane of replicas says where there are none."""
    if board.phase in (Phase.NO_DATABASE, Phase.READING) and not board.where:
        return _("not known yet")
    if board.engine == "sqlite":
        return _("No replica is configured: SQLite has none.")
    return _("No replica is configured: nobody looks whether one has what is applied.")


__all__ = ["ListRow", "no_replica", "panel", "problems", "question_state", "replica_rows", "rows", "status"]
