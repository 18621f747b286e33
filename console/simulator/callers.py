"""Who calls, and what they may do: principals from bearer tokens, permissions, and the words of a refusal.

A token is `sim-EMAIL`. Without one (google-cloud clients over a plaintext channel send none) the caller is
`anonymous@demo.example` and may do everything, so that a plain script works. So that bad credentials can be tried:
`sim-expired...` and tokens of any other form are UNAUTHENTICATED, `sim-denied...` may read but not write.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextvars import ContextVar
from dataclasses import dataclass

from console.simulator.status import Code, StatusError

ANONYMOUS = "anonymous@demo.example"

READ_PERMISSIONS = frozenset(
    {
        "run.services.get",
        "run.services.list",
        "run.revisions.get",
        "run.revisions.list",
        "run.operations.get",
        "run.operations.list",
        "logging.logEntries.list",
        "logging.views.access",
        "monitoring.timeSeries.list",
    }
)

_NOT_AUTHENTICATED = (
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
    "authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project."
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever sent a call."""

    email: str = ANONYMOUS
    read_only: bool = False
    agent: str = ""
    """Its user agent."""


_NOBODY = Caller()
caller: ContextVar[Caller] = ContextVar("caller", default=_NOBODY)
"""The caller of the call that this task answers."""


def caller_of(metadata: Iterable[tuple[str, str | bytes]]) -> Caller:
    """The caller that a call's metadata names.

    Raises:
        StatusError: UNAUTHENTICATED.
    """
    told = {key: value.decode("utf-8", "replace") if isinstance(value, bytes) else value for key, value in metadata}
    agent = told.get("user-agent", "")
    if "authorization" not in told:
        return Caller(agent=agent)
    scheme, _space, token = told["authorization"].partition(" ")
    if scheme.lower() != "bearer" or not token.startswith("sim-") or token.startswith("sim-expired"):
        raise StatusError(Code.UNAUTHENTICATED, _NOT_AUTHENTICATED)
    return Caller(token[4:], token.startswith("sim-denied"), agent)


class Permissions:
    """What may be done: everything, but for read-only callers and permissions that a fault took away."""

    def __init__(self) -> None:
        self.lost: frozenset[str] = frozenset()
        """Permissions that nobody has now; `*` for every writing one."""

    def granted(self, who: Caller, permission: str) -> bool:
        """Whether `who` has `permission`."""
        writes = permission not in READ_PERMISSIONS
        if permission in self.lost or (writes and "*" in self.lost):
            return False
        return not (writes and who.read_only)

    def held(self, who: Caller, asked: Collection[str]) -> list[str]:
        """Those of `asked` that `who` has, in order (TestIamPermissions)."""
        return [permission for permission in asked if self.granted(who, permission)]

    def require(self, who: Caller, permission: str, resource: str) -> None:
        """Pass, or refuse with Google's words.

        Raises:
            StatusError: PERMISSION_DENIED.
        """
        if not self.granted(who, permission):
            raise StatusError(
                Code.PERMISSION_DENIED,
                f"Permission '{permission}' denied on resource '{resource}' (or resource may not exist).",
            )
