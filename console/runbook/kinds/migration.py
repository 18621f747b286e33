"""`migration`: that this release's migrations are applied, or that it has none. Runbook: `Database Migrations`.

Until the migrations screen takes it over it is a person's word, as `confirm` is.
"""

from __future__ import annotations

from typing import ClassVar

from console.runbook.kinds.confirm import Confirm
from console.words import _


class Migration(Confirm):
    """A person's word that the schema is ready for the new code."""

    name: ClassVar[str] = "migration"

    def _question(self) -> str:
        if self._settings.question is not None:
            return super()._question()
        return _("The migrations of this release are applied and have reached the replicas, or it has none.")
