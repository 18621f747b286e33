"""Where the desk's picture comes from: folder, ledger, journal and replicas, read into one frozen `Board`.

One event loop's only, but for `latest`, which any thread may read. Writes nothing anywhere.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from console.errors import CanarioError, UsageError
from console.migrations.board import Board, Phase, lines_of
from console.migrations.ground import Ground
from console.migrations.reading import Reader, Reading, journal_words
from console.migrations.threads import in_thread
from console.migrations.values import LedgerRow, Server
from console.text import clean
from console.words import _

if TYPE_CHECKING:
    from console.migrations.database import Address, Database
    from console.migrations.watching import ReplicaWatch


class Source:
    """See the module.

    Args:
        ground: see `Ground`.
    """

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.latest = Board(
            Phase.READING if ground.addresses is not None else Phase.NO_DATABASE,
            ground.environment,
            ground.folder,
            lag_limit_s=ground.lag_limit_s,
        )
        """The picture; replaced whole, from the loop."""
        self._places: tuple[Address, tuple[Address, ...]] | None = None
        self._reader = Reader(ground.folder, ground.identity)
        self._watch: ReplicaWatch | None = None

    def set(self, **changes: object) -> None:
        """Draw the picture anew, with these fields changed."""
        self.latest = replace(self.latest, **changes)  # type: ignore[arg-type]

    async def addresses(self) -> tuple[Address, tuple[Address, ...]]:
        """The database's and its replicas', looked up once.

        Raises:
            UsageError: no database is set.
        """
        if self.ground.addresses is None:
            raise no_database(self.ground)
        if self._places is None:
            self._places = await in_thread(self.ground.addresses)
            database, replicas = self._places
            self.set(replica_names=tuple(_replica_name(address) for address in replicas))
            self.set(engine=database.engine, where=database.shown)
        return self._places

    async def database(self) -> Database:
        """One more connection to be, as the operator."""
        from console.migrations.database import make_database

        address, _replicas = await self.addresses()
        return make_database(address, who=self.ground.identity())

    async def read(self, *, keep: bool) -> Reading:
        """Folder, database and journal afresh, into the picture.

        Args:
            keep: see `Reader.read`.

        Raises:
            CanarioError: one of them cannot be read.
        """
        address, _replicas = await self.addresses()
        read = await in_thread(lambda: self._reader.read(address, keep=keep))
        await self._put(read)
        return read

    async def _put(self, read: Reading) -> None:
        from console.migrations import ledger

        words = await in_thread(lambda: journal_words(self.ground.door.journal, self.latest.where))
        changed = ""
        try:
            ledger.check_files(read.files, read.rows)
        except (ledger.ChangedFileError, ledger.RenamedFileError) as error:
            changed = str(error)
        self.set(
            phase=self.latest.phase if self.latest.busy else Phase.IDLE,
            server=read.server,
            tables=read.facts.tables,
            lines=lines_of(
                read.files,
                read.rows,
                words,
                ledger.pending(read.files, read.rows),
                leftovers=read.leftovers,
                renamed=ledger.renamed(read.files, read.rows),
            ),
            rows=tuple(read.rows.values()),
            rows_problem="",
            changed=changed,
            read_problem="",
        )

    async def read_ledger(self) -> tuple[LedgerRow, ...]:
        """The ledger alone, into the picture; what goes wrong stands in it too."""
        try:
            address, _replicas = await self.addresses()
            rows = await in_thread(lambda: self._reader.rows(address))
        except CanarioError as error:
            self.set(rows_problem=error.what)
            raise
        self.set(rows=rows, rows_problem="")
        return rows

    async def look_at_replicas(self, server: Server) -> None:
        """Ask each replica how it stands, where nothing is under way that asks them itself."""
        database, replicas = await self.addresses()
        if not replicas or self.latest.busy:
            return
        if self._watch is None:
            from console.migrations.watching import ReplicaWatch

            self._watch = ReplicaWatch(replicas, replicas_of=database.database)
        states = await self._watch.look(server.id, self.ground.lag_limit_s)
        if not self.latest.busy:
            self.set(replicas=states)


def no_database(ground: Ground) -> UsageError:
    """What is said where the environment has no database."""
    return UsageError(_("No database is set for {environment}.").format(environment=ground.environment))


def failed(error: Exception) -> str:
    """A bug of ours, in a sentence."""
    return _("canario failed inside ({kind}: {words}).").format(kind=type(error).__name__, words=clean(str(error), 200))


def _replica_name(address: Address) -> str:
    return f"{address.socket or address.host}:{address.port}"


__all__ = ["Source", "failed", "no_database"]
