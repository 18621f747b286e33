"""Telling people: Slack, the terminal's bell and title.

A message that fails is retried, then kept and shown; it never holds anything up and never raises. It must not know the
cloud, settings files or Textual: a webhook's URL and a callable that rings come in.
"""

from console.notify.announcements import deployment_successful, limit_crossed, rolled_back_later, staging_passed
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
from console.notify.notifier import Bell, Notifier, Outbox, Undelivered
from console.notify.slack import Delivery, SlackWebhook

__all__ = [
    "Bell",
    "Delivery",
    "Message",
    "Notifier",
    "Outbox",
    "SlackWebhook",
    "Undelivered",
    "deployed",
    "deployment_successful",
    "disarmed",
    "held",
    "limit_crossed",
    "overrode",
    "rolled_back",
    "rolled_back_later",
    "shifted",
    "staging_passed",
    "successful",
    "took_over",
]
