"""Rules of what loses data: rows or columns are gone afterwards, whatever code runs."""

from __future__ import annotations

from console.migrations.manuals import pages
from console.migrations.verdict import Dialect, Rule, Verdict
from console.words import N_

DROP_TABLE = Rule(
    id="drop-table",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_("{table} is gone with all its rows, and code that uses it fails."),
    sources=pages(
        mysql="drop-table.html", postgres="https://squawkhq.com/docs/ban-drop-table", sqlite="lang_droptable.html"
    ),
    safer=N_("Stop using it first; keep it for a release."),
    examples=(
        (Dialect.MYSQL, "DROP TABLE reservas"),
        (Dialect.POSTGRES, "DROP TABLE IF EXISTS reservas CASCADE"),
    ),
    loses_data=True,
)
DROP_DATABASE = Rule(
    id="drop-database",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_("A database or schema is gone with everything in it."),
    sources=pages(
        mysql="drop-database.html", postgres="https://squawkhq.com/docs/ban-drop-database", sqlite="lang.html"
    ),
    examples=(
        (Dialect.MYSQL, "DROP DATABASE wa"),
        (Dialect.POSTGRES, "DROP SCHEMA informes CASCADE"),
    ),
    loses_data=True,
)
DROP_COLUMN = Rule(
    id="drop-column",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_("Old code still names {name} of {table} and fails; its values are lost."),
    sources=pages(
        mysql="alter-table.html", postgres="https://squawkhq.com/docs/ban-drop-column", sqlite="lang_altertable.html"
    ),
    safer=N_("Deploy code that does not name it, then drop it in a later release."),
    examples=(
        (Dialect.MYSQL, "ALTER TABLE reservas DROP COLUMN notes"),
        (Dialect.SQLITE, "ALTER TABLE reservas DROP notes"),
    ),
    loses_data=True,
)
DROP_PARTITION = Rule(
    id="drop-partition",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_("The rows of the partition of {table} are lost."),
    sources=pages(
        mysql="alter-table-partition-operations.html", postgres="sql-altertable.html", sqlite="lang_altertable.html"
    ),
    examples=((Dialect.MYSQL, "ALTER TABLE reservas DROP PARTITION p1"),),
    loses_data=True,
)
TRUNCATE = Rule(
    id="truncate",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_("All rows of {table} are lost."),
    sources=pages(mysql="truncate-table.html", postgres="sql-truncate.html", sqlite="lang.html"),
    examples=(
        (Dialect.MYSQL, "TRUNCATE TABLE reservas"),
        (Dialect.POSTGRES, "TRUNCATE reservas CASCADE"),
    ),
    loses_data=True,
)
DELETE_ROWS = Rule(
    id="delete-rows",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_("Rows of {table} are lost."),
    sources=pages(mysql="delete.html", postgres="sql-delete.html", sqlite="lang_delete.html"),
    safer=N_("Delete in batches, by a job, once no code needs them."),
    examples=((Dialect.MYSQL, "DELETE FROM reservas WHERE id < 5"),),
    loses_data=True,
)
UPDATE_ROWS = Rule(
    id="update-rows",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_("What {table} holds is overwritten, and the rows stay locked until it is done."),
    sources=pages(mysql="update.html", postgres="sql-update.html", sqlite="lang_update.html"),
    safer=N_("Update in batches, by a job, once no code needs the old values."),
    examples=(
        (Dialect.MYSQL, "UPDATE reservas SET notes = ''"),
        (Dialect.MYSQL, "REPLACE INTO canales VALUES (1, 'web')"),
        (Dialect.POSTGRES, "INSERT INTO canales VALUES (1) ON CONFLICT (id) DO UPDATE SET id = 2"),
    ),
    loses_data=True,
)
DROP_CASCADE = Rule(
    id="drop-cascade",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_("CASCADE drops the columns of its kind too, in every table, with their values."),
    sources=pages(postgres="sql-droptype.html"),
    safer=N_("Drop what uses it in a later release, then it without CASCADE."),
    examples=((Dialect.POSTGRES, "DROP TYPE estado CASCADE"),),
    loses_data=True,
)
ENGINE_CHANGED = Rule(
    id="engine-changed",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_(
        "In another storage engine {table} keeps rows otherwise (MEMORY until a restart, BLACKHOLE never, MyISAM without transactions), and it is copied under {lock}."
    ),
    sources=pages(mysql="storage-engines.html"),
    safer=N_("Keep it in InnoDB."),
    examples=((Dialect.MYSQL, "ALTER TABLE reservas ENGINE=MEMORY"),),
    loses_data=True,
)

LOSING = (
    DROP_TABLE,
    DROP_DATABASE,
    DROP_COLUMN,
    DROP_PARTITION,
    TRUNCATE,
    DELETE_ROWS,
    UPDATE_ROWS,
    DROP_CASCADE,
    ENGINE_CHANGED,
)
