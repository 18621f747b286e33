"""Functions that act, or wait, wherever they are read: a view or a VIRTUAL column that calls one is no mere view.

The allow-list reads a view's query whole and does not know each function in it, so those that are known to act are
named here. Sources: MySQL manual, `Miscellaneous Functions`, `Locking Functions`; PostgreSQL manual, `System
Administration Functions`, `Sequence Manipulation Functions`; SQLite, `load_extension` and the functions of its shell.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from console.migrations.sql.grammar import word_set
from console.migrations.sql.tokens import Kind, Token

_ACTING = word_set(
    "SLEEP BENCHMARK GET_LOCK RELEASE_LOCK RELEASE_ALL_LOCKS LOAD_FILE MASTER_POS_WAIT SOURCE_POS_WAIT "
    "MASTER_GTID_WAIT WAIT_FOR_EXECUTED_GTID_SET SYS_EXEC SYS_EVAL NEXTVAL SETVAL SET_CONFIG QUERY_TO_XML "
    "CURSOR_TO_XML DATABASE_TO_XML TS_STAT TXID_CURRENT LOAD_EXTENSION READFILE WRITEFILE EDIT FTS3_TOKENIZER"
)
_ACTING_STARTS = (
    "PG_SLEEP",
    "PG_ADVISORY_",
    "PG_TRY_ADVISORY_",
    "PG_TERMINATE_",
    "PG_CANCEL_",
    "PG_RELOAD_",
    "PG_ROTATE_",
    "PG_READ_",
    "PG_WRITE_",
    "PG_LS_",
    "PG_SWITCH_",
    "PG_CREATE_",
    "PG_DROP_",
    "PG_PROMOTE",
    "PG_NOTIFY",
    "PG_REPLICATION_",
    "PG_LOGICAL_",
    "PG_WAL_REPLAY_",
    "PG_BACKUP_",
    "PG_EXPORT_",
    "PG_IMPORT_",
    "PG_STAT_RESET",
    "LO_",
    "LOWRITE",
    "DBLINK",
)


def acting_function(tokens: Sequence[Token]) -> str:
    """The first function among `tokens` that acts, as it is written; empty where there is none."""
    for token, after in pairwise(tokens):
        if after.text != "(" or token.kind not in (Kind.WORD, Kind.NAME):
            continue
        name = token.value.upper()
        if name in _ACTING or name.startswith(_ACTING_STARTS):
            return token.value
    return ""
