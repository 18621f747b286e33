"""What can go wrong between us and a database, named by what to do about it."""

from __future__ import annotations

from console.errors import CanarioError, ConfirmationLostError
from console.words import _


class DatabaseError(CanarioError):
    """The database said no, or cannot be reached."""


class LockTimeoutError(DatabaseError):
    """The statement waited for a lock for as long as it may, and was given up by the server; it can be sent again."""


class CancelledError(DatabaseError):
    """The statement was cancelled on the server."""


class NotInTransactionError(DatabaseError):
    """The server runs this statement outside transactions only; nothing was done."""


class DatabasePermissionError(DatabaseError):
    """The database user may not look at something."""


class LostError(ConfirmationLostError):
    """The connection ended in mid-statement: the server may or may not go on with it."""


def lost(problem: str) -> LostError:
    """`LostError` with its words."""
    return LostError(
        _("The connection to the database was lost: {problem}.").format(problem=problem),
        traffic=_("The server may go on with the statement all the same."),
        remedy=_("Run it again: it looks first at what became of the statement."),
    )
