"""The journal: an append-only record of every intent and outcome, on SQLite; crash recovery reads it.

Durable and first (DESIGN.md, decision 3): WAL, `synchronous=FULL`, each row carrying the hash of the one before. It
must not know the cloud, screens or settings files: a path comes in. A journal that cannot be written blocks
promotions, never a rollback.
"""

from console.journal.journal import Entry, Journal, Unfinished

__all__ = ["Entry", "Journal", "Unfinished"]
