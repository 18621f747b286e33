"""Actions: deploy, shift, undo, rollback, arm, take over; each guarded, journalled, done, announced.

`guarded()` is the one door: guard -> journal the intent -> act -> journal the outcome -> tell. Rollback alone goes past
the guard and never waits for the journal or for people. Console and commands come through here alike. It must not
know screens, settings files or threads.
"""

from console.actions.actions import Actions
from console.actions.autopilot import Autopilot, Countdown
from console.actions.outcome import Outcome, RollbackProgress, Settled

__all__ = ["Actions", "Autopilot", "Countdown", "Outcome", "RollbackProgress", "Settled"]
