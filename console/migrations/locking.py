"""Which locks a statement takes, for how long, and what bounds the wait: for people. Pure.

Sources: MySQL 8.4 manual, `Online DDL Operations` and `Metadata Locking`; PostgreSQL manual, `Explicit Locking`,
`ALTER TABLE`, `CREATE INDEX`; SQLite, `File Locking And Concurrency`.
"""

from __future__ import annotations

from collections.abc import Mapping

from console.migrations.facts import TableFacts
from console.migrations.values import LOCK_TIMEOUT_S, Running, Server, Statement, Transaction
from console.words import _, ngettext

NAMES = {"mysql": "MySQL", "mariadb": "MariaDB", "postgres": "PostgreSQL", "sqlite": "SQLite"}
"""Engines as people write them."""


def locks(statement: Statement, engine: str) -> str:
    """Which lock, on what, and how long it is held, in a sentence.

    Args:
        statement: judged.
        engine: `mysql`, `mariadb`, `postgres` or `sqlite`.
    """
    if statement.session:
        return _("none: it sets our own session")
    holding = [finding for finding in statement.findings if finding.locks]
    lock = next((name for finding in holding if (name := dict(finding.names).get("lock"))), "")
    if lock:
        return _("{lock}, as long as the table takes").format(lock=lock)
    if statement.verdict not in ("additive", "blocking"):
        return _("not known: see why")
    if engine == "sqlite":
        return _("the whole file against writers, for a moment")
    if engine == "postgres":
        return _postgres(statement)
    match statement.kind:
        case "create_table" | "create_view":
            return _("none that running code waits for: it is new")
        case "create_index":
            return _("metadata lock for a moment at its begin and end; reads and writes go on while it is built")
        case _ if statement.verdict == "blocking":
            return _("metadata lock on the table; see why for how long")
        case _:
            return _("metadata lock on the table for a moment")


def _postgres(statement: Statement) -> str:
    match statement.kind:
        case "create_table" | "create_view" | "create_type" | "create_sequence" | "create_schema":
            return _("none that running code waits for: it is new")
        case "create_index" if "concurrently" in statement.sql.lower():
            return _("SHARE UPDATE EXCLUSIVE while it is built; reads and writes go on")
        case "create_index":
            return _("SHARE while it is built: reads go on, writes wait")
        case "validate_constraint":
            return _("SHARE UPDATE EXCLUSIVE while it reads the table; reads and writes go on")
        case _ if statement.verdict == "blocking":
            return _("see why for which, and for how long")
        case _:
            return _("ACCESS EXCLUSIVE for a moment")


def limits(engine: str, retries: int) -> str:
    """What bounds a wait for locks: the timeouts that each session of ours has.

    Args:
        engine: as `locks`.
        retries: attempts after the first.
    """
    name = {"postgres": "lock_timeout", "sqlite": "busy_timeout"}.get(
        engine, "lock_wait_timeout, innodb_lock_wait_timeout"
    )
    return _("{name} {seconds} s; then it gives way, and tries again up to {count} times, spaced").format(
        name=name, seconds=LOCK_TIMEOUT_S, count=retries
    )


def survives(verdict: str) -> str:
    """Whether code that runs now survives a statement of that verdict, in a sentence."""
    return {
        "additive": _("yes: old code does not notice"),
        "blocking": _("yes, but it waits for locks meanwhile"),
        "incompatible": _("it can fail: only a feature flag keeps it off"),
    }.get(verdict, _("nobody knows: the statement is not understood"))


def sizes(statement: Statement, facts: Mapping[str, TableFacts], server: Server | None) -> str:
    """Size of the tables that it names, as the server says it; empty where it names none."""
    parts = []
    for table in statement.tables:
        known = facts.get(table)
        if known is None:
            parts.append(_("{table}: not there yet, or not told").format(table=table))
            continue
        rows = _("about {count} rows").format(count=f"{known.rows:,}") if known.rows is not None else ""
        size = f"{known.size_bytes / 1e6:,.1f} MB" if known.size_bytes is not None else ""
        told = ", ".join(part for part in (rows, size) if part)
        name = NAMES.get(server.engine, server.engine) if server is not None else _("the server")
        told = told or _("{server} does not say how large it is").format(server=name)
        parts.append(f"{table}: {told}")
        if known.columns:
            columns, indexes = len(known.columns), len(known.indexes)
            parts[-1] += ", " + ngettext("{count} column", "{count} columns", columns).format(count=columns)
            parts[-1] += ", " + ngettext("{count} index", "{count} indexes", indexes).format(count=indexes)
    return "; ".join(parts)


def describe_other(one: Transaction) -> str:
    """Somebody's open transaction in a line."""
    return _("Open for {seconds:.0f} s, in its way: {who} (connection {name}) {doing}").format(
        seconds=one.seconds, who=one.who, name=one.connection, doing=one.doing
    )


def describe_running(running: Running) -> str:
    """A statement under way in a line: for how long, what it does, what it waits for and for whom."""
    words = _("It runs for {seconds:.0f} s: {doing}").format(seconds=running.seconds, doing=running.doing)
    if running.waits:
        words += "; " + _("it waits for {what}").format(what=running.waits)
    if running.blockers:
        who = ", ".join(f"{one.who} ({one.connection})" for one in running.blockers)
        words += "; " + _("blocked by {who}").format(who=who)
    return words
