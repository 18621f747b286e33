"""Reading a WhatsApp webhook: the messages in it, whatever else Meta sends along."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

ACCOUNT = "whatsapp_business_account"


class NotAMessage(ValueError):
    """The body is no WhatsApp payload."""


@dataclass(frozen=True)
class Message:
    """One message from a customer."""

    id: str
    sender: str
    text: str


def parse(body: bytes) -> list[Message]:
    """The messages of a webhook's body, oldest first.

    Raises:
        NotAMessage: no JSON, or another product's payload.
    """
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotAMessage("the body is not JSON") from error
    if not isinstance(payload, dict) or payload.get("object") != ACCOUNT:
        raise NotAMessage(f"object is not {ACCOUNT}")
    return [message for change in _changes(payload) for message in _messages(change)]


def _changes(payload: dict[str, object]) -> Iterator[dict[str, object]]:
    for entry in _dicts(payload.get("entry")):
        for change in _dicts(entry.get("changes")):
            value = change.get("value")
            if isinstance(value, dict):
                yield value


def _messages(value: dict[str, object]) -> Iterator[Message]:
    for raw in _dicts(value.get("messages")):
        text = raw.get("text")
        words = text.get("body", "") if isinstance(text, dict) else ""
        yield Message(str(raw.get("id", "")), str(raw.get("from", "")), str(words))


def _dicts(value: object) -> list[dict[str, object]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
