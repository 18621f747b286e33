"""Only Meta's webhooks get in."""

from wa_orchestrator import firma

QUERY = {"hub.mode": "subscribe", "hub.verify_token": "verdad", "hub.challenge": "1158201444"}


def test_a_signed_body_is_accepted() -> None:
    assert firma.is_signed(b"{}", firma.sign(b"{}", "secreto"), "secreto")


def test_no_header_another_secret_and_another_body_are_refused() -> None:
    assert not firma.is_signed(b"{}", None, "secreto")
    assert not firma.is_signed(b"{}", firma.sign(b"{}", "otro"), "secreto")
    assert not firma.is_signed(b"{ }", firma.sign(b"{}", "secreto"), "secreto")


def test_the_challenge_is_echoed_for_the_right_token_only() -> None:
    assert firma.challenge(QUERY, "verdad") == "1158201444"
    assert firma.challenge({**QUERY, "hub.verify_token": "mentira"}, "verdad") is None
    assert firma.challenge({**QUERY, "hub.mode": "unsubscribe"}, "verdad") is None
