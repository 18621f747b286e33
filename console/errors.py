"""The error tree: every failure an operator can meet, in words that say what to do.

An error's name tells the caller what to do with it (as httpx does); its text tells the operator four things:
what happened, to what, what it means for the traffic right now, and what to press next. Imports only the
standard library; knows neither gRPC nor Textual (`console.cloud.errors` translates).
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every command; stable, documented in the README."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    BLOCKED = 3
    CONFLICT = 4
    INCONCLUSIVE = 5
    SHARED_BREACH = 6


class CanarioError(Exception):
    """Base of all errors meant for the operator.

    Args:
        what: one sentence: what happened, to what.
        traffic: one sentence: what that means for the traffic right now; empty where nothing could have moved.
        remedy: one sentence: what to press or type next.
    """

    exit_code: ExitCode = ExitCode.FAILED

    def __init__(self, what: str, *, traffic: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.traffic = traffic
        self.remedy = remedy

    def __str__(self) -> str:
        return " ".join(part for part in (self.what, self.traffic, self.remedy) if part)


class UsageError(CanarioError):
    """The operator asked for something that cannot be: an unknown name, a number out of range."""

    exit_code = ExitCode.USAGE


class SettingsError(UsageError):
    """A settings file, variable or option is wrong; `what` names file, line or key, `remedy` the fix."""


class BlockedError(CanarioError):
    """A guardrail said no. Nothing was sent.

    Args:
        reasons: each blocking answer's reason, most important first.
        overridable: whether a written reason would let every one of them pass.
    """

    exit_code = ExitCode.BLOCKED

    def __init__(self, reasons: tuple[str, ...], *, overridable: bool, remedy: str = "") -> None:
        super().__init__("; ".join(reasons), remedy=remedy)
        self.reasons = reasons
        self.overridable = overridable


class ConflictError(CanarioError):
    """Somebody else changed the service between our look and our write. Nothing of ours was done.

    Raised by `cloud` for ABORTED (a stale etag) and by `actions` once it has re-read who moved what.
    """

    exit_code = ExitCode.CONFLICT


class JournalError(CanarioError):
    """The journal cannot be written or does not verify. Blocks promotions, never a rollback."""


class ConfirmationLostError(CanarioError):
    """A call was sent and its answer never came: the service may or may not have changed; re-read it."""


class CloudError(CanarioError):
    """The cloud answered no, or did not answer. Subclasses say which."""


class CredentialsError(CloudError):
    """No credentials, or expired ones."""


class PermissionMissingError(CloudError):
    """The caller lacks a permission."""


class NotFoundError(CloudError):
    """No such project, service, revision or operation."""


class InvalidRequestError(CloudError):
    """The cloud refuses the request as it stands; sending it again will not help."""


class UnavailableError(CloudError):
    """The cloud cannot be reached or is busy (UNAVAILABLE, DEADLINE_EXCEEDED, connection lost); try again."""


class QuotaError(CloudError):
    """A quota is used up (RESOURCE_EXHAUSTED); try again later, more slowly."""
