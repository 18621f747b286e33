"""Which image is which: identities, how they compare, and how people read them. Pure.

An image is its digest. Where the cloud tells none (its v1 API cannot be reached), what is known is the revision that
runs it, and `tag#revision` stands for it; a tag alone is no identity, for it may be pushed again.
"""

from __future__ import annotations

from enum import Enum, auto

SHARED = 19
"""Characters of a digest's identity that other consoles share at least: `sha256:` and twelve digits."""


class Match(Enum):
    """How an identity that was written down stands to the present one."""

    SAME = auto()
    OTHER = auto()
    UNTOLD = auto()
    """Nobody can tell now: one is a digest, and of the other its digest is not known."""


def image_identity(image: str, digest: str = "") -> str:
    """What tells one image from another: `sha256:...` where it is known, else the reference itself.

    Args:
        image: image reference, with or without `@sha256:...`.
        digest: its digest, where it was looked up; a digest in the reference itself comes first.
    """
    pinned = image.rpartition("@")[2] if "@" in image else ""
    return pinned or digest or image


def is_digest(image_id: str) -> bool:
    """Whether an identity is a digest."""
    return image_id.startswith("sha256:")


def told_apart(image_id: str) -> bool:
    """Whether an identity is of one image alone: a digest, or what one revision runs; a tag may be pushed again."""
    return is_digest(image_id) or "#" in image_id


def match_image(known: str, present: str, alias: str = "") -> Match:
    """How an image's identity that was written down stands to the present one.

    Args:
        known: as evidence, an approval or a record has it.
        present: as it is told now.
        alias: the present one as its revision alone tells it (`Revision.alias`): a revision never changes, so what was
            written down of it before its digest was read is of the same image.
    """
    if known == present or (alias and known == alias):
        return Match.SAME
    shorter, longer = sorted((known, present), key=len)
    if len(shorter) >= SHARED and is_digest(shorter) and longer.startswith(shorter):
        return Match.SAME
    return Match.UNTOLD if is_digest(known) and present and not is_digest(present) else Match.OTHER


def short_image(image_id: str) -> str:
    """An image's identity as people read it: `@1a2b3c4d5e6f` of a digest, `name:tag` of a reference."""
    if is_digest(image_id):
        return "@" + image_id.removeprefix("sha256:")[:12]
    return image_id.rpartition("/")[2] or image_id or "-"
