"""MySQL and MariaDB by PyMySQL, blocking, in worker threads. Never with multi-statements.

aiomysql and asyncmy switch multi-statements on and must not be used: a second statement behind a `;` would be sent
that nobody confirmed. The server itself refuses it here.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pymysql
from pymysql.constants import CLIENT

from console.migrations.database import CONNECT_TIMEOUT_S, LOCK_NAME, Address, Mark, Row
from console.migrations.errors import (
    CancelledError,
    DatabaseError,
    DatabasePermissionError,
    LockTimeoutError,
    lost,
)
from console.migrations.facts import Facts
from console.migrations.probe import Shape, TableShape, fold
from console.migrations.server import ServerDatabase, table_facts
from console.migrations.values import LOCK_TIMEOUT_S, Holder, Running, Server, Transaction
from console.text import clean
from console.words import _

if TYPE_CHECKING:
    from pymysql.connections import Connection

    _Base = ServerDatabase[Connection[Any]]
else:
    _Base = ServerDatabase  # the drivers' connections are generic for the type checker alone

_LOCKED = {1205, 1213, 3572}
"""ER_LOCK_WAIT_TIMEOUT (metadata locks too), ER_LOCK_DEADLOCK, ER_LOCK_NOWAIT."""
_CANCELLED = {1317, 3024, 1969}
"""ER_QUERY_INTERRUPTED, ER_QUERY_TIMEOUT, MariaDB's ER_STATEMENT_TIMEOUT."""
_DENIED = {1044, 1045, 1142, 1143, 1227}
_LOST = {1053, 1927, 2006, 2013, 2014, 2055}
"""Server shutdown, connection killed, and the client's own words for a lost one."""

_MAINTENANCE = ["Table", "Op", "Msg_type", "Msg_text"]
"""Columns of what OPTIMIZE, ANALYZE, REPAIR and CHECK TABLE answer."""

_KEEP_S = 3600
"""Seconds after which the server ends an idle connection of ours: a lost one must not keep the lock for ever."""

_RESTART_SLACK_S = 3
"""Seconds by which a server's start may differ between two looks: it tells its uptime in whole seconds."""


def connect(address: Address, *, read_timeout_s: float | None = None) -> Connection[Any]:
    """A connection of one statement at a time.

    Args:
        address: where to.
        read_timeout_s: how long an answer may take; None: as long as it takes.

    Raises:
        DatabaseError: it cannot be reached, or does not let us in.
    """
    tls = ssl.create_default_context(cafile=address.ca or None) if address.tls else None
    options: dict[str, Any] = {
        "user": address.user or None,
        "password": address.password,
        "database": address.database or None,
        "charset": "utf8mb4",
        "autocommit": True,
        "connect_timeout": CONNECT_TIMEOUT_S,
        "read_timeout": read_timeout_s,
        "local_infile": False,
        "client_flag": CLIENT.FOUND_ROWS,
        "program_name": "canario",
    }
    if address.cloud_sql:
        from console.migrations.cloud_sql import connect_cloud_sql

        connection: Connection[Any] = connect_cloud_sql(address, "pymysql", options)
    else:
        where = (
            {"unix_socket": address.socket} if address.socket else {"host": address.host, "port": address.port or 3306}
        )
        try:
            connection = pymysql.connect(**where, **options, ssl=tls)
        except (pymysql.Error, OSError) as error:
            raise told(error, sent=False) from error
    if connection.client_flag & CLIENT.MULTI_STATEMENTS:
        connection.close()
        raise DatabaseError(_("The driver would send several statements at once; it is not used."))
    return connection


def told(error: Exception, *, sent: bool = True) -> Exception:
    """What the driver says, as an error of ours.

    Args:
        error: the driver's.
        sent: whether a statement had left when it came.
    """
    code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    words = clean(str(error.args[1] if len(error.args) > 1 else error), 400)
    if code in _LOCKED:
        return LockTimeoutError(_("A lock was not to be had: {problem}.").format(problem=words))
    if code in _CANCELLED:
        return CancelledError(_("The statement was cancelled: {problem}.").format(problem=words))
    if code in _DENIED:
        return DatabasePermissionError(_("The database does not allow it: {problem}.").format(problem=words))
    if sent and (code in _LOST or code == 0 or isinstance(error, OSError)):
        return lost(words)
    if not sent:
        return DatabaseError(
            _("The database cannot be reached: {problem}.").format(problem=words),
            remedy=_("Look at its address, at the network and at the password, then try again."),
        )
    return DatabaseError(_("The database says: {problem} ({code}).").format(problem=words, code=code))


def rows_of(connection: Connection[Any], sql: str, values: Sequence[object] = ()) -> list[Row]:
    """Rows of a query of ours."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql.replace("?", "%s"), tuple(values) if values else None)
            return [tuple(row) for row in cursor.fetchall()]
    except (pymysql.Error, OSError) as error:
        raise told(error) from error


class MySQL(_Base):
    """A MySQL or MariaDB server."""

    BEGIN = b"START TRANSACTION"
    DRIVER_ERRORS = (pymysql.Error,)
    _server: Server | None = None

    def connect(self) -> None:
        """See `Database.connect`."""
        self._connection = connect(self.address)
        try:
            self._bound_waits()
            self.query(f"SET SESSION wait_timeout = {_KEEP_S}")
            self._server = self.server()
        except BaseException:
            self.close()
            raise

    def _bound_waits(self) -> None:
        """Hold the session's lock waits to 5 s, whatever a file has set them to."""
        self.query(
            f"SET SESSION lock_wait_timeout = LEAST(@@SESSION.lock_wait_timeout, {LOCK_TIMEOUT_S}),"
            f" innodb_lock_wait_timeout = LEAST(@@SESSION.innodb_lock_wait_timeout, {LOCK_TIMEOUT_S})"
        )

    def server(self) -> Server:
        """See `Database.server`."""
        return server_of(self._open)

    def connection(self) -> str:
        """Its number, and when the server started (numbers begin anew then)."""
        assert self._server is not None
        return f"{self.query('SELECT CONNECTION_ID()')[0][0]}@{self._server.started}"

    def same(self, one: str, other: str) -> bool:
        """See `Database.same`; the server's start is known to the second or so."""
        (number, _at, began), (other_number, _sign, other_began) = one.partition("@"), other.partition("@")
        if not (began.isdecimal() and other_began.isdecimal()):
            return one == other
        return number == other_number and abs(int(began) - int(other_began)) <= _RESTART_SLACK_S

    def _lock_name(self) -> str:
        # in lower case, as a server may take `WA` and `wa` for one database
        return f"{LOCK_NAME}.{hashlib.sha256(self.address.database.lower().encode()).hexdigest()[:32]}"

    def acquire(self) -> Holder | None:
        """See `Database.acquire`: GET_LOCK, which the server lets go with our connection."""
        assert self._server is not None
        got = self.query("SELECT GET_LOCK(?, 0)", (self._lock_name(),))[0][0]
        if got == 1:
            return None
        holder = self.query("SELECT IS_USED_LOCK(?)", (self._lock_name(),))[0][0]
        if holder is None:
            return Holder("") if got is None else self.acquire()
        found = self.query(
            "SELECT user, host, COALESCE(info, command) FROM information_schema.processlist WHERE id = ?", (holder,)
        )
        name = f"{holder}@{self._server.started}"
        if not found:
            return Holder(name)
        return Holder(name, clean(f"{found[0][0]}@{found[0][1]}"), clean(str(found[0][2]), 200))

    def locked(self) -> bool:
        """See `Database.locked`."""
        return self.query("SELECT IS_USED_LOCK(?) = CONNECTION_ID()", (self._lock_name(),))[0][0] == 1

    def _rows(self, sql: str, values: Sequence[object]) -> list[Row]:
        return rows_of(self._open, sql, values)

    def _write(self, marks: Sequence[Mark]) -> None:
        """See `ServerDatabase._write`; `marks` follow DDL at once, which commits by itself."""
        try:
            super()._write(marks)
        except LockTimeoutError as error:
            # DDL has committed by itself: sent again after a wait for the ledger it would be sent twice
            raise DatabaseError(error.what) from error

    def _operators(self, statement: bytes) -> None:
        """Send the operator's statement. OPTIMIZE, ANALYZE, REPAIR and CHECK TABLE tell of errors in rows only."""
        try:
            with self._open.cursor() as cursor:
                cursor.execute(statement)  # PyMySQL sends bytes as they are
                heads = [column[0] for column in cursor.description or ()]
                found = cursor.fetchall() if heads == _MAINTENANCE else ()
        except (pymysql.Error, OSError) as error:
            raise told(error) from error
        problems = [clean(str(words), 200) for _table, _op, kind, words in found if str(kind).lower() == "error"]
        if problems:
            raise DatabaseError(_("The database says: {problem}.").format(problem="; ".join(problems)))

    def _raw(self, statement: bytes) -> None:
        try:
            self._open.query(statement)  # PyMySQL sends bytes as they are
        except (pymysql.Error, OSError) as error:
            raise told(error) from error

    def atomic(self, statement: str, *, changes_rows: bool, tables: Sequence[str]) -> bool:
        """Rows of InnoDB tables only: MySQL's DDL commits by itself."""
        if not changes_rows or not tables:
            return False
        for table in tables:
            found = self.query(
                "SELECT engine FROM information_schema.tables WHERE table_schema = ? AND table_name = ?",
                self._place(table),
            )
            if not found or str(found[0][0]).lower() != "innodb":
                return False
        return True

    def cancel(self) -> None:
        """See `Database.cancel`: KILL QUERY on a second connection."""
        if self._connection is None:
            return
        number = int(self._connection.thread_id())  # type: ignore[no-untyped-call]
        second = connect(self.address, read_timeout_s=CONNECT_TIMEOUT_S)
        try:
            rows_of(second, f"KILL QUERY {number}")
        finally:
            second.close()

    def running(self, connection: str) -> Running | None:
        """See `Database.running`."""
        number, _at, started = connection.partition("@")
        second = connect(self.address, read_timeout_s=CONNECT_TIMEOUT_S)
        try:
            now = server_of(second).started
            if not number.isdecimal() or not started.isdecimal() or abs(int(now) - int(started)) > _RESTART_SLACK_S:
                return None
            found = rows_of(
                second,
                "SELECT time, command, state, info FROM information_schema.processlist WHERE id = ?",
                (int(number),),
            )
        finally:
            second.close()
        if not found:
            return None
        seconds, command, state, info = found[0]
        doing = clean(f"{info or command} ({state})" if state else str(info or command), 300)
        return Running(connection, _number(seconds), doing, busy=str(command) != "Sleep")

    def transactions(self, tables: Sequence[str], older_s: float) -> tuple[Transaction, ...]:
        """See `Database.transactions`; the server does not say on which tables, so all of them."""
        found = self.query(
            "SELECT t.trx_mysql_thread_id, COALESCE(p.user, ''), COALESCE(p.host, ''),"
            " TIMESTAMPDIFF(SECOND, t.trx_started, NOW()), COALESCE(t.trx_query, p.command, '')"
            " FROM information_schema.innodb_trx t"
            " LEFT JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id"
            " WHERE t.trx_started < NOW() - INTERVAL ? SECOND AND t.trx_mysql_thread_id <> CONNECTION_ID()"
            " ORDER BY t.trx_started",
            (int(older_s),),
        )
        return tuple(
            Transaction(str(number), clean(f"{user}@{host}"), _number(age), clean(str(doing), 200))
            for number, user, host, age, doing in found
        )

    def _place(self, table: str) -> tuple[str, str]:
        schema, _dot, name = table.rpartition(".")
        return (schema.strip("`") or self.address.database), name.strip("`")

    def shape(self, tables: Sequence[str]) -> Shape:
        """See `Database.shape`."""
        return {fold(table): self._table(*self._place(table)) for table in tables}

    def _table(self, schema: str, name: str) -> TableShape | None:
        place = (schema, name)
        return table_shape(lambda sql: self.query(sql, place))

    def facts(self) -> Facts:
        """See `Database.facts`."""
        server = self.server()
        place = (self.address.database,)
        found = table_facts(
            self.query(
                "SELECT table_name, table_rows, data_length + index_length FROM information_schema.tables"
                " WHERE table_schema = ?",
                place,
            ),
            self._names("SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = ?", place),
            self._names(
                "SELECT DISTINCT table_name, index_name FROM information_schema.statistics WHERE table_schema = ?",
                place,
            ),
            lambda rows: int(str(rows)) if rows is not None else None,
        )
        modes = frozenset(server.sql_mode.upper().split(",")) - {""}
        return Facts(server.engine, version_numbers(server.version), modes, found, tables_known=True)

    def position(self) -> str:
        """See `Database.position`: a GTID."""
        assert self._server is not None
        if self._server.engine == "mariadb":
            found = self.query("SELECT @@GLOBAL.gtid_binlog_pos")[0][0]
        else:
            found = self.query("SELECT @@GLOBAL.gtid_executed")[0][0]
        position = str(found or "").replace("\n", "")
        if not position:
            raise DatabaseError(
                _("The server has no GTID: its binary log is off."),
                remedy=_("Without one nobody can say whether a replica has caught up."),
            )
        return position


def table_shape(ask: Any) -> TableShape | None:
    """A table's shape from `information_schema`.

    Args:
        ask: rows of a query with two values, schema and table.
    """
    found = ask(
        "SELECT engine, table_collation, table_comment, create_options FROM information_schema.tables"
        " WHERE table_schema = ? AND table_name = ?"
    )
    if not found:
        return None
    columns = {
        str(name).lower(): " ".join(str(part) for part in rest)
        for name, *rest in ask(
            "SELECT column_name, column_type, is_nullable, column_default, extra, collation_name, column_comment,"
            " ordinal_position FROM information_schema.columns WHERE table_schema = ? AND table_name = ?"
        )
    }
    indexes: dict[str, str] = {}
    for name, unique, column, part in ask(
        "SELECT index_name, non_unique, column_name, sub_part FROM information_schema.statistics"
        " WHERE table_schema = ? AND table_name = ? ORDER BY index_name, seq_in_index"
    ):
        key = str(name).lower()
        indexes[key] = f"{indexes.get(key, unique)} {column}({part})"
    constraints = ask(
        "SELECT constraint_name, constraint_type FROM information_schema.table_constraints"
        " WHERE table_schema = ? AND table_name = ? ORDER BY constraint_name, constraint_type"
    )
    return TableShape(columns, indexes, " ".join(str(part) for row in (found[0], *constraints) for part in row))


def version_numbers(version: str) -> tuple[int, ...]:
    """`10.11.19-MariaDB` as (10, 11, 19)."""
    numbers = []
    for part in version.split("-")[0].split("."):
        if not part.isdecimal():
            break
        numbers.append(int(part))
    return tuple(numbers)


def server_of(connection: Connection[Any]) -> Server:
    """Who answers on `connection`."""
    version, mode, database = rows_of(connection, "SELECT @@version, @@SESSION.sql_mode, COALESCE(DATABASE(), '')")[0]
    names = {str(name): str(value) for name, value in rows_of(connection, "SHOW VARIABLES LIKE 'server_u%'")}
    uptime = rows_of(connection, "SHOW GLOBAL STATUS LIKE 'Uptime'")
    now = rows_of(connection, "SELECT UNIX_TIMESTAMP()")[0][0]
    started = str(int(_number(now)) - int(_number(uptime[0][1]))) if uptime else ""
    engine = "mariadb" if "mariadb" in str(version).lower() else "mysql"
    ident = names.get("server_uuid") or names.get("server_uid") or connection.get_host_info()
    return Server(engine, clean(str(version)), clean(ident), clean(str(database)), started, clean(str(mode), 500))


def _number(value: object) -> float:
    return float(str(value))
