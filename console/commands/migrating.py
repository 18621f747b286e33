"""`canario migrations apply`, `status`, `approve`, `decide`: the same engine as the screen's, confirmed by options."""

from __future__ import annotations

import functools
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from console.actions.door import Door
from console.clock import Clock, SystemClock
from console.commands.output import SCHEMA, say, say_json, say_table, warn
from console.commands.running import Where, default_identity, find_place, find_settings, session_at
from console.errors import BlockedError, CanarioError, ExitCode, UsageError
from console.migrations import confirming, deciding, ledger
from console.migrations.apply import Applier
from console.migrations.around import Surroundings
from console.migrations.database import Address, Database, make_database
from console.migrations.files import read_folder
from console.migrations.gate import ReplicationGate
from console.migrations.lint import lint
from console.migrations.replicas import make_replica
from console.migrations.threads import in_thread
from console.migrations.urls import read_url
from console.migrations.values import (
    Approval,
    Confirmation,
    LedgerRow,
    MigrationFile,
    Progress,
    Question,
    RunResult,
    State,
)
from console.migrations.verdict import Dialect
from console.release.guardrails import EnvironmentRules, Facts
from console.release.transitions import UNKNOWN_IDENTITY
from console.words import _, ngettext

if TYPE_CHECKING:
    from console.settings import Environment, Settings


@dataclass(frozen=True, slots=True)
class Target:
    """Which database, which folder, as typed."""

    folder: str | None = None
    database: str | None = None
    replicas: tuple[str, ...] = ()
    dialect: str | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """What the operator confirms beforehand."""

    names: frozenset[str] = frozenset()
    """Tables, as typed with --yes."""
    reason: str = ""
    flag: str = ""
    approved_by: str = ""


@dataclass(frozen=True)
class Ground:
    """An environment, opened for migrations."""

    settings: Settings
    environment: Environment
    rules: EnvironmentRules
    door: Door
    operator: str
    facts: Callable[[], Awaitable[Facts]]
    clock: Clock
    address: Address
    replicas: tuple[Address, ...] = field(default=())
    remember: Callable[[Sequence[str]], Awaitable[None]] | None = None
    """Notes names of applied files in the release's candidate; None where no cloud is asked."""

    def database(self) -> Database:
        """Not yet connected."""
        return make_database(self.address, who=self.operator)


@asynccontextmanager
async def ground(where: Where, target: Target) -> AsyncIterator[Ground]:
    """Open the environment: its cloud for window, driver and time; without one only where nothing is protected.

    Raises:
        UsageError: no database is named, or the dialect is another.
    """
    settings = find_settings()
    environment = settings.environment(where.env)
    address, replicas = addresses(environment, target)
    clock = SystemClock()
    local = environment.simulator and not environment.protected and not (where.endpoint or environment.endpoint)
    if not local:
        place = find_place(where, settings)
        async with session_at(place) as session:
            yield Ground(
                settings,
                place.environment,
                settings.rules(place.environment),
                session.actions.door,
                session.identity,
                session.actions.facts,
                session.clock,
                address,
                replicas,
                session.actions.note_migrations,
            )
            await session.actions.door.flush()
        return
    from console.journal import Journal
    from console.migrations.offline import NoCloud
    from console.notify import Notifier

    operator, scope = default_identity(), f"local/local/{environment.service}"
    with Journal.open(settings.journal_path(), scope=scope, session=secrets.token_hex(6), clock=clock) as journal:

        async def facts() -> Facts:
            ok = await in_thread(lambda: journal.writable)
            return Facts(identity=operator, journal_ok=ok, journal_problem=journal.problem)

        context = {"by": operator, "environment": environment.name, "service": environment.service}
        door = Door(NoCloud(clock), journal, Notifier(None), clock, context)
        yield Ground(
            settings, environment, settings.rules(environment), door, operator, facts, clock, address, replicas
        )
        await door.flush()


def addresses(environment: Environment, target: Target) -> tuple[Address, tuple[Address, ...]]:
    """Where the database and its replicas are, with their password.

    Raises:
        UsageError: none is named, or `--dialect` says another.
    """
    from console.secrets import database_password

    own = environment.database
    if target.database is not None:
        address, urls = read_url(target.database), target.replicas
    elif own is not None:
        address, urls = read_url(own.url, cloud_sql=own.cloud_sql, iam=own.iam), target.replicas or own.replicas
    else:
        raise UsageError(
            _("No database is set for {environment}.").format(environment=environment.name),
            remedy=_("Write url under [environments.{environment}.database], or give --database URL.").format(
                environment=environment.name
            ),
        )
    if target.dialect is not None and target.dialect != address.engine:
        raise UsageError(
            _("The database speaks {engine}, not {dialect}.").format(engine=address.engine, dialect=target.dialect)
        )
    if address.engine == "sqlite" or address.iam:
        return address, tuple(read_url(url) for url in urls)
    password = database_password(environment.name).value or ""
    return replace(address, password=password), tuple(replace(read_url(url), password=password) for url in urls)


def folder_of(settings: Settings, target: Target) -> Path:
    """The folder of the migrations."""
    return Path(target.folder or settings.migrations.folder)


async def read_files(here: Ground, target: Target) -> tuple[MigrationFile, ...]:
    """The folder's files, judged with what the live database says of itself."""
    dialect = Dialect(here.address.engine)
    database = here.database()
    await in_thread(database.connect)
    try:
        facts = await in_thread(database.facts)
    finally:
        await in_thread(database.close)
    return read_folder(folder_of(here.settings, target), lambda text: lint(text, dialect, facts), dialect)


async def apply(where: Where, target: Target, given: Given, *, as_json: bool) -> int:
    """Apply what is pending, each statement confirmed by its table's name."""
    async with ground(where, target) as here:
        files = await read_files(here, target)
        database = here.database()
        tell, brought = _reporter(as_json), list[str]()

        def report(progress: Progress) -> None:
            if progress.state is State.VERIFIED and progress.statement is not None and not progress.statement.session:
                brought.append(progress.statement.file)
            tell(progress)

        gate = _gate(here, database, report)
        around = Surroundings(here.door, here.rules, here.operator, here.facts, here.clock, gate)

        async def ask(question: Question) -> Confirmation:
            if not as_json:
                _show(question)
            return await _confirm(question, given, database)

        try:
            result = await Applier(database, around, report).run(files, ask)
        finally:
            await _remember(here, brought)
        _end(result, gate is not None, as_json)
    return ExitCode.DONE


async def _remember(here: Ground, files: Sequence[str]) -> None:
    """Let the release remember what was applied, also where the run stopped after it; best effort, and said."""
    if here.remember is None or not files:
        return
    try:
        await here.remember(tuple(dict.fromkeys(files)))
    except CanarioError as error:
        warn(_("Note: {note}").format(note=str(error)))


def _gate(here: Ground, database: Database, report: Callable[[Progress], None]) -> ReplicationGate | None:
    if not here.replicas:
        return None
    return ReplicationGate(
        database,
        [make_replica(address, here.address.database) for address in here.replicas],
        here.clock,
        wait_s=here.settings.migrations.replica_wait.total_seconds(),
        limit_s=here.settings.checklist.replication_lag.total_seconds(),
        report=report,
    )


async def _confirm(question: Question, given: Given, database: Database) -> Confirmation:
    statement = question.statement
    approval: Approval | None = None
    if "approval" in confirming.needs(question) and given.approved_by:
        found = await in_thread(lambda: ledger.approvals(database))
        approval = next(
            (one for one in found if one.by == given.approved_by and one.statement_digest == statement.digest), None
        )
    typed = statement.name if statement.name in given.names or statement.session else ""
    return Confirmation(statement.digest, typed, given.reason, given.flag, approval)


def _show(question: Question) -> None:
    """A statement as it will be sent, and what speaks for and against it."""
    statement = question.statement
    say()
    place = _("{file}, statement {number}, line {line}").format(
        file=statement.file, number=statement.index, line=statement.line
    )
    say(f"{place}: {statement.verdict}")
    for line in statement.sql.splitlines():
        say(f"    {line}")
    for reason in statement.reasons:
        say(f"  {reason}")
    for name, table in question.facts.items():
        if table.rows is not None or table.size_bytes is not None:
            size = f"{table.size_bytes / 1e6:,.1f} MB" if table.size_bytes is not None else "?"
            rows = f"{table.rows:,}" if table.rows is not None else "?"
            say("  " + _("{table}: about {rows} rows, {size}").format(table=name, rows=rows, size=size))
    if question.transactions is None:
        say("  " + _("The server does not tell which transactions are open."))
    for open_one in question.transactions or ():
        say(
            "  "
            + _("Open for {seconds:.0f} s, in its way: {who} (connection {name}) {doing}").format(
                seconds=open_one.seconds, who=open_one.who, name=open_one.connection, doing=open_one.doing
            )
        )
    if question.already:
        say("  " + _("The schema shows it already."))
    if question.again:
        say("  " + _("Asked again: {why}.").format(why=question.again))


def _reporter(as_json: bool) -> Callable[[Progress], None]:
    said: list[str] = []

    def report(progress: Progress) -> None:
        if progress.step in ("planned", "asked"):
            return
        line = f"{progress.step:<12}  {progress.sentence}"
        if said[-1:] == [line]:
            return
        said[:] = [line]
        if as_json:
            statement = progress.statement
            say_json(
                {
                    "schema": SCHEMA,
                    "step": progress.step,
                    "sentence": progress.sentence,
                    "file": statement.file if statement else None,
                    "statement": statement.index if statement else None,
                    "state": progress.state.value if progress.state else None,
                    "replicas": [_replica(one) for one in progress.replicas],
                },
                indent=None,
            )
        else:
            say(line)

    return report


def _replica(state: object) -> dict[str, object]:
    from console.migrations.values import ReplicaState

    assert isinstance(state, ReplicaState)
    return {"name": state.name, "state": state.state, "sentence": state.sentence, "lag_s": state.lag_s}


def _end(result: RunResult, replicas: bool, as_json: bool) -> None:
    for note in result.notes:
        warn(_("Note: {note}").format(note=note))
    if as_json:
        return
    if not result.applied:
        say(_("Nothing was left to apply."))
    else:
        count = len(result.applied)
        say(ngettext("Applied {count} statement.", "Applied {count} statements.", count).format(count=count))
    if not replicas:
        say(_("No replica is configured: nobody has looked whether one has it."))


async def status(where: Where, target: Target, *, as_json: bool) -> int:
    """What is pending, what was applied, by whom; reads only."""
    async with ground(where, target) as here:
        files = await read_files(here, target)
        database = here.database()
        await in_thread(database.connect)
        try:
            rows = await in_thread(lambda: ledger.rows(database))
            server = await in_thread(database.server)
        finally:
            await in_thread(database.close)
        listed = [_state(statement, rows.get(statement.key)) for file in files for statement in file.statements]
        problem: CanarioError | None = None
        try:
            ledger.check_unchanged(files, rows)
        except ledger.ChangedFileError as error:
            problem = error
        if as_json:
            say_json(
                {
                    "schema": SCHEMA,
                    "environment": here.environment.name,
                    "server": str(server),
                    "replicas": [f"{address.host}:{address.port}" for address in here.replicas],
                    "problem": str(problem) if problem else None,
                    "statements": listed,
                }
            )
        else:
            say(str(server))
            heads = (_("file"), "#", _("state"), _("verdict"), _("when"), _("by"), _("statement"))
            say_table(heads, [["" if one[key] is None else str(one[key]) for key in _COLUMNS] for one in listed])
            if not here.replicas:
                say(_("No replica is configured."))
        if problem is not None:
            raise problem
    return ExitCode.DONE


_COLUMNS = ("file", "index", "state", "verdict", "at", "by", "sql")


def _state(statement: object, row: LedgerRow | None) -> dict[str, object]:
    from console.migrations.values import Statement

    assert isinstance(statement, Statement)
    words = {
        "intent": State.INTENT,
        "applied": State.ACKNOWLEDGED,
        "verified": State.VERIFIED,
        "again": State.PLANNED,
    }
    return {
        "file": statement.file,
        "index": statement.index,
        "state": (words.get(row.state, State.UNKNOWN) if row else State.PLANNED).value,
        "verdict": statement.verdict,
        "at": row.at if row else None,
        "by": row.by if row else None,
        "replicated": row.replicated or None if row else None,
        "connection": row.connection if row else None,
        "sql": statement.sql,
    }


async def approve(where: Where, target: Target, names: Sequence[str]) -> int:
    """A second person's approval of every pending statement on those tables, these very bytes."""
    async with ground(where, target) as here:
        if here.operator == UNKNOWN_IDENTITY:
            raise BlockedError(
                (_("Google does not say who you are, so that your approval says nothing."),), overridable=False
            )
        files = await read_files(here, target)
        database = here.database()
        await in_thread(database.connect)
        try:
            rows = await in_thread(lambda: ledger.rows(database))
            left = [one for one in ledger.pending(files, rows) if one.name in names and one.verdict != "additive"]
            if not left:
                raise UsageError(_("Nothing on {names} needs an approval.").format(names=", ".join(names)))
            now = here.door.cloud.server_clock.now() or here.clock.now()
            for statement in left:
                payload = {"file": statement.file, "statement": statement.index, "digest": statement.digest}
                number = await here.door.intent("migration approval", payload)
                await in_thread(functools.partial(ledger.approve, database, statement, here.operator, now))
                await here.door.outcome(number, "done", payload)
                say(
                    _("{who} approves {file}, statement {number}: {sql}").format(
                        who=here.operator, file=statement.file, number=statement.index, sql=statement.sql
                    )
                )
        finally:
            await in_thread(database.close)
    return ExitCode.DONE


async def decide(
    where: Where, target: Target, file: str, number: int, word: str, reason: str, drop_invalid: str = ""
) -> int:
    """A person's word on a statement of which nobody knows whether it was applied.

    Args:
        where: environment.
        target: database.
        file: the file's name.
        number: the statement's.
        word: `applied` or `again`.
        reason: how the person knows.
        drop_invalid: the table, as typed, whose INVALID indexes are dropped first.
    """
    from console.release.guardrails import reason_counts

    if word not in ("applied", "again"):
        raise UsageError(_("Say applied or again, not {word!r}.").format(word=word[:40]))
    if not reason_counts(reason):
        raise UsageError(_("Say why: --reason TEXT, of 10 characters or more."))
    async with ground(where, target) as here:
        database = here.database()
        await in_thread(database.connect)
        try:
            row = (await in_thread(lambda: ledger.rows(database))).get((file, number))
        finally:
            await in_thread(database.close)
        if row is None or row.state not in ("intent", "applied"):
            raise UsageError(
                _("{file}, statement {number}, is not undecided.").format(file=file, number=number),
                remedy=_("`canario migrations status` lists what is."),
            )
        around = Surroundings(here.door, here.rules, here.operator, here.facts, here.clock)
        if drop_invalid:
            if word != "again":
                raise UsageError(_("An INVALID index is dropped to do its statement again: say again."))
            for sql in await deciding.drop_leftovers(here.database(), around, row, typed=drop_invalid, reason=reason):
                say(sql)
            return ExitCode.DONE
        await deciding.decide(here.database(), around, row, applied=word == "applied", reason=reason)
        say(_("Noted: {file}, statement {number}: {word}.").format(file=file, number=number, word=word))
    return ExitCode.DONE
