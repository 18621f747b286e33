"""The signature check of Meta's webhooks: HMAC-SHA256 of the raw body under the app secret.

Source: https://developers.facebook.com/docs/graph-api/webhooks/getting-started
"""

from __future__ import annotations

import hashlib
import hmac

HEADER = "X-Hub-Signature-256"


def sign(body: bytes, secret: str) -> str:
    """The header's value for `body`."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def is_signed(body: bytes, header: str | None, secret: str) -> bool:
    """Whether `header` is the signature of `body`; compared in constant time."""
    if not header:
        return False
    return hmac.compare_digest(header.encode("utf-8", "replace"), sign(body, secret).encode())


def challenge(query: dict[str, str], verify_token: str) -> str | None:
    """What a verification GET is answered with, or None where it is refused."""
    token = query.get("hub.verify_token", "")
    if query.get("hub.mode") != "subscribe":
        return None
    if not hmac.compare_digest(token.encode(), verify_token.encode()):
        return None
    return query.get("hub.challenge") or None
