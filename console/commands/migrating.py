"""`canario migrations apply`: the same engine as the screen's, confirmed by options."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from console.commands.migrations_ground import Ground, Target, ground, read_files
from console.commands.output import SCHEMA, say, say_json, warn
from console.commands.running import Where
from console.errors import CanarioError, ExitCode
from console.migrations.apply import Applier
from console.migrations.database import Database
from console.migrations.gate import ReplicationGate
from console.migrations.locking import describe_other
from console.migrations.replicas import make_replica
from console.migrations.values import Confirmation, Progress, Question, ReplicaState, RunResult, State
from console.words import _, ngettext


@dataclass(frozen=True, slots=True)
class Given:
    """What the operator confirms beforehand."""

    names: frozenset[str] = frozenset()
    """Tables, as typed with --yes."""
    reason: str = ""
    flag: str = ""


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

        async def ask(question: Question) -> Confirmation:
            if not as_json:
                _show(question)
            return _confirm(question, given)

        try:
            result = await Applier(database, here.around(gate), report).run(files, ask)
        finally:
            await _remember(here, brought)
        _end(result, gate is not None, as_json)
    return ExitCode.DONE


async def _remember(here: Ground, files: Sequence[str]) -> None:
    """Let the release remember what was applied, also where the run stopped after it; best effort, and said."""
    if here.actions is None or not files:
        return
    try:
        await here.actions.note_migrations(tuple(dict.fromkeys(files)))
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


def _confirm(question: Question, given: Given) -> Confirmation:
    statement = question.statement
    typed = statement.name if statement.name in given.names or statement.session else ""
    return Confirmation(statement.digest, typed, given.reason, given.flag)


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
        say("  " + describe_other(open_one))
    if question.already:
        say("  " + _("The schema shows it already."))
    if question.again:
        say("  " + _("Asked again: {why}.").format(why=question.again))


def _reporter(as_json: bool) -> Callable[[Progress], None]:
    said: list[str] = []

    def report(progress: Progress) -> None:
        if progress.step in ("planned", "asked"):
            return
        if progress.step == "guardrails" and not as_json:
            for answer in progress.answers:
                say(f"  {'✔' if answer.allowed else '✖'} {answer.title}: {answer.reason}")
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
                    "answers": [
                        {"rule": one.rule, "allowed": one.allowed, "reason": one.reason} for one in progress.answers
                    ],
                },
                indent=None,
            )
        else:
            say(line)

    return report


def _replica(state: ReplicaState) -> dict[str, object]:
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
