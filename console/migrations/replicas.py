"""Replicas of MySQL, MariaDB and PostgreSQL, as the gate asks them. Every answer has a time limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from console.migrations.database import Address
from console.migrations.errors import DatabaseError
from console.migrations.gate import ANSWER_S, Replica, ReplicaStatus, together
from console.migrations.ledger import HEARTBEAT
from console.migrations.probe import Shape, fold
from console.migrations.server import Closable
from console.text import clean
from console.words import _

_SYNTAX = 1064
"""ER_PARSE_ERROR."""


def make_replica(address: Address, database: str) -> Replica:
    """The replica at `address`, of the primary's `database`."""
    if address.engine == "mysql":
        return MySQLReplica(address, database)
    return PostgresReplica(address)


C = TypeVar("C", bound=Closable)


class ServerReplica(Replica, Generic[C]):
    """A replica on one connection."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self.name = f"{address.socket or address.host}:{address.port}"
        self._connection: C | None = None

    @property
    def _open(self) -> C:
        if self._connection is None:
            raise DatabaseError(_("it is not connected"))
        return self._connection

    def close(self) -> None:
        """See `Replica.close`."""
        if self._connection is not None:
            with suppress(Exception):
                self._connection.close()
            self._connection = None


if TYPE_CHECKING:
    from psycopg import Connection as PostgresConnection
    from pymysql.connections import Connection as MySQLConnection

    _MySQL = ServerReplica[MySQLConnection[Any]]
    _Postgres = ServerReplica[PostgresConnection[Any]]
else:
    _MySQL = _Postgres = ServerReplica  # the drivers' connections are generic for the type checker alone


class MySQLReplica(_MySQL):
    """A replica of MySQL or MariaDB, by GTID."""

    def __init__(self, address: Address, database: str) -> None:
        super().__init__(address)
        self._database = database
        self._mariadb = False
        self._old = False

    def connect(self, primary_id: str) -> None:
        """See `Replica.connect`."""
        from console.migrations.mysql import connect, server_of

        self._connection = connect(self._address, read_timeout_s=ANSWER_S)
        server = server_of(self._connection)
        self._mariadb = server.engine == "mariadb"
        if server.id == primary_id:
            raise DatabaseError(_("it is the primary itself"))
        self.status()

    def _rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        from console.migrations.mysql import rows_of

        return rows_of(self._open, sql, values)

    def wait(self, position: str, seconds: float) -> bool:
        """MASTER_GTID_WAIT on MariaDB, WAIT_FOR_EXECUTED_GTID_SET on MySQL; both say 0 once it is there."""
        name = "MASTER_GTID_WAIT" if self._mariadb else "WAIT_FOR_EXECUTED_GTID_SET"
        answer = self._rows(f"SELECT {name}(?, ?)", (position, seconds))[0][0]
        if answer is None:
            raise DatabaseError(_("it does not say whether it has reached {position}").format(position=position))
        return int(str(answer)) == 0

    def status(self) -> ReplicaStatus:
        """SHOW REPLICA STATUS, under the name that the server knows: every channel that it has, the worst of each."""
        rows = self._status_rows()
        if not rows:
            raise DatabaseError(_("it says that it is no replica"))
        return together([channel_status(row) for row in rows], self._reached())

    def _reached(self) -> str:
        """The GTIDs that it has applied."""
        name = "gtid_slave_pos" if self._mariadb else "gtid_executed"
        return clean(str(self._rows(f"SELECT @@GLOBAL.{name}")[0][0] or ""), 300)

    def _status_rows(self) -> list[Mapping[str, object]]:
        import pymysql

        from console.migrations.mysql import told

        sql = "SHOW SLAVE STATUS" if self._old else "SHOW REPLICA STATUS"
        # MariaDB's plain SHOW tells of its default connection alone, MySQL's of every channel
        sql = "SHOW ALL SLAVES STATUS" if self._mariadb else sql
        try:
            with self._open.cursor() as cursor:
                cursor.execute(sql)
                rows = cursor.fetchall()
                heads = [column[0] for column in cursor.description or ()]
        except (pymysql.Error, OSError) as error:
            if not self._old and not self._mariadb and error.args and error.args[0] == _SYNTAX:
                self._old = True  # before MySQL 8.0.22 nobody knew the word
                return self._status_rows()
            raise told(error) from error
        return [dict(zip(heads, row, strict=True)) for row in rows]

    def shape(self, tables: Sequence[str]) -> Shape:
        """See `Replica.shape`."""
        from console.migrations.mysql import table_shape

        found = {}
        for table in tables:
            schema, _dot, name = table.rpartition(".")
            place = (schema.strip("`") or self._database, name.strip("`"))
            found[fold(table)] = table_shape(lambda sql, place=place: self._rows(sql, place))
        return found

    def mark(self, number: int) -> str:
        """See `Replica.mark`."""
        schema = self._database.replace("`", "``")
        found = self._rows(f"SELECT mark FROM `{schema}`.{HEARTBEAT} WHERE id = ?", (number,))  # noqa: S608
        return str(found[0][0]) if found else ""


def channel_status(row: Mapping[str, object]) -> ReplicaStatus:
    """One row of SHOW REPLICA STATUS: what a channel says of itself. Pure.

    Args:
        row: by the column's name, of any server; what is missing is unknown.
    """

    def value(*names: str) -> object:
        return next((row[name] for name in names if name in row), None)

    lag = value("Seconds_Behind_Source", "Seconds_Behind_Master")
    channel = value("Channel_Name", "Connection_name")
    return ReplicaStatus(
        str(value("Replica_IO_Running", "Slave_IO_Running")).lower(),
        str(value("Replica_SQL_Running", "Slave_SQL_Running")).lower(),
        float(str(lag)) if lag is not None else None,
        clean(str(value("Source_Host", "Master_Host"))),
        channel=clean(str(channel or ""), 64),
    )


class PostgresReplica(_Postgres):
    """A streaming replica of PostgreSQL, by LSN."""

    def connect(self, primary_id: str) -> None:
        """See `Replica.connect`."""
        from console.migrations.postgres import connect

        self._connection = connect(self._address, answer_s=ANSWER_S)
        if not self._rows("SELECT pg_is_in_recovery()")[0][0]:
            raise DatabaseError(_("it says that it is no replica"))
        ident = str(self._rows("SELECT system_identifier FROM pg_control_system()")[0][0])
        if primary_id.isdecimal() and ident != primary_id:
            raise DatabaseError(_("it is a replica of another cluster"))

    def _rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        from console.migrations.postgres import rows_of

        return rows_of(self._open, sql, values)

    def wait(self, position: str, seconds: float) -> bool:
        """Ask for the replay LSN, ten times a second."""
        for _look in range(max(1, int(seconds * 10))):
            answer = self._rows("SELECT pg_last_wal_replay_lsn() >= ?::pg_lsn", (position,))[0][0]
            if answer is None:
                raise DatabaseError(_("it does not say whether it has reached {position}").format(position=position))
            if answer:
                return True
            self._rows("SELECT pg_sleep(0.1)")
        return False

    def status(self) -> ReplicaStatus:
        """pg_stat_wal_receiver, and whether the replay is paused; no row is no receiver."""
        receiver = self._rows("SELECT status, sender_host FROM pg_stat_wal_receiver")
        if receiver and receiver[0][0] is None:
            raise DatabaseError(_("it does not show its receiver to us (pg_monitor)"))
        paused = self._rows("SELECT pg_is_wal_replay_paused()")[0][0]
        # 0 only where everything that was received is replayed; what was never received, the gate's mark shows
        lag = self._rows(
            "SELECT CASE WHEN pg_last_wal_receive_lsn() IS NULL THEN NULL"
            " WHEN pg_last_wal_receive_lsn() <= pg_last_wal_replay_lsn() THEN 0"
            " ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END::float8"
        )[0][0]
        streaming = bool(receiver) and receiver[0][0] == "streaming"
        return ReplicaStatus(
            "yes" if streaming else "connecting",
            "no" if paused or paused is None else "yes",
            float(str(lag)) if lag is not None and receiver else None,
            clean(str(receiver[0][1])) if receiver else "",
            str(self._rows("SELECT coalesce(pg_last_wal_replay_lsn()::text, '')")[0][0]),
        )

    def shape(self, tables: Sequence[str]) -> Shape:
        """See `Replica.shape`."""
        from console.migrations.postgres import table_shape

        return {fold(table): table_shape(self._open, table) for table in tables}

    def mark(self, number: int) -> str:
        """See `Replica.mark`."""
        found = self._rows(f"SELECT mark FROM {HEARTBEAT} WHERE id = ?", (number,))  # noqa: S608
        return str(found[0][0]) if found else ""
