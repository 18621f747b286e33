"""Where an environment's migrations stand, in one word: what a runbook's step observes. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from console.migrations.ledger import renamed
from console.migrations.values import LedgerRow, MigrationFile
from console.words import _, ngettext

Word = Literal["none", "pending", "undecided", "changed", "unreplicated", "done"]


@dataclass(frozen=True, slots=True)
class MigrationsState:
    """See `migrations_state`."""

    word: Word
    """`none`: no file; `pending`: statements are left; `undecided`: one's end is not known, or its file was applied
    under another name; `changed`: a file is not what was applied; `unreplicated`: applied, and nobody has seen it on
    every replica; `done`."""
    sentence: str
    pending: tuple[str, ...] = ()
    """`FILE:NUMBER` of what is left."""
    undecided: tuple[str, ...] = ()
    late: tuple[str, ...] = ()
    """Applied, and not seen on every replica."""
    forced: tuple[str, ...] = ()
    """Applied though they were more than additive."""

    @property
    def ok(self) -> bool:
        """Whether a release may go on: everything is applied and, where there are replicas, on all of them."""
        return self.word in ("none", "done")


def migrations_state(
    files: Iterable[MigrationFile],
    rows: Mapping[tuple[str, int], LedgerRow],
    *,
    replicas: Collection[str] = (),
    only: Collection[str] | None = None,
) -> MigrationsState:
    """Where the migrations stand.

    Args:
        files: the folder's.
        rows: the ledger's.
        replicas: names of the replicas that settings name; empty: nobody waits for any.
        only: names of the files that count; None: all of them.
    """
    chosen = [file for file in files if only is None or file.name in only]
    if not chosen:
        return MigrationsState("none", _("There are no migrations."))
    pending, undecided, late, forced, changed = [], [], [], [], []
    elsewhere = renamed(chosen, rows)
    applied = 0
    for file in chosen:
        for statement in file.statements:
            if statement.session:
                continue
            name, row = f"{file.name}:{statement.index}", rows.get(statement.key)
            if file.name in elsewhere:
                undecided.append(name)
            elif row is None or row.state == "again":
                pending.append(name)
            elif row.state != "verified":
                undecided.append(name)
            else:
                applied += 1
                if row.file_digest != file.digest and file.name not in changed:
                    changed.append(file.name)
                if replicas and not row.replicated:
                    late.append(name)
                if row.forced:
                    forced.append(name)
    word, sentence = _word(applied, pending, undecided, changed, late, bool(replicas))
    return MigrationsState(word, sentence, tuple(pending), tuple(undecided), tuple(late), tuple(forced))


def _word(
    applied: int, pending: list[str], undecided: list[str], changed: list[str], late: list[str], replicas: bool
) -> tuple[Word, str]:
    if changed:
        return "changed", _("Changed after it was applied: {names}.").format(names=", ".join(changed))
    if undecided:
        words = _("Nobody has decided what became of {names}.")
        return "undecided", words.format(names=", ".join(undecided))
    if pending:
        words = ngettext("{count} statement is left: {names}.", "{count} statements are left: {names}.", len(pending))
        return "pending", words.format(count=len(pending), names=", ".join(pending))
    if late:
        return "unreplicated", _("Applied, and nobody has seen it on every replica: {names}.").format(
            names=", ".join(late)
        )
    done = ngettext("{count} statement is applied", "{count} statements are applied", applied).format(count=applied)
    where = _("and every replica has it") if replicas else _("no replica is configured")
    return "done", _("{done}; {where}.").format(done=done, where=where)


__all__ = ["MigrationsState", "migrations_state"]
