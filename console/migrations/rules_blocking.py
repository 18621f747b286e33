"""Rules of what blocks: old code survives, but waits for a lock, or the server rewrites a table."""

from __future__ import annotations

from console.migrations.manuals import pages
from console.migrations.verdict import Dialect, Rule, Verdict
from console.words import N_

INDEX_LOCKS_WRITES = Rule(
    id="index-without-concurrently",
    verdict=Verdict.BLOCKING,
    reason=N_("{lock} on {table}: every write waits until the index is built."),
    sources=pages(postgres="sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY"),
    safer=N_("Use CREATE INDEX CONCURRENTLY."),
    examples=((Dialect.POSTGRES, "CREATE INDEX idx_notes ON reservas (notes)"),),
)
VOLATILE_DEFAULT = Rule(
    id="volatile-default",
    verdict=Verdict.BLOCKING,
    reason=N_("{lock} on {table} while every row is rewritten: the default of {name} is another value for each row."),
    sources=pages(postgres="sql-altertable.html#SQL-ALTERTABLE-NOTES"),
    safer=N_("Add the column without it, then set the default, and fill old rows in batches."),
    examples=((Dialect.POSTGRES, "ALTER TABLE reservas ADD COLUMN ficha uuid DEFAULT gen_random_uuid()"),),
)
COMPUTED_DEFAULT = Rule(
    id="computed-default",
    verdict=Verdict.BLOCKING,
    reason=N_(
        "The default of {name} is no constant: it is computed when this runs, and every old row of {table} gets that one value; where one function in it is volatile, all rows are rewritten under {lock}."
    ),
    sources=pages(postgres="sql-altertable.html#SQL-ALTERTABLE-NOTES"),
    safer=N_("Use a constant or CURRENT_TIMESTAMP, or add it nullable and let code fill it."),
    examples=(
        (Dialect.POSTGRES, "ALTER TABLE reservas ADD COLUMN quien text DEFAULT 'x' || current_user"),
        (Dialect.POSTGRES, "ALTER TABLE reservas ADD COLUMN vence timestamptz DEFAULT now() + interval '1 day'"),
    ),
)
SERIAL_COLUMN = Rule(
    id="serial-column",
    verdict=Verdict.BLOCKING,
    reason=N_("{lock} on {table} while every row is rewritten: {name} gets a number in each of them."),
    sources=pages(postgres="datatype-numeric.html#DATATYPE-SERIAL"),
    safer=N_("Add a nullable column, a sequence for new rows, and fill old rows in batches."),
    examples=(
        (Dialect.POSTGRES, "ALTER TABLE reservas ADD COLUMN numero bigserial"),
        (Dialect.POSTGRES, "ALTER TABLE reservas ADD COLUMN numero bigint GENERATED ALWAYS AS IDENTITY"),
    ),
)
AUTO_INCREMENT_COLUMN = Rule(
    id="auto-increment-column",
    verdict=Verdict.BLOCKING,
    reason=N_("{table} is rebuilt with {lock}: {name} gets a number in each row."),
    sources=pages(mysql="innodb-online-ddl-operations.html", sqlite="autoinc.html"),
    safer=N_("Number the rows of a new table, and move over to it."),
    examples=((Dialect.MYSQL, "ALTER TABLE reservas ADD COLUMN numero INT NOT NULL AUTO_INCREMENT, ADD KEY (numero)"),),
    reasons={
        Dialect.SQLITE: N_(
            "SQLite cannot add {name}, which gets a number in each row: {table} would have to be made anew under {lock}."
        ),
    },
)
STORED_COLUMN = Rule(
    id="stored-generated-column",
    verdict=Verdict.BLOCKING,
    reason=N_("{table} is rewritten under {lock}: {name} is computed and stored in each row."),
    sources=pages(
        mysql="innodb-online-ddl-operations.html", postgres="ddl-generated-columns.html", sqlite="gencol.html"
    ),
    safer=N_("Use VIRTUAL, or a plain nullable column that code fills."),
    examples=(
        (Dialect.MYSQL, "ALTER TABLE reservas ADD COLUMN total INT AS (noches * precio) STORED"),
        (Dialect.POSTGRES, "ALTER TABLE reservas ADD COLUMN total int GENERATED ALWAYS AS (noches * precio) STORED"),
    ),
    reasons={
        Dialect.SQLITE: N_(
            "SQLite cannot add {name}, which it would store in each row: {table} would have to be made anew under {lock}."
        ),
    },
    safers={
        Dialect.POSTGRES: N_("Use a plain nullable column that code fills, or VIRTUAL from version 18 on."),
    },
)
EXPRESSION_DEFAULT = Rule(
    id="expression-default",
    verdict=Verdict.BLOCKING,
    reason=N_("{table} may be copied under {lock}: the default of {name} is an expression, computed for each row."),
    sources=pages(mysql="data-type-defaults.html"),
    safer=N_("Add it nullable, then let code fill it, or use a literal."),
    examples=((Dialect.MYSQL, "ALTER TABLE reservas ADD COLUMN ficha CHAR(36) DEFAULT (UUID())"),),
)
SQLITE_TIME_DEFAULT = Rule(
    id="sqlite-time-default",
    verdict=Verdict.BLOCKING,
    reason=N_(
        "SQLite refuses to add {name} to {table} once it has rows: its default is no constant, so the table would have to be made anew under {lock}."
    ),
    sources=pages(sqlite="lang_altertable.html#altertabaddcol"),
    safer=N_("Add it nullable, and let code fill it."),
    examples=((Dialect.SQLITE, "ALTER TABLE reservas ADD COLUMN creada TEXT DEFAULT CURRENT_TIMESTAMP"),),
)
PLACED_COLUMN = Rule(
    id="placed-column",
    verdict=Verdict.BLOCKING,
    reason=N_(
        "Before MySQL 8.0.29 a column that is not put last rebuilds {table}, and its replicas wait as long; code that counts the columns of SELECT * reads the wrong ones."
    ),
    sources=pages(mysql="innodb-online-ddl-operations.html"),
    safer=N_("Leave out FIRST and AFTER, or end it with ALGORITHM=INSTANT."),
    examples=((Dialect.MYSQL, "ALTER TABLE reservas ADD COLUMN notes TEXT AFTER id"),),
)
COLUMN_AND_INDEX = Rule(
    id="column-and-index",
    verdict=Verdict.BLOCKING,
    reason=N_(
        "A column and an index in one ALTER rebuild {table}, and its replicas wait as long; each alone does not."
    ),
    sources=pages(mysql="innodb-online-ddl-operations.html"),
    safer=N_("Write two statements."),
    examples=((Dialect.MYSQL, "ALTER TABLE reservas ADD COLUMN canal INT, ADD INDEX idx_canal (canal)"),),
)
LOCK_ASKED = Rule(
    id="lock-asked-for",
    verdict=Verdict.BLOCKING,
    reason=N_("It asks for {lock}: writes to {table} wait while it runs."),
    sources=pages(mysql="alter-table.html#alter-table-performance"),
    safer=N_("Use ALGORITHM=INSTANT, or ALGORITHM=INPLACE, LOCK=NONE."),
    examples=(
        (Dialect.MYSQL, "ALTER TABLE reservas ADD COLUMN notes TEXT, ALGORITHM=COPY"),
        (Dialect.MYSQL, "CREATE INDEX i ON reservas (notes) LOCK=SHARED"),
    ),
)
FULLTEXT_INDEX = Rule(
    id="fulltext-index",
    verdict=Verdict.BLOCKING,
    reason=N_(
        "A FULLTEXT or SPATIAL index is built under {lock}: writes to {table} wait, and the first FULLTEXT index rebuilds the table."
    ),
    sources=pages(mysql="innodb-online-ddl-operations.html"),
    safer=N_("Build it on a copy that is switched in, in a quiet hour."),
    examples=((Dialect.MYSQL, "CREATE FULLTEXT INDEX idx_texto ON reservas (notes)"),),
)
FUNCTIONAL_INDEX = Rule(
    id="functional-index",
    verdict=Verdict.BLOCKING,
    reason=N_(
        "An index on an expression computes it in each write of old code, which fails where the expression does; {table} may be copied under {lock}."
    ),
    sources=pages(mysql="create-index.html#create-index-functional-key-parts"),
    safer=N_("Add a VIRTUAL column first, then an index on it."),
    examples=((Dialect.MYSQL, "CREATE INDEX i ON reservas ((CAST(datos->>'$.n' AS UNSIGNED)))"),),
)
COLUMN_FOREIGN_KEY = Rule(
    id="column-foreign-key",
    verdict=Verdict.BLOCKING,
    reason=N_(
        "{lock} on {table} and on {name} while it is checked; deleting rows of {name} can then fail in old code."
    ),
    sources=pages(
        mysql="create-table-foreign-keys.html",
        postgres="https://squawkhq.com/docs/adding-foreign-key-constraint",
        sqlite="foreignkeys.html",
    ),
    safer=N_("Add the column alone; add the foreign key once all code keeps to it, in a quiet hour."),
    examples=((Dialect.POSTGRES, "ALTER TABLE reservas ADD COLUMN canal_id bigint REFERENCES canales(id)"),),
    reasons={
        Dialect.SQLITE: N_("Where PRAGMA foreign_keys is on, deleting rows of {name} can then fail in old code."),
    },
    safers={
        Dialect.POSTGRES: N_("Add the column alone; then the constraint NOT VALID, and VALIDATE it."),
        Dialect.SQLITE: N_("Add the column without it."),
    },
)
TABLE_REWRITE = Rule(
    id="table-rewrite",
    verdict=Verdict.BLOCKING,
    reason=N_("{lock} on {table} while all of it is rewritten or moved."),
    sources=pages(
        mysql="innodb-online-ddl-operations.html", postgres="explicit-locking.html", sqlite="lang_vacuum.html"
    ),
    safer=N_("Do it in a quiet hour."),
    examples=(
        (Dialect.MYSQL, "ALTER TABLE reservas ENGINE=InnoDB"),
        (Dialect.MYSQL, "OPTIMIZE TABLE reservas"),
        (Dialect.POSTGRES, "VACUUM FULL reservas"),
        (Dialect.POSTGRES, "CLUSTER reservas"),
        (Dialect.POSTGRES, "ALTER TABLE reservas SET TABLESPACE rapido"),
    ),
    safers={
        Dialect.MYSQL: N_("Use a tool that copies in the background (gh-ost, pt-online-schema-change)."),
        Dialect.POSTGRES: N_("Use a tool that copies in the background (pg_repack)."),
    },
)
REINDEX = Rule(
    id="reindex",
    verdict=Verdict.BLOCKING,
    reason=N_("{lock} on {table} while the index is built anew."),
    sources=pages(postgres="sql-reindex.html", sqlite="lang_reindex.html"),
    safer=N_("Do it in a quiet hour."),
    examples=(
        (Dialect.POSTGRES, "REINDEX TABLE reservas"),
        (Dialect.SQLITE, "REINDEX"),
    ),
    safers={
        Dialect.POSTGRES: N_("Use REINDEX CONCURRENTLY, in a quiet hour."),
    },
)
MATERIALIZED_VIEW_DATA = Rule(
    id="materialized-view-with-data",
    verdict=Verdict.BLOCKING,
    reason=N_("The query runs to its end here, however long; a refresh holds {lock} on {table}."),
    sources=pages(postgres="sql-refreshmaterializedview.html"),
    safer=N_("Create it WITH NO DATA; refresh it CONCURRENTLY."),
    examples=(
        (Dialect.POSTGRES, "CREATE MATERIALIZED VIEW totales AS SELECT count(*) FROM reservas"),
        (Dialect.POSTGRES, "REFRESH MATERIALIZED VIEW totales"),
    ),
)
TABLE_FROM_QUERY = Rule(
    id="table-from-query",
    verdict=Verdict.BLOCKING,
    reason=N_("The query runs to its end here, however long."),
    sources=pages(mysql="innodb-locks-set.html", postgres="sql-createtableas.html", sqlite="lang_createtable.html"),
    safer=N_("Create the table first, and copy rows in batches."),
    examples=(
        (Dialect.MYSQL, "CREATE TABLE copia AS SELECT * FROM reservas"),
        (Dialect.POSTGRES, "SELECT * INTO copia FROM reservas"),
    ),
    reasons={
        Dialect.MYSQL: N_("The query runs to its end here, however long, and locks the rows that it reads."),
        Dialect.SQLITE: N_(
            "The query runs to its end here, however long, and no other writer of the file can work meanwhile ({lock})."
        ),
    },
)
PARTITION = Rule(
    id="partition-change",
    verdict=Verdict.BLOCKING,
    reason=N_("{lock} on {table} while partitions are changed, and rows are read or moved."),
    sources=pages(
        mysql="alter-table-partition-operations.html",
        postgres="ddl-partitioning.html#DDL-PARTITIONING-DECLARATIVE-MAINTENANCE",
    ),
    safer=N_("Do it in a quiet hour, on a table without rows that have to move."),
    examples=(
        (
            Dialect.POSTGRES,
            "CREATE TABLE reservas_2027 PARTITION OF reservas FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')",
        ),
        (Dialect.MYSQL, "ALTER TABLE reservas ADD PARTITION (PARTITION p9 VALUES LESS THAN (900))"),
    ),
    safers={
        Dialect.POSTGRES: N_("Create the table by itself, give it a matching CHECK, then ATTACH PARTITION."),
    },
)
LOCK_TABLE = Rule(
    id="lock-table",
    verdict=Verdict.BLOCKING,
    reason=N_("It takes {lock} on {table}, until somebody lets go."),
    sources=pages(mysql="lock-tables.html", postgres="explicit-locking.html"),
    safer=N_("Leave it out: the statements take the locks that they need."),
    examples=(
        (Dialect.POSTGRES, "LOCK TABLE reservas IN ACCESS EXCLUSIVE MODE"),
        (Dialect.MYSQL, "LOCK TABLES reservas WRITE"),
    ),
)
TRANSACTION = Rule(
    id="transaction-control",
    verdict=Verdict.BLOCKING,
    reason=N_("Locks are then held until COMMIT, while each statement waits for its confirmation."),
    sources=pages(mysql="implicit-commit.html", postgres="sql-begin.html", sqlite="lang_transaction.html"),
    safer=N_("Leave it out: every statement is applied and recorded by itself."),
    examples=(
        (Dialect.POSTGRES, "BEGIN"),
        (Dialect.MYSQL, "START TRANSACTION"),
        (Dialect.SQLITE, "COMMIT"),
    ),
    reasons={
        Dialect.POSTGRES: N_(
            "Locks are then held until COMMIT, while each statement waits for its confirmation; CONCURRENTLY fails in it."
        ),
        Dialect.MYSQL: N_(
            "Locks are then held until COMMIT, while each statement waits for its confirmation; the server commits at each ALTER anyway."
        ),
    },
)
LONG_LOCK_TIMEOUT = Rule(
    id="long-lock-timeout",
    verdict=Verdict.BLOCKING,
    reason=N_("With such a limit a waiting statement keeps all queries of the table behind it."),
    sources=pages(
        mysql="server-system-variables.html#sysvar_lock_wait_timeout",
        postgres="runtime-config-client.html#GUC-LOCK-TIMEOUT",
        sqlite="pragma.html#pragma_busy_timeout",
    ),
    safer=N_("Give a lock timeout of some seconds."),
    examples=(
        (Dialect.POSTGRES, "SET lock_timeout = 0"),
        (Dialect.MYSQL, "SET SESSION lock_wait_timeout = 86400"),
    ),
    reasons={
        Dialect.SQLITE: N_("With such a limit the statement waits as long for another writer of the file."),
    },
)
INSERT_ROWS = Rule(
    id="insert-rows",
    verdict=Verdict.BLOCKING,
    reason=N_(
        "Rows are no schema: old code may read rows of {table} that it does not expect, and locks are held while they are written."
    ),
    sources=pages(mysql="innodb-locks-set.html", postgres="sql-insert.html", sqlite="lang_insert.html"),
    safer=N_("Let the application write them, or a job after the deploy."),
    examples=((Dialect.MYSQL, "INSERT INTO canales (id, nombre) VALUES (1, 'web')"),),
)
OLD_SERVER = Rule(
    id="old-server",
    verdict=Verdict.BLOCKING,
    reason=N_("This server is too old to do it without rebuilding {table} ({lock})."),
    sources=pages(mysql="innodb-online-ddl-operations.html", postgres="sql-altertable.html#SQL-ALTERTABLE-NOTES"),
    safer=N_("Upgrade, or use a tool that copies in the background."),
    examples=(),
)
MADE_TYPE = Rule(
    id="column-of-made-type",
    verdict=Verdict.BLOCKING,
    reason=N_(
        "The type of {name} may be a domain, whose constraints make PostgreSQL read or rewrite all of {table} under {lock}."
    ),
    sources=pages(postgres="sql-altertable.html#SQL-ALTERTABLE-NOTES"),
    safer=N_("Use the type that the domain stands on, or make the enum type in the same file."),
    examples=((Dialect.POSTGRES, "ALTER TABLE reservas ADD COLUMN correo direccion"),),
)
DOUBTFUL_INDEX = Rule(
    id="index-expression",
    verdict=Verdict.BLOCKING,
    reason=N_(
        "The index computes an expression in each write of old code, which fails where the expression does, on {table}."
    ),
    sources=pages(postgres="indexes-expressional.html", sqlite="expridx.html"),
    safer=N_("Index columns, or lower(), upper(), coalesce() and ->> of them."),
    examples=((Dialect.POSTGRES, "CREATE INDEX CONCURRENTLY i ON reservas ((datos::int))"),),
    safers={
        Dialect.SQLITE: N_("Index columns, or lower(), upper() and coalesce() of them."),
    },
)

EXISTS_ALREADY = Rule(
    id="exists-already",
    verdict=Verdict.BLOCKING,
    reason=N_("{name} is in the database already: the statement fails, or leaves in place what may be something else."),
    sources=pages(mysql="create-table.html", postgres="sql-createtable.html", sqlite="lang_createtable.html"),
    safer=N_("See what is there, and take the statement out if it is the same."),
)
BLOCKING = (
    INDEX_LOCKS_WRITES,
    VOLATILE_DEFAULT,
    COMPUTED_DEFAULT,
    SERIAL_COLUMN,
    AUTO_INCREMENT_COLUMN,
    STORED_COLUMN,
    EXPRESSION_DEFAULT,
    SQLITE_TIME_DEFAULT,
    PLACED_COLUMN,
    COLUMN_AND_INDEX,
    LOCK_ASKED,
    FULLTEXT_INDEX,
    FUNCTIONAL_INDEX,
    COLUMN_FOREIGN_KEY,
    TABLE_REWRITE,
    REINDEX,
    MATERIALIZED_VIEW_DATA,
    TABLE_FROM_QUERY,
    PARTITION,
    LOCK_TABLE,
    TRANSACTION,
    LONG_LOCK_TIMEOUT,
    INSERT_ROWS,
    OLD_SERVER,
    MADE_TYPE,
    DOUBTFUL_INDEX,
    EXISTS_ALREADY,
)
