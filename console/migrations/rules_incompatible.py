"""Rules of what old code cannot live with, or what loses data."""

from __future__ import annotations

from console.migrations.verdict import Dialect, Rule, Verdict
from console.words import N_

DROP_TABLE = Rule(
    id="drop-table",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_("{table} is gone with all its rows, and code that uses it fails."),
    source="https://squawkhq.com/docs/ban-drop-table",
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
    source="https://squawkhq.com/docs/ban-drop-database",
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
    source="https://squawkhq.com/docs/ban-drop-column",
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
    source="https://dev.mysql.com/doc/refman/8.4/en/alter-table-partition-operations.html",
    examples=((Dialect.MYSQL, "ALTER TABLE reservas DROP PARTITION p1"),),
    loses_data=True,
)
TRUNCATE = Rule(
    id="truncate",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_("All rows of {table} are lost."),
    source="https://squawkhq.com/docs/ban-truncate-cascade",
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
    source="https://dev.mysql.com/doc/refman/8.4/en/delete.html",
    safer=N_("Delete in batches, by a job, once no code needs them."),
    examples=((Dialect.MYSQL, "DELETE FROM reservas WHERE id < 5"),),
    loses_data=True,
)
UPDATE_ROWS = Rule(
    id="update-rows",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_("What {table} holds is overwritten, and the rows stay locked until it is done."),
    source="https://dev.mysql.com/doc/refman/8.4/en/update.html",
    safer=N_("Update in batches, by a job, once no code needs the old values."),
    examples=(
        (Dialect.MYSQL, "UPDATE reservas SET notes = ''"),
        (Dialect.MYSQL, "REPLACE INTO canales VALUES (1, 'web')"),
        (Dialect.POSTGRES, "INSERT INTO canales VALUES (1) ON CONFLICT (id) DO UPDATE SET id = 2"),
    ),
    loses_data=True,
)
RENAME = Rule(
    id="rename",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_("Old code still uses the old name and fails."),
    source="https://squawkhq.com/docs/renaming-column",
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
    source="https://squawkhq.com/docs/changing-column-type",
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
    source="https://squawkhq.com/docs/adding-not-nullable-field",
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
    source="https://dev.mysql.com/doc/refman/8.4/en/create-table-generated-columns.html",
    safer=N_("Leave out NOT NULL."),
    examples=((Dialect.MYSQL, "ALTER TABLE reservas ADD COLUMN total INT AS (a + b) VIRTUAL NOT NULL"),),
)
SET_NOT_NULL = Rule(
    id="set-not-null",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_("Rows that old code writes without {name} fail; {table} is read whole under {lock}."),
    source="https://squawkhq.com/docs/adding-not-nullable-field",
    safer=N_("Once all code writes it: a CHECK (... IS NOT NULL) NOT VALID, VALIDATE it, then SET NOT NULL."),
    examples=((Dialect.POSTGRES, "ALTER TABLE reservas ALTER COLUMN notes SET NOT NULL"),),
)
DROP_NOT_NULL = Rule(
    id="drop-not-null",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_("Old code can now read NULL in {name} of {table}, which it never met."),
    source="https://squawkhq.com/docs/ban-drop-not-null",
    safer=N_("Deploy code that takes NULL first."),
    examples=((Dialect.POSTGRES, "ALTER TABLE reservas ALTER COLUMN notes DROP NOT NULL"),),
)
DEFAULT_DROPPED = Rule(
    id="default-dropped",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_("Without its default, rows that old code inserts into {table} without {name} fail, or hold NULL."),
    source="https://www.postgresql.org/docs/current/ddl-alter.html",
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
    source="https://www.postgresql.org/docs/current/ddl-alter.html",
    safer=N_("Let new code write the value."),
    examples=((Dialect.POSTGRES, "ALTER TABLE reservas ALTER COLUMN canal SET DEFAULT 2"),),
)
UNIQUE = Rule(
    id="unique-constraint",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_("Old code may write {table} values that are there already, and fails."),
    source="https://squawkhq.com/docs/disallowed-unique-constraint",
    safer=N_("Let all code keep to it first; on PostgreSQL build it CONCURRENTLY."),
    examples=(
        (Dialect.MYSQL, "CREATE UNIQUE INDEX u ON reservas (notes)"),
        (Dialect.POSTGRES, "ALTER TABLE reservas ADD CONSTRAINT u UNIQUE (notes)"),
        (Dialect.MYSQL, "ALTER TABLE reservas ADD COLUMN ficha INT UNIQUE"),
    ),
)
PRIMARY_KEY = Rule(
    id="primary-key",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_(
        "Rows that old code writes to {table} must keep to the new key, and the table is rebuilt or locked ({lock})."
    ),
    source="https://squawkhq.com/docs/adding-serial-primary-key-field",
    safer=N_("Make a new table with the key, and move over."),
    examples=(
        (Dialect.MYSQL, "ALTER TABLE reservas ADD PRIMARY KEY (id)"),
        (Dialect.POSTGRES, "ALTER TABLE reservas ADD COLUMN n int PRIMARY KEY"),
    ),
)
CHECK = Rule(
    id="check-constraint",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_("Old code may write {table} rows that the check refuses, NOT VALID or not."),
    source="https://squawkhq.com/docs/constraint-missing-not-valid",
    safer=N_("Let all code keep to it first; then NOT VALID, and VALIDATE it."),
    examples=(
        (Dialect.POSTGRES, "ALTER TABLE reservas ADD CONSTRAINT c CHECK (precio > 0) NOT VALID"),
        (Dialect.MYSQL, "ALTER TABLE reservas ADD COLUMN n INT CHECK (n > 0)"),
    ),
)
FOREIGN_KEY = Rule(
    id="foreign-key",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_(
        "Old code may write {table} rows that point nowhere, or delete rows that are pointed at, and fails; {lock} on both tables."
    ),
    source="https://squawkhq.com/docs/adding-foreign-key-constraint",
    safer=N_("Let all code keep to it first; then NOT VALID, and VALIDATE it."),
    examples=((Dialect.MYSQL, "ALTER TABLE reservas ADD CONSTRAINT f FOREIGN KEY (canal_id) REFERENCES canales (id)"),),
)
EXCLUSION = Rule(
    id="exclusion-constraint",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_("Old code may write {table} rows that exclude each other, and fails."),
    source="https://www.postgresql.org/docs/current/sql-createtable.html#SQL-CREATETABLE-EXCLUDE",
    safer=N_("Let all code keep to it first."),
    examples=((Dialect.POSTGRES, "ALTER TABLE reservas ADD CONSTRAINT e EXCLUDE USING gist (sala WITH =)"),),
)
ENUM_REORDERED = Rule(
    id="enum-reordered",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_("Values of the type change their name or order, which old code counts on."),
    source="https://www.postgresql.org/docs/current/sql-altertype.html",
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
    source="https://www.postgresql.org/docs/current/sql-createview.html",
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
    source="https://www.postgresql.org/docs/current/sql-createtrigger.html",
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
    source="https://www.postgresql.org/docs/current/ddl-rowsecurity.html",
    examples=(
        (Dialect.POSTGRES, "ALTER TABLE reservas ENABLE ROW LEVEL SECURITY"),
        (Dialect.POSTGRES, "CREATE POLICY p ON reservas USING (true)"),
    ),
)
INDEX_DROPPED = Rule(
    id="drop-index",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_("Queries of old code that need or force the index on {table} become slow or fail."),
    source="https://dev.mysql.com/doc/refman/8.4/en/index-hints.html",
    safer=N_("Make it INVISIBLE first (MySQL), or see in the statistics that nothing uses it."),
    examples=(
        (Dialect.MYSQL, "DROP INDEX idx_notes ON reservas"),
        (Dialect.POSTGRES, "DROP INDEX CONCURRENTLY idx_notes"),
        (Dialect.MYSQL, "ALTER TABLE reservas DROP KEY idx_notes"),
    ),
)
CONSTRAINT_DROPPED = Rule(
    id="drop-constraint",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_("Old code counts on the constraint of {table}, e.g. on its ON CONFLICT or ON DELETE."),
    source="https://www.postgresql.org/docs/current/sql-altertable.html",
    safer=N_("Drop it once no code that counts on it runs."),
    examples=((Dialect.POSTGRES, "ALTER TABLE reservas DROP CONSTRAINT u"),),
)
DROP_OTHER = Rule(
    id="drop-object",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_("What is dropped may still be used by old code, and CASCADE takes what stands on it."),
    source="https://www.postgresql.org/docs/current/sql-drop-owned.html",
    safer=N_("Drop it in a later release."),
    examples=(
        (Dialect.POSTGRES, "DROP VIEW hoy"),
        (Dialect.POSTGRES, "DROP TYPE estado"),
        (Dialect.MYSQL, "DROP TRIGGER tr"),
    ),
)
DROP_CASCADE = Rule(
    id="drop-cascade",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_("CASCADE drops the columns of its kind too, in every table, with their values."),
    source="https://www.postgresql.org/docs/current/sql-droptype.html",
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
    source="https://dev.mysql.com/doc/refman/8.4/en/storage-engines.html",
    safer=N_("Keep it in InnoDB."),
    examples=((Dialect.MYSQL, "ALTER TABLE reservas ENGINE=MEMORY"),),
    loses_data=True,
)
ROWS_MOVED = Rule(
    id="rows-moved",
    verdict=Verdict.INCOMPATIBLE,
    reason=N_("Old code no longer finds rows of {table}, or finds others in their place; {lock} meanwhile."),
    source="https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DETACH-PARTITION",
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
    source="https://www.postgresql.org/docs/current/sql-revoke.html",
    examples=(
        (Dialect.POSTGRES, "REVOKE ALL ON reservas FROM app"),
        (Dialect.POSTGRES, "ALTER TABLE reservas OWNER TO otra"),
    ),
)

INCOMPATIBLE = (
    DROP_TABLE,
    DROP_DATABASE,
    DROP_COLUMN,
    DROP_PARTITION,
    TRUNCATE,
    DELETE_ROWS,
    UPDATE_ROWS,
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
    DROP_CASCADE,
    ENGINE_CHANGED,
    ROWS_MOVED,
    RIGHTS,
)
