"""PostgreSQL by psycopg 3, blocking, in worker threads; every statement with `prepare=True`.

The server refuses to prepare two statements at once, so that nothing behind a `;` goes along unseen; psycopg's default
`execute` would let it pass.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import psycopg

from console.migrations.database import CONNECT_TIMEOUT_S, LOCK_NAME, Address, Row
from console.migrations.errors import (
    CancelledError,
    DatabaseError,
    DatabasePermissionError,
    LockTimeoutError,
    NotInTransactionError,
    lost,
)
from console.migrations.facts import Facts
from console.migrations.probe import Shape, TableShape, fold
from console.migrations.server import ServerDatabase, table_facts
from console.migrations.values import LOCK_TIMEOUT_S, Holder, Running, Server, Transaction
from console.text import clean
from console.words import _

if TYPE_CHECKING:
    from psycopg import Connection

    _Base = ServerDatabase[Connection[Any]]
else:
    _Base = ServerDatabase  # the drivers' connections are generic for the type checker alone

_LOCK_KEY = int.from_bytes(hashlib.sha256(LOCK_NAME.encode()).digest()[:4], "big") >> 1
"""pg_advisory_lock's key; the server keeps one set of them for each database."""


_HIDDEN = "<insufficient privilege>"
"""What pg_stat_activity shows in place of others' queries to whoever may not read them."""


def connect(address: Address, *, who: str = "", answer_s: float | None = None) -> Connection[Any]:
    """A connection that commits by itself.

    Args:
        address: where to.
        who: shown in pg_stat_activity.
        answer_s: how long a statement may take at most; None: as long as it takes.

    Raises:
        DatabaseError: it cannot be reached, or does not let us in.
    """
    options: dict[str, Any] = {
        "dbname": address.database,
        "user": address.user or None,
        "password": address.password or None,
        "connect_timeout": CONNECT_TIMEOUT_S,
        "application_name": f"canario {who}".strip()[:63],
        "client_encoding": "UTF8",
        "keepalives": 1,
        "keepalives_idle": 30,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "options": f"-c statement_timeout={int(answer_s * 1000)}" if answer_s else "-c statement_timeout=0",
    }
    if address.cloud_sql:
        from console.migrations.cloud_sql import connect_cloud_sql

        connection: Connection[Any] = connect_cloud_sql(address, "psycopg", options)
        connection.autocommit = True
        return connection
    options["host"] = address.socket or address.host
    options["port"] = address.port or 5432
    if address.tls:
        options |= {"sslmode": "verify-full", "sslrootcert": address.ca or "system"}
    try:
        return psycopg.connect(autocommit=True, **options)
    except (psycopg.Error, OSError) as error:
        raise told(error, sent=False) from error


def told(error: Exception, *, sent: bool = True) -> Exception:
    """What the driver says, as an error of ours; see `mysql.told`."""
    state = getattr(error, "sqlstate", None) or ""
    words = clean(str(error).strip().split("\n")[0], 400)
    if state in ("55P03", "40P01"):
        return LockTimeoutError(_("A lock was not to be had: {problem}.").format(problem=words))
    if state == "57014":
        return CancelledError(_("The statement was cancelled: {problem}.").format(problem=words))
    if state == "25001":
        return NotInTransactionError(_("The database says: {problem}.").format(problem=words))
    if state == "42501":
        return DatabasePermissionError(_("The database does not allow it: {problem}.").format(problem=words))
    if sent and (not state or state.startswith(("57P", "08"))):
        return lost(words)
    if not sent:
        return DatabaseError(
            _("The database cannot be reached: {problem}.").format(problem=words),
            remedy=_("Look at its address, at the network and at the password, then try again."),
        )
    return DatabaseError(_("The database says: {problem} ({code}).").format(problem=words, code=state))


def rows_of(connection: Connection[Any], sql: str, values: Sequence[object] = ()) -> list[Row]:
    """Rows of a query of ours."""
    try:
        cursor = connection.execute(sql.replace("?", "%s").encode(), tuple(values) if values else None, prepare=True)
        return [tuple(row) for row in cursor.fetchall()] if cursor.description else []
    except (psycopg.Error, OSError) as error:
        raise told(error) from error


class Postgres(_Base):
    """A PostgreSQL server."""

    BEGIN = b"BEGIN"
    DRIVER_ERRORS = (psycopg.Error,)

    def connect(self) -> None:
        """See `Database.connect`."""
        self._connection = connect(self.address, who=self.who)
        try:
            self._bound_waits()
            self.query("SET synchronous_commit = on")  # a position is told only once it is on the primary's disk
        except BaseException:
            self.close()
            raise

    def _bound_waits(self) -> None:
        """Hold the session's lock waits to 5 s, whatever a file has set them to; 0 means for ever."""
        limit = int(str(self.query("SELECT setting FROM pg_settings WHERE name = 'lock_timeout'")[0][0]))
        if not 0 < limit <= LOCK_TIMEOUT_S * 1000:
            self.query(f"SET lock_timeout = '{LOCK_TIMEOUT_S}s'")

    def server(self) -> Server:
        """See `Database.server`."""
        version, database, started = self.query(
            "SELECT current_setting('server_version'), current_database(), pg_postmaster_start_time()::text"
        )[0]
        try:
            ident = str(self.query("SELECT system_identifier FROM pg_control_system()")[0][0])
        except DatabasePermissionError:
            ident = self.address.host or self.address.cloud_sql
        return Server("postgres", clean(str(version)), ident, clean(str(database)), str(started))

    def connection(self) -> str:
        """Its process, and when that began."""
        found = self.query("SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()")[0]
        return f"{found[0]}@{found[1]}"

    def acquire(self) -> Holder | None:
        """See `Database.acquire`: pg_try_advisory_lock, which the server lets go with our connection."""
        if self.query("SELECT pg_try_advisory_lock(?, 0)", (_LOCK_KEY,))[0][0]:
            return None
        found = self.query(
            "SELECT a.pid, a.backend_start, a.usename, a.application_name, coalesce(host(a.client_addr), ''),"
            " coalesce(a.query, '') FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid"
            " WHERE l.locktype = 'advisory' AND l.granted AND l.classid = ? AND l.objid = 0"
            " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            (_LOCK_KEY,),
        )
        if not found:
            return Holder("")
        pid, began, user, name, host, doing = found[0]
        return Holder(f"{pid}@{began}", clean(f"{user}@{host} {name}"), clean(str(doing), 200))

    def locked(self) -> bool:
        """See `Database.locked`."""
        found = self.query(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = ? AND objid = 0"
            " AND pid = pg_backend_pid()",
            (_LOCK_KEY,),
        )
        return found[0][0] != 0

    def _rows(self, sql: str, values: Sequence[object]) -> list[Row]:
        return rows_of(self._open, sql, values)

    def _still_ours(self) -> None:
        if self._open.info.transaction_status != psycopg.pq.TransactionStatus.INTRANS:
            raise DatabaseError(_("The statement ended the transaction that it was sent in."))

    def _raw(self, statement: bytes) -> None:
        try:
            self._open.execute(statement, prepare=True)
        except (psycopg.Error, OSError) as error:
            raise told(error) from error

    def atomic(self, statement: str, *, changes_rows: bool, tables: Sequence[str]) -> bool:
        """All but what PostgreSQL runs outside transactions only."""
        return "concurrently" not in statement.lower()

    def cancel(self) -> None:
        """See `Database.cancel`: pg_cancel_backend on a second connection."""
        if self._connection is None:
            return
        pid = self._connection.info.backend_pid
        second = connect(self.address, who=self.who, answer_s=CONNECT_TIMEOUT_S)
        try:
            rows_of(second, "SELECT pg_cancel_backend(?)", (pid,))
        finally:
            second.close()

    def running(self, connection: str) -> Running | None:
        """See `Database.running`."""
        pid, _at, began = connection.partition("@")
        if not pid.isdecimal():
            return None
        second = connect(self.address, who=self.who, answer_s=CONNECT_TIMEOUT_S)
        try:
            found = rows_of(
                second,
                "SELECT coalesce(extract(epoch FROM clock_timestamp() - query_start), 0)::float8, state,"
                " coalesce(query, ''), coalesce(wait_event_type, ''), coalesce(wait_event, '') FROM pg_stat_activity"
                " WHERE pid = ? AND coalesce(backend_start = ?::timestamptz, true)",
                (int(pid), began),
            )
            blockers = _blockers(second, int(pid)) if found and found[0][3] == "Lock" else ()
        finally:
            second.close()
        if not found:
            return None
        seconds, state, doing, kind, event = found[0]
        if state is None:
            raise DatabasePermissionError(_("The database does not show what others do (pg_read_all_stats)."))
        busy = str(state) == "active"
        waits = clean(f"{kind}: {event}") if busy and kind else ""
        return Running(connection, float(str(seconds)), clean(str(doing), 300), busy, waits, blockers)

    def transactions(self, tables: Sequence[str], older_s: float) -> tuple[Transaction, ...]:
        """See `Database.transactions`: those that hold or wait for a lock on one of the tables."""
        found = self.query(
            "SELECT DISTINCT a.pid, coalesce(a.usename, ''), a.application_name,"
            " coalesce(extract(epoch FROM clock_timestamp() - a.xact_start), 0)::float8 AS age, coalesce(a.query, '')"
            " FROM pg_stat_activity a JOIN pg_locks l ON l.pid = a.pid"
            " WHERE a.pid <> pg_backend_pid() AND (a.xact_start < clock_timestamp() - make_interval(secs => ?)"
            " OR a.query = ?) AND l.relation = ANY (SELECT to_regclass(t)::oid FROM unnest(?::text[]) t)"
            " ORDER BY age DESC",
            (float(older_s), _HIDDEN, [_quoted(table) for table in tables]),
        )
        if any(row[4] == _HIDDEN for row in found):
            raise DatabasePermissionError(_("The database does not show what others do (pg_read_all_stats)."))
        return tuple(
            Transaction(str(pid), clean(f"{user} {name}"), float(str(age)), clean(str(doing), 200))
            for pid, user, name, age, doing in found
        )

    def shape(self, tables: Sequence[str]) -> Shape:
        """See `Database.shape`."""
        return {fold(table): table_shape(self._open, table) for table in tables}

    def leftovers(self, tables: Sequence[str]) -> tuple[str, ...]:
        """See `Database.leftovers`."""
        found = self.query(
            "SELECT i.indexrelid::regclass::text FROM pg_index i WHERE NOT (i.indisvalid AND i.indisready)"
            " AND i.indrelid = ANY (SELECT to_regclass(t)::oid FROM unnest(?::text[]) t) ORDER BY 1",
            ([_quoted(table) for table in tables],),
        )
        return tuple(f"DROP INDEX CONCURRENTLY {name}" for (name,) in found)

    def facts(self) -> Facts:
        """See `Database.facts`."""
        server = self.server()
        columns = self._names(
            "SELECT attrelid::regclass::text, attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
            " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE attnum > 0 AND NOT attisdropped AND c.relkind IN"
            " ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')"
        )
        indexes = self._names("SELECT indrelid::regclass::text, c.relname FROM pg_index i JOIN pg_class c ON c.oid ="
                              " i.indexrelid")  # fmt: skip
        found = table_facts(
            self.query(
                "SELECT c.oid::regclass::text, c.reltuples::bigint, pg_total_relation_size(c.oid) FROM pg_class c"
                " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p')"
                " AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')"
            ),
            columns,
            indexes,
            lambda rows: count if (count := int(str(rows))) >= 0 else None,
        )
        enums = self.query("SELECT typname FROM pg_type WHERE typtype = 'e'")
        numbers = tuple(int(part) for part in server.version.split()[0].split(".") if part.isdecimal())
        return Facts(
            "postgres",
            numbers,
            tables=found,
            tables_known=True,
            enum_types=frozenset(str(name) for (name,) in enums),
        )

    def position(self) -> str:
        """See `Database.position`: an LSN."""
        return str(self.query("SELECT pg_current_wal_lsn()")[0][0])


def _blockers(connection: Connection[Any], pid: int) -> tuple[Transaction, ...]:
    """Whoever keeps that process waiting for a lock; what others do is empty where it is not shown to us."""
    found = rows_of(
        connection,
        "SELECT a.pid, coalesce(a.usename, a.backend_type, ''), coalesce(a.application_name, ''),"
        " coalesce(extract(epoch FROM clock_timestamp() - a.xact_start), 0)::float8 AS age, coalesce(a.query, '')"
        " FROM pg_stat_activity a WHERE a.pid = ANY (pg_blocking_pids(?)) ORDER BY age DESC",
        (pid,),
    )
    return tuple(
        Transaction(str(number), clean(f"{user} {name}"), float(str(age)), clean(str(doing), 200))
        for number, user, name, age, doing in found
    )


def table_shape(connection: Connection[Any], table: str) -> TableShape | None:
    """A table's shape from pg_catalog, INVALID indexes told apart."""
    found = rows_of(
        connection,
        "SELECT c.oid, c.relkind, coalesce(obj_description(c.oid, 'pg_class'), ''), coalesce(c.reloptions::text, '')"
        " FROM pg_class c WHERE c.oid = to_regclass(?)",
        (_quoted(table),),
    )
    if not found:
        return None
    oid = found[0][0]
    columns = {
        str(name).lower(): " ".join(str(part) for part in rest)
        for name, *rest in rows_of(
            connection,
            "SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,"
            " coalesce(pg_get_expr(d.adbin, d.adrelid), ''), a.attgenerated, a.attidentity, a.attnum"
            " FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum"
            " WHERE a.attrelid = ? AND a.attnum > 0 AND NOT a.attisdropped",
            (oid,),
        )
    }
    rows = rows_of(
        connection,
        "SELECT c.relname, pg_get_indexdef(i.indexrelid), i.indisvalid AND i.indisready FROM pg_index i"
        " JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = ?",
        (oid,),
    )
    constraints = rows_of(
        connection,
        "SELECT conname, pg_get_constraintdef(oid), convalidated FROM pg_constraint"
        " WHERE conrelid = ? ORDER BY conname",
        (oid,),
    )
    options = " ".join(str(part) for row in (found[0][1:], *constraints) for part in row)
    return TableShape(
        columns,
        {str(name).lower(): str(words) for name, words, _valid in rows},
        options,
        tuple(str(name).lower() for name, _words, valid in rows if not valid),
    )


def _quoted(table: str) -> str:
    """A name as `to_regclass` reads it; names come as the server stores them."""
    return ".".join('"' + part.strip('"').replace('"', '""') + '"' for part in table.split("."))
