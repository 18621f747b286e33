"""Rules of what old code cannot live with."""

from __future__ import annotations

from console.migrations.manuals import pages
from console.migrations.verdict import Dialect, Rule, Verdict
from console.words import N_

RENAME = Rule(
    id="rename",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_("Old code still uses the old name and fails."),
    sources=pages(
        mysql="alter-table.html", postgres="https://squawkhq.com/docs/renaming-column", sqlite="lang_altertable.html"
    ),
    safer=N_("Add the new one beside it, write both, move over, drop the old one later."),
    examples=(
        (Dialect.MYSQL, "RENAME TABLE reservas TO bookings"),
        (Dialect.POSTGRES, "ALTER TABLE reservas RENAME COLUMN notes TO remarks"),
        (Dialect.MYSQL, "ALTER TABLE reservas CHANGE notes remarks TEXT"),
    ),
)
TYPE_CHANGED = Rule(
    id="type-changed",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_(
        "{name} of {table} gets another definition: old code can write what no longer fits, and the table may be rewritten under {lock}."
    ),
    sources=pages(
        mysql="innodb-online-ddl-operations.html",
        postgres="https://squawkhq.com/docs/changing-column-type",
        sqlite="lang_altertable.html",
    ),
    safer=N_("Add a column of the new type, write both, move over."),
    examples=(
        (Dialect.MYSQL, "ALTER TABLE reservas MODIFY notes VARCHAR(10)"),
        (Dialect.POSTGRES, "ALTER TABLE reservas ALTER COLUMN notes TYPE varchar(10)"),
    ),
)
NOT_NULL_COLUMN = Rule(
    id="not-null-without-default",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_("Old code does not write {name}, so every row that it inserts into {table} fails."),
    sources=pages(
        mysql="data-type-defaults.html",
        postgres="https://squawkhq.com/docs/adding-not-nullable-field",
        sqlite="lang_altertable.html#altertabaddcol",
    ),
    safer=N_("Add it nullable or with a constant default."),
    examples=(
        (Dialect.MYSQL, "ALTER TABLE reservas ADD COLUMN canal INT NOT NULL"),
        (Dialect.POSTGRES, "ALTER TABLE reservas ADD COLUMN canal int NOT NULL"),
    ),
)
NOT_NULL_GENERATED = Rule(
    id="not-null-generated",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_("Where the expression of {name} is NULL, the row that old code inserts into {table} fails."),
    sources=pages(
        mysql="create-table-generated-columns.html", postgres="ddl-generated-columns.html", sqlite="gencol.html"
    ),
    safer=N_("Leave out NOT NULL."),
    examples=((Dialect.MYSQL, "ALTER TABLE reservas ADD COLUMN total INT AS (a + b) VIRTUAL NOT NULL"),),
)
SET_NOT_NULL = Rule(
    id="set-not-null",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_("Rows that old code writes without {name} fail; {table} is read whole under {lock}."),
    sources=pages(
        mysql="alter-table.html",
        postgres="https://squawkhq.com/docs/adding-not-nullable-field",
        sqlite="lang_altertable.html",
    ),
    safer=N_("Once all code writes it."),
    examples=((Dialect.POSTGRES, "ALTER TABLE reservas ALTER COLUMN notes SET NOT NULL"),),
    safers={
        Dialect.POSTGRES: N_(
            "Once all code writes it: a CHECK (... IS NOT NULL) NOT VALID, VALIDATE it, then SET NOT NULL."
        ),
    },
)
DROP_NOT_NULL = Rule(
    id="drop-not-null",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_("Old code can now read NULL in {name} of {table}, which it never met."),
    sources=pages(
        mysql="alter-table.html", postgres="https://squawkhq.com/docs/ban-drop-not-null", sqlite="lang_altertable.html"
    ),
    safer=N_("Deploy code that takes NULL first."),
    examples=((Dialect.POSTGRES, "ALTER TABLE reservas ALTER COLUMN notes DROP NOT NULL"),),
)
DEFAULT_DROPPED = Rule(
    id="default-dropped",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_("Without its default, rows that old code inserts into {table} without {name} fail, or hold NULL."),
    sources=pages(mysql="data-type-defaults.html", postgres="ddl-alter.html", sqlite="lang_altertable.html"),
    safer=N_("Drop the default once all code writes the column."),
    examples=(
        (Dialect.MYSQL, "ALTER TABLE reservas ALTER COLUMN canal DROP DEFAULT"),
        (
            Dialect.POSTGRES,
            "ALTER TABLE reservas ADD COLUMN canal int NOT NULL DEFAULT 1;\nALTER TABLE reservas ALTER COLUMN canal DROP DEFAULT",
        ),
    ),
)
DEFAULT_CHANGED = Rule(
    id="default-changed",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_("Rows that old code inserts into {table} get another value in {name} than it counts on."),
    sources=pages(mysql="alter-table.html", postgres="ddl-alter.html", sqlite="lang_altertable.html"),
    safer=N_("Let new code write the value."),
    examples=((Dialect.POSTGRES, "ALTER TABLE reservas ALTER COLUMN canal SET DEFAULT 2"),),
)
UNIQUE = Rule(
    id="unique-constraint",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_("Old code may write {table} values that are there already, and fails."),
    sources=pages(
        mysql="create-index.html",
        postgres="https://squawkhq.com/docs/disallowed-unique-constraint",
        sqlite="lang_createindex.html",
    ),
    safer=N_("Let all code keep to it first."),
    examples=(
        (Dialect.MYSQL, "CREATE UNIQUE INDEX u ON reservas (notes)"),
        (Dialect.POSTGRES, "ALTER TABLE reservas ADD CONSTRAINT u UNIQUE (notes)"),
        (Dialect.MYSQL, "ALTER TABLE reservas ADD COLUMN ficha INT UNIQUE"),
    ),
    safers={
        Dialect.POSTGRES: N_("Let all code keep to it first; build it CONCURRENTLY."),
    },
)
PRIMARY_KEY = Rule(
    id="primary-key",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_(
        "Rows that old code writes to {table} must keep to the new key, and the table is rebuilt or locked ({lock})."
    ),
    sources=pages(
        mysql="innodb-online-ddl-operations.html",
        postgres="https://squawkhq.com/docs/adding-serial-primary-key-field",
        sqlite="lang_altertable.html#altertabaddcol",
    ),
    safer=N_("Make a new table with the key, and move over."),
    examples=(
        (Dialect.MYSQL, "ALTER TABLE reservas ADD PRIMARY KEY (id)"),
        (Dialect.POSTGRES, "ALTER TABLE reservas ADD COLUMN n int PRIMARY KEY"),
    ),
)
CHECK = Rule(
    id="check-constraint",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_("Old code may write {table} rows that the check refuses."),
    sources=pages(
        mysql="create-table-check-constraints.html",
        postgres="https://squawkhq.com/docs/constraint-missing-not-valid",
        sqlite="lang_altertable.html#altertabaddcol",
    ),
    safer=N_("Let all code keep to it first."),
    examples=(
        (Dialect.POSTGRES, "ALTER TABLE reservas ADD CONSTRAINT c CHECK (precio > 0) NOT VALID"),
        (Dialect.MYSQL, "ALTER TABLE reservas ADD COLUMN n INT CHECK (n > 0)"),
    ),
    reasons={
        Dialect.POSTGRES: N_("Old code may write {table} rows that the check refuses, NOT VALID or not."),
    },
    safers={
        Dialect.POSTGRES: N_("Let all code keep to it first; then NOT VALID, and VALIDATE it."),
    },
)
FOREIGN_KEY = Rule(
    id="foreign-key",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_(
        "Old code may write {table} rows that point nowhere, or delete rows that are pointed at, and fails; {lock} on both tables."
    ),
    sources=pages(
        mysql="create-table-foreign-keys.html",
        postgres="https://squawkhq.com/docs/adding-foreign-key-constraint",
        sqlite="foreignkeys.html",
    ),
    safer=N_("Let all code keep to it first."),
    examples=((Dialect.MYSQL, "ALTER TABLE reservas ADD CONSTRAINT f FOREIGN KEY (canal_id) REFERENCES canales (id)"),),
    safers={
        Dialect.POSTGRES: N_("Let all code keep to it first; then NOT VALID, and VALIDATE it."),
    },
)
EXCLUSION = Rule(
    id="exclusion-constraint",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_("Old code may write {table} rows that exclude each other, and fails."),
    sources=pages(postgres="sql-createtable.html#SQL-CREATETABLE-EXCLUDE"),
    safer=N_("Let all code keep to it first."),
    examples=((Dialect.POSTGRES, "ALTER TABLE reservas ADD CONSTRAINT e EXCLUDE USING gist (sala WITH =)"),),
)
ENUM_REORDERED = Rule(
    id="enum-reordered",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_("Values of the type change their name or order, which old code counts on."),
    sources=pages(postgres="sql-altertype.html"),
    safer=N_("Add the value at the end."),
    examples=(
        (Dialect.POSTGRES, "ALTER TYPE estado ADD VALUE 'previa' BEFORE 'nueva'"),
        (Dialect.POSTGRES, "ALTER TYPE estado RENAME VALUE 'nueva' TO 'abierta'"),
    ),
)
REPLACED = Rule(
    id="replaced",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_("What old code uses under this name becomes something else."),
    sources=pages(mysql="create-view.html", postgres="sql-createview.html", sqlite="lang_createview.html"),
    safer=N_("Create it under a new name."),
    examples=(
        (Dialect.POSTGRES, "CREATE OR REPLACE VIEW hoy AS SELECT 1"),
        (Dialect.MYSQL, "ALTER VIEW hoy AS SELECT 1"),
    ),
)
TRIGGER = Rule(
    id="trigger",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_("What old code writes to {table} now does something else too, or fails."),
    sources=pages(mysql="create-trigger.html", postgres="sql-createtrigger.html", sqlite="lang_createtrigger.html"),
    safer=N_("Let new code do it."),
    examples=(
        (Dialect.SQLITE, "CREATE TRIGGER tr AFTER INSERT ON reservas BEGIN DELETE FROM canales; END"),
        (Dialect.POSTGRES, "CREATE RULE r AS ON INSERT TO reservas DO INSTEAD NOTHING"),
    ),
)
ROW_SECURITY = Rule(
    id="row-security",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_("Old code reads and writes fewer rows of {table}, or none."),
    sources=pages(postgres="ddl-rowsecurity.html"),
    examples=(
        (Dialect.POSTGRES, "ALTER TABLE reservas ENABLE ROW LEVEL SECURITY"),
        (Dialect.POSTGRES, "CREATE POLICY p ON reservas USING (true)"),
    ),
)
INDEX_DROPPED = Rule(
    id="drop-index",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_("Queries of old code that need or force the index on {table} become slow or fail."),
    sources=pages(mysql="index-hints.html", postgres="sql-dropindex.html", sqlite="lang_indexedby.html"),
    safer=N_("See first that no query needs it."),
    examples=(
        (Dialect.MYSQL, "DROP INDEX idx_notes ON reservas"),
        (Dialect.POSTGRES, "DROP INDEX CONCURRENTLY idx_notes"),
        (Dialect.MYSQL, "ALTER TABLE reservas DROP KEY idx_notes"),
    ),
    safers={
        Dialect.MYSQL: N_("Make it INVISIBLE first (IGNORED on MariaDB)."),
        Dialect.POSTGRES: N_("See first in pg_stat_user_indexes that nothing uses it."),
    },
)
CONSTRAINT_DROPPED = Rule(
    id="drop-constraint",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_("Old code counts on the constraint of {table}, e.g. on its ON DELETE."),
    sources=pages(mysql="alter-table.html", postgres="sql-altertable.html", sqlite="lang_altertable.html"),
    safer=N_("Drop it once no code that counts on it runs."),
    examples=((Dialect.POSTGRES, "ALTER TABLE reservas DROP CONSTRAINT u"),),
    reasons={
        Dialect.POSTGRES: N_("Old code counts on the constraint of {table}, e.g. on its ON CONFLICT or ON DELETE."),
        Dialect.SQLITE: N_("Old code counts on the constraint of {table}, e.g. on its ON CONFLICT or ON DELETE."),
    },
)
DROP_OTHER = Rule(
    id="drop-object",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_("What is dropped may still be used by old code."),
    sources=pages(mysql="sql-data-definition-statements.html", postgres="ddl-depend.html", sqlite="lang_dropview.html"),
    safer=N_("Drop it in a later release."),
    examples=(
        (Dialect.POSTGRES, "DROP VIEW hoy"),
        (Dialect.POSTGRES, "DROP TYPE estado"),
        (Dialect.MYSQL, "DROP TRIGGER tr"),
    ),
    reasons={
        Dialect.POSTGRES: N_("What is dropped may still be used by old code, and CASCADE takes what stands on it."),
    },
)
ROWS_MOVED = Rule(
    id="rows-moved",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_("Old code no longer finds rows of {table}, or finds others in their place; {lock} meanwhile."),
    sources=pages(
        mysql="alter-table-partition-operations.html", postgres="sql-altertable.html#SQL-ALTERTABLE-DETACH-PARTITION"
    ),
    safer=N_("Do it once no running code reads those rows."),
    examples=(
        (Dialect.POSTGRES, "ALTER TABLE reservas DETACH PARTITION reservas_2020"),
        (Dialect.MYSQL, "ALTER TABLE reservas EXCHANGE PARTITION p1 WITH TABLE otra"),
    ),
)
RIGHTS = Rule(
    id="rights",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_("It changes who may do what: old code may be refused."),
    sources=pages(mysql="account-management-statements.html", postgres="sql-revoke.html"),
    examples=(
        (Dialect.POSTGRES, "REVOKE ALL ON reservas FROM app"),
        (Dialect.POSTGRES, "ALTER TABLE reservas OWNER TO otra"),
    ),
)

INCOMPATIBLE = (
    RENAME,
    TYPE_CHANGED,
    NOT_NULL_COLUMN,
    NOT_NULL_GENERATED,
    SET_NOT_NULL,
    DROP_NOT_NULL,
    DEFAULT_DROPPED,
    DEFAULT_CHANGED,
    UNIQUE,
    PRIMARY_KEY,
    CHECK,
    FOREIGN_KEY,
    EXCLUSION,
    ENUM_REORDERED,
    REPLACED,
    TRIGGER,
    ROW_SECURITY,
    INDEX_DROPPED,
    CONSTRAINT_DROPPED,
    DROP_OTHER,
    ROWS_MOVED,
    RIGHTS,
)
