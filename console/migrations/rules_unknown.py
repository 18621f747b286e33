"""Rules of what is not understood, and therefore never shown as safe."""

from __future__ import annotations

from console.migrations.manuals import pages
from console.migrations.verdict import Dialect, Rule, Verdict
from console.words import N_

NOT_UNDERSTOOD = Rule(
    id="not-understood",
    verdict=Verdict.UNKNOWN,
    reason=N_("It is none of the forms that are known to be safe."),
    sources=pages(mysql="sql-statements.html", postgres="sql-commands.html", sqlite="lang.html"),
    examples=(
        (Dialect.MYSQL, "FLUSH TABLES"),
        (Dialect.MYSQL, "RESET MASTER"),
        (Dialect.POSTGRES, "SELECT pg_terminate_backend(1)"),
    ),
)
EXECUTABLE_COMMENT = Rule(
    id="executable-comment",
    verdict=Verdict.UNKNOWN,
    reason=N_("It holds a comment that a server executes or obeys."),
    sources=pages(
        mysql="comments.html", postgres="sql-syntax-lexical.html#SQL-SYNTAX-COMMENTS", sqlite="lang_comment.html"
    ),
    safer=N_("Write what it does as plain statements."),
    examples=((Dialect.MYSQL, "/*!50000 DROP TABLE reservas */"),),
)
HIDDEN_CHARACTER = Rule(
    id="hidden-character",
    verdict=Verdict.UNKNOWN,
    reason=N_("It holds a character outside strings that is not seen, or that looks like another."),
    sources=pages(
        mysql="identifiers.html",
        postgres="sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS",
        sqlite="draft/tokenreq.html",
    ),
    safer=N_("Type it anew."),
    examples=((Dialect.POSTGRES, "ALTER TABLE reservas ADD COLUMN\xa0notes text"),),
)
CLIENT_COMMAND = Rule(
    id="client-command",
    verdict=Verdict.UNKNOWN,
    reason=N_(
        "It is a command to a client (mysql, psql, sqlite3) or changes where statements end, which no server understands."
    ),
    sources=pages(mysql="mysql-commands.html", postgres="app-psql.html", sqlite="cli.html"),
    safer=N_("Write plain SQL."),
    examples=(
        (Dialect.MYSQL, "DELIMITER $$"),
        (Dialect.POSTGRES, "\\! rm -rf /"),
        (Dialect.MYSQL, "source otra.sql"),
        (Dialect.SQLITE, ".shell ls"),
    ),
)
UNTERMINATED = Rule(
    id="unterminated",
    verdict=Verdict.UNKNOWN,
    reason=N_("A quote, a comment or a bracket is not closed, so the file cannot be cut into statements."),
    sources=pages(mysql="string-literals.html", postgres="sql-syntax-lexical.html", sqlite="draft/tokenreq.html"),
    safer=N_("Close it."),
    examples=((Dialect.MYSQL, "ALTER TABLE reservas ADD COLUMN a TEXT COMMENT 'x; DROP TABLE reservas"),),
)
AMBIGUOUS = Rule(
    id="ambiguous-quote",
    verdict=Verdict.UNKNOWN,
    reason=N_("Where a string or comment ends depends on settings of the server."),
    sources=pages(
        mysql="sql-mode.html#sqlmode_no_backslash_escapes",
        postgres="runtime-config-compatible.html#GUC-STANDARD-CONFORMING-STRINGS",
        sqlite="lang_comment.html",
    ),
    safer=N_("Double the quotes inside strings, and use no backslash."),
    examples=((Dialect.MYSQL, "ALTER TABLE t ADD COLUMN a TEXT DEFAULT '\\', DROP COLUMN b -- '"),),
)
UNREADABLE = Rule(
    id="unreadable-file",
    verdict=Verdict.UNKNOWN,
    reason=N_("The file is not UTF-8, or holds a NUL character."),
    sources=pages(mysql="charset-connection.html", postgres="multibyte.html", sqlite="c3ref/prepare.html"),
    safer=N_("Save it as UTF-8."),
    examples=((Dialect.MYSQL, "ALTER TABLE t ADD COLUMN a INT\x00"),),
)
TOO_LONG = Rule(
    id="too-long",
    verdict=Verdict.UNKNOWN,
    reason=N_("It is too long or too deeply nested to be judged."),
    sources=pages(mysql="packet-too-large.html", postgres="limits.html", sqlite="limits.html"),
    safer=N_("Cut it into smaller statements."),
    examples=(),
)
OPAQUE_CODE = Rule(
    id="opaque-code",
    verdict=Verdict.UNKNOWN,
    reason=N_("What the code inside does cannot be seen."),
    sources=pages(mysql="create-procedure.html", postgres="sql-do.html", sqlite="lang.html"),
    safer=N_("Write what it does as plain statements."),
    examples=(
        (Dialect.POSTGRES, "DO $$ BEGIN EXECUTE 'DROP TABLE reservas'; END $$"),
        (Dialect.MYSQL, "CALL limpiar()"),
        (Dialect.POSTGRES, "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'"),
    ),
)
ACTING_FUNCTION = Rule(
    id="acting-function",
    verdict=Verdict.UNKNOWN,
    reason=N_("Whoever reads it calls {name}, which waits or does something."),
    sources=pages(
        mysql="miscellaneous-functions.html",
        postgres="functions-admin.html",
        sqlite="lang_corefunc.html#load_extension",
    ),
    safer=N_("Let code call it."),
    examples=(
        (Dialect.MYSQL, "CREATE VIEW v AS SELECT SLEEP(9) FROM reservas"),
        (Dialect.POSTGRES, "CREATE VIEW v AS SELECT nextval('s') FROM reservas"),
        (Dialect.SQLITE, "CREATE VIEW v AS SELECT load_extension('x.so')"),
    ),
)
SERVER_SETTING = Rule(
    id="server-setting",
    verdict=Verdict.UNKNOWN,
    reason=N_("It changes the server for everybody, or how later statements are read."),
    sources=pages(mysql="set-variable.html", postgres="sql-set.html", sqlite="pragma.html"),
    safer=N_("Set lock and statement timeouts of the session only."),
    examples=(
        (Dialect.MYSQL, "SET GLOBAL max_connections = 10"),
        (Dialect.POSTGRES, "SET search_path = otra"),
        (Dialect.MYSQL, "SET foreign_key_checks = 0"),
        (Dialect.POSTGRES, "ALTER SYSTEM SET fsync = off"),
    ),
)
TEMPORARY = Rule(
    id="temporary-table",
    verdict=Verdict.UNKNOWN,
    reason=N_("A temporary table hides one of the same name from the statements after it."),
    sources=pages(
        mysql="create-temporary-table.html",
        postgres="sql-createtable.html#SQL-CREATETABLE-TEMPORARY",
        sqlite="lang_createtable.html",
    ),
    safer=N_("Leave it out: nothing of it is left after the migration."),
    examples=((Dialect.POSTGRES, "CREATE TEMP TABLE reservas (id int)"),),
)
UNKNOWN_DEFAULT = Rule(
    id="unknown-default",
    verdict=Verdict.UNKNOWN,
    reason=N_("What the default of {name} costs is not known."),
    sources=pages(postgres="sql-altertable.html#SQL-ALTERTABLE-NOTES"),
    safer=N_("Use a literal."),
    examples=((Dialect.POSTGRES, "ALTER TABLE reservas ADD COLUMN ficha text DEFAULT mi_funcion()"),),
)
PARSERS_DISAGREE = Rule(
    id="parsers-disagree",
    verdict=Verdict.UNKNOWN,
    reason=N_("A second parser (sqlglot) reads it otherwise."),
    sources=pages(mysql="sql-statements.html", postgres="sql-commands.html", sqlite="lang.html"),
    safer=N_("Write it more plainly."),
    examples=(),
    reasons={Dialect.POSTGRES: N_("A second parser (sqlglot, or pglast) reads it otherwise.")},
)

UNKNOWN = (
    NOT_UNDERSTOOD,
    EXECUTABLE_COMMENT,
    HIDDEN_CHARACTER,
    CLIENT_COMMAND,
    UNTERMINATED,
    AMBIGUOUS,
    UNREADABLE,
    TOO_LONG,
    OPAQUE_CODE,
    ACTING_FUNCTION,
    SERVER_SETTING,
    TEMPORARY,
    UNKNOWN_DEFAULT,
    PARSERS_DISAGREE,
)
