"""Which image is which: a tag is no identity, and where a digest cannot be read nobody calls it another image."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from console.release.images import Match, match_image
from console.release.service import Revision

TAG = "repo/app:v1"
ONE, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64
ALIAS = f"{TAG}#app-2"

_identities = st.sampled_from(["", TAG, ONE, OTHER, ONE[:19], ALIAS, f"{TAG}#app-3"])


def test_a_digest_is_itself_however_short_other_consoles_tell_it() -> None:
    assert match_image(ONE, ONE) is Match.SAME
    assert match_image(ONE[:19], ONE) is Match.SAME
    assert match_image(ONE[:18], ONE) is Match.OTHER
    assert match_image(OTHER, ONE) is Match.OTHER


def test_what_was_written_of_a_revision_before_its_digest_was_read_is_of_the_same_image() -> None:
    assert match_image(ALIAS, ONE, ALIAS) is Match.SAME
    assert match_image(f"{TAG}#app-3", ONE, ALIAS) is Match.OTHER


def test_while_the_digest_of_what_is_there_now_cannot_be_read_nobody_can_tell() -> None:
    assert match_image(ONE, ALIAS, ALIAS) is Match.UNTOLD
    assert match_image(ONE, TAG) is Match.UNTOLD
    assert match_image(ONE, "") is Match.OTHER


@given(_identities, _identities)
def test_only_an_unread_digest_is_ever_untold(known: str, present: str) -> None:
    found = match_image(known, present)
    assert (found is Match.SAME) == (known == present or {known, present} == {ONE, ONE[:19]})
    if found is Match.UNTOLD:
        assert known.startswith("sha256:")
        assert not present.startswith("sha256:")


def test_a_revision_is_its_digest_and_by_itself_until_that_is_known() -> None:
    assert Revision("app-2", image=TAG).identity == ALIAS
    assert Revision("app-2", image=TAG, digest=ONE).identity == ONE
    assert Revision("app-2", image=f"repo/app@{OTHER}", digest=ONE).identity == OTHER
    assert Revision("app-2").identity == ""
