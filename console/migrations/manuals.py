"""Where the rules' sources stand: the manual of the database in hand, or the rule of a linter that reads its SQL."""

from __future__ import annotations

from collections.abc import Mapping

from console.migrations.verdict import Dialect

MANUALS: Mapping[Dialect, str] = {
    Dialect.MYSQL: "https://dev.mysql.com/doc/refman/8.4/en/",
    Dialect.POSTGRES: "https://www.postgresql.org/docs/current/",
    Dialect.SQLITE: "https://www.sqlite.org/",
}
"""Where each manual begins."""


def pages(*, mysql: str = "", postgres: str = "", sqlite: str = "") -> Mapping[Dialect, str]:
    """A rule's source in each database that has such a statement.

    Args:
        mysql: a page of the manual, or the URL of a linter's rule (of MariaDB's manual, where the statement is
            MariaDB's alone); empty where the database has no such statement.
        postgres: as `mysql`.
        sqlite: as `mysql`.
    """
    named = {Dialect.MYSQL: mysql, Dialect.POSTGRES: postgres, Dialect.SQLITE: sqlite}
    return {
        dialect: page if page.startswith("https://") else MANUALS[dialect] + page
        for dialect, page in named.items()
        if page
    }
