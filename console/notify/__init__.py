"""Telling people: Slack, the terminal's bell and title.

A message that fails is retried, then kept and shown; it never holds anything up and never raises. It must not know the
cloud, settings files or Textual: a webhook's URL and a callable that rings come in.
"""

from console.notify.message import (
    Message,
    deployed,
    disarmed,
    held,
    overrode,
    rolled_back,
    shifted,
    successful,
    took_over,
)
from console.notify.notifier import Bell, Notifier
from console.notify.slack import SlackWebhook

__all__ = [
    "Bell",
    "Message",
    "Notifier",
    "SlackWebhook",
    "deployed",
    "disarmed",
    "held",
    "overrode",
    "rolled_back",
    "shifted",
    "successful",
    "took_over",
]
