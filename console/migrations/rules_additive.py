"""Rules of what is additive: safe for code that still runs, with no long lock."""

from __future__ import annotations

from console.migrations.manuals import pages
from console.migrations.verdict import Dialect, Rule, Verdict
from console.words import N_

NEW_TABLE = Rule(
    id="new-table",
    verdict=Verdict.ADDITIVE,
    reason=N_("{table} is new: no code that runs knows it."),
    sources=pages(mysql="create-table.html", postgres="sql-createtable.html", sqlite="lang_createtable.html"),
    examples=(
        (Dialect.MYSQL, "CREATE TABLE avisos (id BIGINT PRIMARY KEY, texto VARCHAR(500)) ENGINE=InnoDB"),
        (Dialect.POSTGRES, "CREATE TABLE avisos (id bigint PRIMARY KEY, texto text)"),
        (Dialect.SQLITE, "CREATE TABLE avisos (id INTEGER PRIMARY KEY, texto TEXT)"),
    ),
)
NEW_TABLE_FK = Rule(
    id="new-table-foreign-key",
    verdict=Verdict.ADDITIVE,
    reason=N_(
        "The foreign key locks {name} against writes for a moment; the new table has no rows to check. Once new code has written rows, rows of {name} that they point at cannot be deleted."
    ),
    sources=pages(mysql="create-table-foreign-keys.html", postgres="sql-createtable.html", sqlite="foreignkeys.html"),
    examples=(
        (Dialect.POSTGRES, "CREATE TABLE avisos (id bigint PRIMARY KEY, reserva_id bigint REFERENCES reservas(id))"),
    ),
    reasons={
        Dialect.POSTGRES: N_(
            "The foreign key locks {name} against writes for a moment (SHARE ROW EXCLUSIVE); the new table has no rows to check. Once new code has written rows, rows of {name} that they point at cannot be deleted."
        ),
        Dialect.MYSQL: N_(
            "The foreign key locks {name} for a moment (a metadata lock); the new table has no rows to check. Once new code has written rows, rows of {name} that they point at cannot be deleted."
        ),
        Dialect.SQLITE: N_(
            "The new table has no rows to check. Once new code has written rows, rows of {name} that they point at cannot be deleted, where PRAGMA foreign_keys is on."
        ),
    },
)
NEW_VIEW = Rule(
    id="new-view",
    verdict=Verdict.ADDITIVE,
    reason=N_("{table} is a new view: it reads, and no code that runs knows it."),
    sources=pages(mysql="create-view.html", postgres="sql-createview.html", sqlite="lang_createview.html"),
    examples=(
        (Dialect.MYSQL, "CREATE VIEW hoy AS SELECT id FROM reservas WHERE dia = CURRENT_DATE"),
        (Dialect.POSTGRES, "CREATE MATERIALIZED VIEW totales AS SELECT count(*) FROM reservas WITH NO DATA"),
    ),
)
NEW_TYPE = Rule(
    id="new-type",
    verdict=Verdict.ADDITIVE,
    reason=N_("{name} is a new type, which no column has yet."),
    sources=pages(postgres="sql-createtype.html"),
    examples=((Dialect.POSTGRES, "CREATE TYPE estado AS ENUM ('nueva', 'pagada')"),),
)
NEW_ENUM_VALUE = Rule(
    id="new-enum-value",
    verdict=Verdict.ADDITIVE,
    reason=N_(
        "The value is put after all others, so their order stays; old code meets it only in rows that new code writes."
    ),
    sources=pages(postgres="sql-altertype.html"),
    examples=((Dialect.POSTGRES, "ALTER TYPE estado ADD VALUE IF NOT EXISTS 'anulada'"),),
)
NEW_SEQUENCE = Rule(
    id="new-sequence",
    verdict=Verdict.ADDITIVE,
    reason=N_("{name} is a new sequence, which no column uses yet."),
    sources=pages(mysql="https://mariadb.com/kb/en/create-sequence/", postgres="sql-createsequence.html"),
    examples=((Dialect.POSTGRES, "CREATE SEQUENCE numero_factura START WITH 1000"),),
)
NEW_SCHEMA = Rule(
    id="new-schema",
    verdict=Verdict.ADDITIVE,
    reason=N_("{name} is a new, empty schema."),
    sources=pages(mysql="create-database.html", postgres="sql-createschema.html"),
    examples=((Dialect.POSTGRES, "CREATE SCHEMA IF NOT EXISTS informes"),),
)
NEW_COLUMN = Rule(
    id="new-column",
    verdict=Verdict.ADDITIVE,
    reason=N_(
        "Old code neither reads nor writes {name}: rows that it inserts get NULL or the default, and the server changes only its catalogue."
    ),
    sources=pages(
        mysql="innodb-online-ddl-operations.html",
        postgres="sql-altertable.html#SQL-ALTERTABLE-NOTES",
        sqlite="lang_altertable.html#altertabaddcol",
    ),
    examples=(
        (Dialect.MYSQL, "ALTER TABLE reservas ADD COLUMN notes VARCHAR(500)"),
        (Dialect.POSTGRES, "ALTER TABLE reservas ADD COLUMN canal text NOT NULL DEFAULT 'web'"),
        (Dialect.SQLITE, "ALTER TABLE reservas ADD COLUMN notes TEXT"),
    ),
)
INSERT_WITHOUT_COLUMNS = Rule(
    id="insert-without-columns",
    verdict=Verdict.ADDITIVE,
    reason=N_(
        "An INSERT into {table} without a list of columns breaks, as it now gives one value too few; so does code that counts the columns of SELECT *."
    ),
    sources=pages(mysql="insert.html", postgres="sql-insert.html", sqlite="lang_insert.html"),
    examples=((Dialect.MYSQL, "ALTER TABLE reservas ADD COLUMN notes VARCHAR(500)"),),
)
NAME_ALGORITHM = Rule(
    id="name-algorithm",
    verdict=Verdict.ADDITIVE,
    reason=N_("Nothing makes the server refuse where it would have to copy {table}:"),
    sources=pages(mysql="alter-table.html#alter-table-performance"),
    safer=N_("end it with {name}."),
    examples=(
        (Dialect.MYSQL, "ALTER TABLE reservas ADD COLUMN notes VARCHAR(500)"),
        (Dialect.MYSQL, "CREATE INDEX idx_notes ON reservas (notes)"),
    ),
)
NEW_INDEX = Rule(
    id="new-index",
    verdict=Verdict.ADDITIVE,
    reason=N_("The index on {table} is built while reads and writes go on."),
    sources=pages(
        mysql="innodb-online-ddl-operations.html",
        postgres="sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY",
        sqlite="lang_createindex.html",
    ),
    examples=(
        (Dialect.MYSQL, "CREATE INDEX idx_notes ON reservas (notes) ALGORITHM=INPLACE LOCK=NONE"),
        (Dialect.POSTGRES, "CREATE INDEX CONCURRENTLY idx_notes ON reservas (notes)"),
        (Dialect.SQLITE, "CREATE INDEX idx_notes ON reservas (notes)"),
    ),
    reasons={
        Dialect.SQLITE: N_(
            "Old code neither needs the index on {table} nor sees it; while it is built other writers of the file wait, and in WAL mode reads go on."
        ),
    },
)
ON_NEW_TABLE = Rule(
    id="on-new-table",
    verdict=Verdict.ADDITIVE,
    reason=N_("{table} is made in this same file and is empty: nobody waits for it, no old code writes to it."),
    sources=pages(mysql="create-index.html", postgres="sql-createindex.html", sqlite="lang_createindex.html"),
    examples=((Dialect.POSTGRES, "CREATE TABLE avisos (id bigint);\nCREATE UNIQUE INDEX avisos_id ON avisos (id)"),),
)
FIRST_ROWS = Rule(
    id="first-rows",
    verdict=Verdict.ADDITIVE,
    reason=N_("The rows are constants, and {table} is made in this same file: no code that runs reads them."),
    sources=pages(mysql="insert.html", postgres="sql-insert.html", sqlite="lang_insert.html"),
    examples=(
        (
            Dialect.MYSQL,
            "CREATE TABLE planes (id INT PRIMARY KEY, nombre VARCHAR(20));\n"
            "INSERT INTO planes (id, nombre) VALUES (1, 'libre'), (2, 'pro')",
        ),
    ),
)
NEW_COMMENT = Rule(
    id="comment",
    verdict=Verdict.ADDITIVE,
    reason=N_("A comment changes nothing that code sees; its lock is held for a moment."),
    sources=pages(postgres="sql-comment.html"),
    examples=((Dialect.POSTGRES, "COMMENT ON COLUMN reservas.notes IS 'what the guest asked for'"),),
)
VALIDATE_CONSTRAINT = Rule(
    id="validate-constraint",
    verdict=Verdict.ADDITIVE,
    reason=N_(
        "The constraint holds for new rows already; the old ones are read under SHARE UPDATE EXCLUSIVE, which lets reads and writes go on."
    ),
    sources=pages(postgres="sql-altertable.html#SQL-ALTERTABLE-DESC-VALIDATE-CONSTRAINT"),
    examples=((Dialect.POSTGRES, "ALTER TABLE reservas VALIDATE CONSTRAINT reservas_precio"),),
)
SESSION_TIMEOUT = Rule(
    id="session-timeout",
    verdict=Verdict.ADDITIVE,
    reason=N_(
        "It limits how long this session waits or works, and nobody else. On lock waits the applier's own limit of 5 s stays in force: it is set again before each statement."
    ),
    sources=pages(
        mysql="server-system-variables.html#sysvar_lock_wait_timeout",
        postgres="runtime-config-client.html#GUC-LOCK-TIMEOUT",
        sqlite="pragma.html#pragma_busy_timeout",
    ),
    examples=(
        (Dialect.POSTGRES, "SET lock_timeout = '5s'"),
        (Dialect.MYSQL, "SET SESSION lock_wait_timeout = 5"),
        (Dialect.SQLITE, "PRAGMA busy_timeout = 5000"),
    ),
)

TABLE_SIZE = Rule(
    id="table-size",
    verdict=Verdict.ADDITIVE,
    reason=N_("{table} has about {name} rows now."),
    sources=pages(
        mysql="information-schema-tables-table.html", postgres="catalog-pg-class.html", sqlite="lang_analyze.html"
    ),
)
ADDITIVE = (
    NEW_TABLE,
    NEW_TABLE_FK,
    NEW_VIEW,
    NEW_TYPE,
    NEW_ENUM_VALUE,
    NEW_SEQUENCE,
    NEW_SCHEMA,
    NEW_COLUMN,
    INSERT_WITHOUT_COLUMNS,
    NAME_ALGORITHM,
    NEW_INDEX,
    ON_NEW_TABLE,
    FIRST_ROWS,
    NEW_COMMENT,
    VALIDATE_CONSTRAINT,
    SESSION_TIMEOUT,
    TABLE_SIZE,
)
