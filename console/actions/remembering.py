"""Which migrations a release brought, in its candidate. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from console.release.state import Document


def with_migrations(document: Document, files: Sequence[str]) -> Document | None:
    """`document` with `files` among its open candidate's migrations; None where nothing changes.

    Args:
        document: as it is written.
        files: names of migrations, in order.
    """
    candidate = document.candidate
    if candidate is None or not candidate.open:
        return None
    names = tuple(dict.fromkeys((*candidate.migrations, *files)))
    if names == candidate.migrations:
        return None
    return document.model_copy(update={"candidate": candidate.model_copy(update={"migrations": names})})
