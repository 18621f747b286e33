"""Real databases for tests: a primary and its replica on free loopback ports, and the link between them that can pause.

Started from Debian's packages or what is installed, in some 3 s; they end with the tests, also where those are killed.
The steps are the ones that work as root too: MariaDB wants `--user`, PostgreSQL refuses to run.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pymysql

PATIENCE_S = 60.0
"""Seconds that a server may take for anything."""

LITTLE_MEMORY = ("--innodb-buffer-pool-size=32M", "--innodb-log-file-size=8M", "--innodb-log-buffer-size=1M",
                 "--innodb-flush-log-at-trx-commit=0", "--sync-binlog=0", "--innodb-doublewrite=0",
                 "--performance-schema=OFF", "--aria-log-file-size=8M", "--key-buffer-size=1M",
                 "--max-connections=60")  # fmt: skip


def until(true: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
    """Wait until `true()` is, and return it."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        found = true()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited {patience_s:.0f} s for: {what}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _dies_with_us() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Link:
    """A TCP proxy that can pause: bytes stay where they are, connections stay open, as in a network's black hole."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._flows = threading.Event()
        self._flows.set()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._sockets: list[socket.socket] = [self._server]
        threading.Thread(target=self._accept, daemon=True).start()

    def pause(self) -> None:
        self._flows.clear()

    def resume(self) -> None:
        self._flows.set()

    def close(self) -> None:
        self._flows.set()
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for one in self._sockets:
            with suppress(OSError):
                one.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _address = self._server.accept()
            except OSError:
                return
            self._sockets.append(near)
            try:
                far = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                near.close()
                continue
            self._sockets.append(far)
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self._flows.wait()
                sink.sendall(data)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


class Pair:
    """A primary and its replica; the replica follows through `link`."""

    engine: str
    port: int
    replica_port: int
    link: Link

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="canario-db-", dir="/tmp"))
        self.processes: list[subprocess.Popen[bytes]] = []
        self._made = 0

    def fresh(self) -> str:
        """A new database, its name."""
        self._made += 1
        name = f"wa{self._made}"
        self.sql(f"CREATE DATABASE {name}", database=None)
        return name

    def url(self, database: str, *, replica: bool = False) -> str:
        raise NotImplementedError

    def sql(self, sql: str, database: str | None, *, replica: bool = False) -> list[tuple[Any, ...]]:
        """One statement, on a connection of its own."""
        connection = self.connect(database, replica=replica)
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return [tuple(row) for row in cursor.fetchall()] if cursor.description else []
        finally:
            connection.close()

    def connect(self, database: str | None, *, replica: bool = False) -> Any:
        raise NotImplementedError

    def start(self, command: list[str], **options: Any) -> None:
        with (self.folder / f"{len(self.processes)}.log").open("wb") as log:
            self.processes.append(
                subprocess.Popen(
                    command,
                    stdout=log,
                    stderr=log,
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                    preexec_fn=_dies_with_us,
                    **options,
                )
            )

    def listens(self, port: int) -> bool:
        assert all(process.poll() is None for process in self.processes), self.logs()
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            return False
        return True

    def answers(self, *, replica: bool) -> bool:
        for process in self.processes:
            assert process.poll() is None, f"a server ended: {self.logs()}"
        try:
            self.connect(None, replica=replica).close()
        except (pymysql.Error, psycopg.Error):
            return False
        return True

    def logs(self) -> str:
        return "\n".join(path.read_text(errors="replace")[-2000:] for path in self.folder.glob("*.log"))

    def stop(self) -> None:
        for process in self.processes:
            os.killpg(process.pid, signal.SIGKILL)
        for process in self.processes:
            process.wait()
        if hasattr(self, "link"):
            self.link.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class MariaPair(Pair):
    engine = "mariadb"

    @staticmethod
    def missing() -> str:
        """What is not installed, or empty."""
        wanted = ("mariadbd", "mariadb-install-db")
        path = f"{os.environ.get('PATH', '')}:/usr/sbin"
        lacking = [name for name in wanted if shutil.which(name, path=path) is None]
        return f"{', '.join(lacking)}: apt-get install mariadb-server-core mariadb-client-core" if lacking else ""

    def __init__(self) -> None:
        super().__init__()
        self.port, self.replica_port = free_port(), free_port()
        user = ["--user=root"] if os.getuid() == 0 else []
        path = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin"}
        subprocess.run(
            ["mariadb-install-db", "--no-defaults", *user, f"--datadir={self.folder}/p", "--skip-test-db",
             "--auth-root-authentication-method=normal", "--innodb-log-file-size=8M",
             "--innodb-buffer-pool-size=32M"],
            check=True, capture_output=True, env=path, timeout=PATIENCE_S,
        )  # fmt: skip
        shutil.copytree(self.folder / "p", self.folder / "r")
        for name, port, number, more in (
            ("p", self.port, 1, [f"--log-bin={self.folder}/p/bin", "--binlog-format=ROW"]),
            ("r", self.replica_port, 2, [f"--log-bin={self.folder}/r/bin", "--log-slave-updates", "--read-only",
                                         f"--relay-log={self.folder}/r/relay", "--slave-net-timeout=3600"]),
        ):  # fmt: skip
            self.start(
                ["mariadbd", "--no-defaults", *user, "--bind-address=127.0.0.1", "--skip-name-resolve",
                 *LITTLE_MEMORY, f"--datadir={self.folder}/{name}", f"--port={port}",
                 f"--socket={self.folder}/{name}.sock", f"--pid-file={self.folder}/{name}.pid",
                 f"--server-id={number}", "--gtid-strict-mode=1", *more],
                env=path,
            )  # fmt: skip
        for port in (self.port, self.replica_port):
            until(lambda port=port: self.listens(port), "MariaDB listens")
        primary = self._root("p")
        with primary, primary.cursor() as cursor:
            for sql in (
                "CREATE USER repl@'127.0.0.1' IDENTIFIED BY 'repl'",
                "GRANT REPLICATION SLAVE ON *.* TO repl@'127.0.0.1'",
                "CREATE USER canario@'127.0.0.1' IDENTIFIED BY 'canario'",
                "GRANT ALL ON *.* TO canario@'127.0.0.1' WITH GRANT OPTION",
            ):
                cursor.execute(sql)
        self.link = Link(self.port)
        replica = self._root("r")
        with replica, replica.cursor() as cursor:
            cursor.execute("SET GLOBAL gtid_slave_pos=''")
            cursor.execute(
                f"CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={self.link.port}, MASTER_USER='repl',"
                " MASTER_PASSWORD='repl', MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1"
            )
            cursor.execute("START SLAVE")
        until(lambda: self.answers(replica=True), "the replica knows the user canario")

    def _root(self, name: str) -> Any:
        return pymysql.connect(user="root", unix_socket=f"{self.folder}/{name}.sock", autocommit=True)

    def connect(self, database: str | None, *, replica: bool = False) -> Any:
        return pymysql.connect(
            host="127.0.0.1",
            port=self.replica_port if replica else self.port,
            user="canario",
            password="canario",
            database=database,
            autocommit=True,
        )

    def url(self, database: str, *, replica: bool = False) -> str:
        return f"mysql://canario@127.0.0.1:{self.replica_port if replica else self.port}/{database}"


class PostgresPair(Pair):
    engine = "postgres"

    @staticmethod
    def binary(name: str) -> str | None:
        found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
        return str(found[-1]) if found else shutil.which(name)

    @classmethod
    def missing(cls) -> str:
        """What is not installed, or empty."""
        lacking = [name for name in ("postgres", "initdb", "pg_basebackup") if cls.binary(name) is None]
        if os.getuid() == 0 and "postgres" not in {user.pw_name for user in pwd.getpwall()}:
            lacking.append("the user postgres, since PostgreSQL refuses to run as root")
        return f"{', '.join(lacking)}: apt-get install postgresql" if lacking else ""

    def __init__(self) -> None:
        super().__init__()
        self.port, self.replica_port = free_port(), free_port()
        self._as: dict[str, Any] = {}
        if os.getuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
            self._as = {"user": "postgres", "group": "postgres", "extra_groups": []}
        self._run("initdb", "-D", f"{self.folder}/p", "-U", "postgres", "-A", "trust", "--no-sync",
                  "--no-instructions", "-E", "UTF8", "--locale=C.UTF-8")  # fmt: skip
        with (self.folder / "p" / "postgresql.conf").open("a") as settings:
            settings.write(
                f"listen_addresses='127.0.0.1'\nunix_socket_directories='{self.folder}'\nfsync=off\n"
                "full_page_writes=off\nshared_buffers=32MB\nmax_connections=60\nwal_level=replica\n"
                "max_wal_senders=4\nhot_standby=on\nwal_receiver_status_interval=1s\nwal_sender_timeout=0\n"
                "wal_receiver_timeout=0\nmax_standby_streaming_delay=-1\n"
            )
        self._serve("p", self.port)
        until(lambda: self.answers(replica=False), "PostgreSQL answers")
        self.link = Link(self.port)
        self._run("pg_basebackup", "-h", "127.0.0.1", "-p", str(self.link.port), "-U", "postgres", "-D",
                  f"{self.folder}/r", "-R", "-X", "stream", "-c", "fast", "--no-sync", "-C", "-S", "rep1")  # fmt: skip
        until(self._replica_is_up, "the replica answers")

    def _replica_is_up(self) -> bool:
        """Start the replica where it does not run, on another port where somebody took its port meanwhile."""
        if len(self.processes) > 1 and self.processes[-1].poll() is not None:
            self.processes.pop()
            self.replica_port = free_port()
        if len(self.processes) == 1:
            self._serve("r", self.replica_port)
        with suppress(psycopg.Error):
            self.connect(None, replica=True).close()
            return True
        return False

    def _run(self, name: str, *arguments: str) -> None:
        done = subprocess.run(
            [self.binary(name) or name, *arguments],
            capture_output=True,
            text=True,
            cwd=self.folder,
            timeout=PATIENCE_S,
            **self._as,
        )
        assert done.returncode == 0, done.stderr

    def _serve(self, name: str, port: int) -> None:
        self.start(
            [self.binary("postgres") or "postgres", "-D", f"{self.folder}/{name}", "-p", str(port)],
            cwd=self.folder,
            **self._as,
        )

    def connect(self, database: str | None, *, replica: bool = False) -> Any:
        return psycopg.connect(
            host="127.0.0.1",
            port=self.replica_port if replica else self.port,
            user="postgres",
            dbname=database or "postgres",
            autocommit=True,
        )

    def url(self, database: str, *, replica: bool = False) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.replica_port if replica else self.port}/{database}"
