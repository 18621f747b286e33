"""`migration`: that this release's migrations are applied and on every replica. Runbook: `Database Migrations`.

Where the environment has a database its ledger tells, and nobody's word stands in for it; without one it is a person's
word, as `confirm` is.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from console.runbook.evidence import Evidence, Result
from console.runbook.kinds.base import Ask, StepContext
from console.runbook.kinds.confirm import Confirm
from console.words import _

if TYPE_CHECKING:
    from console.migrations.standing import MigrationsState
    from console.settings import Environment


class Migration(Confirm):
    """The schema is ready for the new code: read from the database, or a person's word."""

    name: ClassVar[str] = "migration"
    _reads_ledger = False
    """Whether the environment has a database, so that the step asks it and nobody."""

    def stand_in(self, environment: Environment) -> None:
        """With a database it is a machine's check, and nobody's word is asked for."""
        self._reads_ledger = environment.database is not None
        if self._reads_ledger:
            self.ask, self.machine = Ask.NOTHING, True

    def explain(self) -> tuple[str, ...]:
        """What is read, or the question."""
        if not self._reads_ledger:
            return super().explain()
        return (
            _("Reads the database's ledger: every statement of the folder applied, and on every replica."),
            _("`g` shows each statement and applies it; nobody's word stands in for the ledger."),
        )

    async def run(self, context: StepContext) -> Evidence:
        """Read the ledger; what is pending, undecided or not on every replica fails the step.

        Raises:
            CanarioError: the database or the folder cannot be read; without a database, no word was given.
        """
        environment = context.tools.environment
        if environment.database is None:
            return await super().run(context)
        folder = context.tools.settings.migrations.folder
        state = await asyncio.to_thread(_standing, environment, folder, context.identity)
        figures = tuple(
            (name, ", ".join(keys))
            for name, keys in (
                (_("pending"), state.pending),
                (_("undecided"), state.undecided),
                (_("not on every replica"), state.late),
                (_("forced"), state.forced),
            )
            if keys
        )
        if state.ok:
            return context.evidence(Result.PASSED, state.sentence, figures=figures)
        remedy = _("`g` shows each statement and applies it (`canario migrations apply`); then run this step again.")
        return context.evidence(
            Result.FAILED, state.sentence, figures=figures, problems=(state.sentence,), remedy=remedy
        )

    def _question(self) -> str:
        if self._settings.question is not None:
            return super()._question()
        return _("The migrations of this release are applied and have reached the replicas, or it has none.")


def _standing(environment: Environment, folder: str, identity: str) -> MigrationsState:
    from console.migrations.places import addresses_of
    from console.migrations.reading import Reader
    from console.migrations.standing import migrations_state

    address, replicas = addresses_of(environment)
    found = Reader(folder, lambda: identity).read(address, keep=False)
    names = tuple(f"{one.host}:{one.port}" for one in replicas)
    return migrations_state(found.files, found.rows, replicas=names)
