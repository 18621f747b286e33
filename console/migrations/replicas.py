"""Replicas of MySQL, MariaDB and PostgreSQL, as the gate asks them. Every answer has a time limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from console.migrations.database import Address
from console.migrations.errors import DatabaseError
from console.migrations.gate import ANSWER_S, Replica, ReplicaStatus
from console.migrations.ledger import HEARTBEAT
from console.migrations.probe import Shape, fold
from console.text import clean
from console.words import _

if TYPE_CHECKING:
    from psycopg import Connection as PostgresConnection
    from pymysql.connections import Connection as MySQLConnection


_SYNTAX = 1064
"""ER_PARSE_ERROR."""


def make_replica(address: Address, database: str) -> Replica:
    """The replica at `address`, of the primary's `database`."""
    if address.engine == "mysql":
        return MySQLReplica(address, database)
    return PostgresReplica(address)


class MySQLReplica(Replica):
    """A replica of MySQL or MariaDB, by GTID."""

    def __init__(self, address: Address, database: str) -> None:
        self._address, self._database = address, database
        self.name = f"{address.socket or address.host}:{address.port}"
        self._connection: MySQLConnection[Any] | None = None
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

    def close(self) -> None:
        """See `Replica.close`."""
        if self._connection is not None:
            with suppress(Exception):
                self._connection.close()
            self._connection = None

    def _rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        from console.migrations.mysql import rows_of

        if self._connection is None:
            raise DatabaseError(_("it is not connected"))
        return rows_of(self._connection, sql, values)

    def wait(self, position: str, seconds: float) -> bool:
        """MASTER_GTID_WAIT on MariaDB, WAIT_FOR_EXECUTED_GTID_SET on MySQL; both say 0 once it is there."""
        name = "MASTER_GTID_WAIT" if self._mariadb else "WAIT_FOR_EXECUTED_GTID_SET"
        answer = self._rows(f"SELECT {name}(?, ?)", (position, seconds))[0][0]
        if answer is None:
            raise DatabaseError(_("it does not say whether it has reached {position}").format(position=position))
        return int(str(answer)) == 0

    def status(self) -> ReplicaStatus:
        """SHOW REPLICA STATUS, under the name that the server knows."""
        found = self._status_row()
        if found is None:
            raise DatabaseError(_("it says that it is no replica"))
        names = {"receiving": ("Replica_IO_Running", "Slave_IO_Running"), "applying": ("Replica_SQL_Running",
                 "Slave_SQL_Running"), "lag": ("Seconds_Behind_Source", "Seconds_Behind_Master"),
                 "primary": ("Source_Host", "Master_Host")}  # fmt: skip
        values = {key: next((found[name] for name in both if name in found), None) for key, both in names.items()}
        lag = values["lag"]
        return ReplicaStatus(
            str(values["receiving"]).lower(),
            str(values["applying"]).lower(),
            float(str(lag)) if lag is not None else None,
            clean(str(values["primary"])),
            self._reached(),
        )

    def _reached(self) -> str:
        """The GTIDs that it has applied."""
        name = "gtid_slave_pos" if self._mariadb else "gtid_executed"
        return clean(str(self._rows(f"SELECT @@GLOBAL.{name}")[0][0] or ""), 300)

    def _status_row(self) -> Mapping[str, object] | None:
        import pymysql

        from console.migrations.mysql import told

        assert self._connection is not None
        sql = "SHOW SLAVE STATUS" if self._old else "SHOW REPLICA STATUS"
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(sql)
                row = cursor.fetchone()
                heads = [column[0] for column in cursor.description or ()]
        except (pymysql.Error, OSError) as error:
            if not self._old and error.args and error.args[0] == _SYNTAX:
                self._old = True  # before MySQL 8.0.22 and MariaDB 10.5 nobody knew the word
                return self._status_row()
            raise told(error) from error
        return dict(zip(heads, row, strict=True)) if row is not None else None

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


class PostgresReplica(Replica):
    """A streaming replica of PostgreSQL, by LSN."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self.name = f"{address.socket or address.host}:{address.port}"
        self._connection: PostgresConnection[Any] | None = None

    def connect(self, primary_id: str) -> None:
        """See `Replica.connect`."""
        from console.migrations.postgres import connect

        self._connection = connect(self._address, answer_s=ANSWER_S)
        if not self._rows("SELECT pg_is_in_recovery()")[0][0]:
            raise DatabaseError(_("it says that it is no replica"))
        ident = str(self._rows("SELECT system_identifier FROM pg_control_system()")[0][0])
        if primary_id.isdecimal() and ident != primary_id:
            raise DatabaseError(_("it is a replica of another cluster"))

    def close(self) -> None:
        """See `Replica.close`."""
        if self._connection is not None:
            with suppress(Exception):
                self._connection.close()
            self._connection = None

    def _rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        from console.migrations.postgres import rows_of

        if self._connection is None:
            raise DatabaseError(_("it is not connected"))
        return rows_of(self._connection, sql, values)

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

        assert self._connection is not None
        connection = self._connection
        return {fold(table): table_shape(connection, table) for table in tables}

    def mark(self, number: int) -> str:
        """See `Replica.mark`."""
        found = self._rows(f"SELECT mark FROM {HEARTBEAT} WHERE id = ?", (number,))  # noqa: S608
        return str(found[0][0]) if found else ""
