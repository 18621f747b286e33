"""GitHub's refusals, as sentences with the fix.

Sources: https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api (404 also stands for what a
token may not see) and .../rate-limits-for-the-rest-api (403 or 429, `retry-after`, `x-ratelimit-remaining`, `-reset`).
No sentence holds the token: it is only ever in a header that nobody prints.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from console.errors import (
    CanarioError,
    CloudError,
    CredentialsError,
    InvalidRequestError,
    NotFoundError,
    PermissionMissingError,
    QuotaError,
    UnavailableError,
)
from console.journal.scrub import scrub_text
from console.words import _

SCOPES = "pull requests, contents, actions: read and write; checks, commit statuses: read"
"""What a fine-grained token needs on the repository."""


class Forbidden(PermissionMissingError):
    """403: the token may not."""


class NotThere(NotFoundError):
    """404: it is not there, or the token may not see it."""


class Refused(InvalidRequestError):
    """405, 409, 422: GitHub will not do it as it stands.

    Args:
        what: as `CanarioError`.
        said: GitHub's own words, cleaned.
        remedy: as `CanarioError`.
    """

    def __init__(self, what: str, said: str, *, remedy: str = "") -> None:
        super().__init__(what, remedy=remedy)
        self.said = said


def no_token() -> CredentialsError:
    """There is no token at all."""
    return CredentialsError(
        _("There is no GitHub token."),
        remedy=_("Run `keyring set canario github-token`, or set CANARIO_GITHUB_TOKEN. It needs {scopes}.").format(
            scopes=SCOPES
        ),
    )


def unreachable(api: str, error: Exception) -> UnavailableError:
    """It could not be asked."""
    return UnavailableError(
        _("GitHub cannot be reached at {host} ({problem}).").format(
            host=urlsplit(api).hostname, problem=type(error).__name__
        ),
        remedy=_("Check the network, https://www.githubstatus.com, and api under [github] in canario.toml."),
    )


def pause_s(status: int, headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds until a rate limit lets us ask again; None where the answer is no rate limit that tells when."""
    if status not in (403, 429):
        return None
    after = headers.get("retry-after", "")
    if after.isascii() and after.isdigit():
        return float(min(int(after), 86_400))
    if headers.get("x-ratelimit-remaining") == "0" or status == 429:
        reset = headers.get("x-ratelimit-reset", "")
        if reset.isascii() and reset.isdigit() and len(reset) < 12:
            return max(int(reset) - _told_time(headers, now).timestamp(), 0.0) + 1.0
        return 60.0
    return None


def _told_time(headers: Mapping[str, str], now: datetime) -> datetime:
    """GitHub's own time, which its limits are told in; `now` where it does not say."""
    try:
        return parsedate_to_datetime(headers.get("date", ""))
    except ValueError:
        return now


def translate(
    status: int, headers: Mapping[str, str], body: bytes, *, repository: str, now: datetime
) -> CloudError | CanarioError:
    """The error that a refusal is.

    Args:
        status: HTTP status, 300 or more.
        headers: the answer's.
        body: the answer's; GitHub's own words are taken from it.
        repository: which was asked about.
        now: wall time, to say how long a rate limit lasts.
    """
    said = _said(body)
    pause = pause_s(status, headers, now)
    if pause is not None:
        return QuotaError(
            _("GitHub's rate limit is used up for {minutes} min.").format(minutes=max(1, round(pause / 60))),
            remedy=_("Wait so long and press Enter again; other programs that use the same token share its limit."),
        )
    if status == 401:
        return CredentialsError(
            _("GitHub does not take the token: it is wrong, expired or revoked."),
            remedy=_("Make a new one and run `keyring set canario github-token`, or set CANARIO_GITHUB_TOKEN."),
        )
    if status == 403:
        return Forbidden(
            _("The GitHub token may not do this in {repository}: {said}").format(repository=repository, said=said),
            remedy=_("Give it the permissions {scopes}; organisations may have to approve it (SSO).").format(
                scopes=SCOPES
            ),
        )
    if status == 404:
        return NotThere(
            _("GitHub has no such thing in {repository}, or the token may not see it.").format(repository=repository),
            remedy=_(
                "Check repository under [github] in canario.toml, the workflow's file name, and the token's access."
            ),
        )
    if status in (301, 302, 307, 308):
        return Refused(
            _("{repository} has moved on GitHub.").format(repository=repository),
            said,
            remedy=_("Write its new name as repository under [github] in canario.toml."),
        )
    if status >= 500:
        return UnavailableError(
            _("GitHub answered {status}.").format(status=status),
            remedy=_("Look at https://www.githubstatus.com, and press Enter again in a minute."),
        )
    return Refused(
        _("GitHub refuses: {said}").format(said=said or status),
        said,
        remedy=_("Put that right on GitHub, and press Enter again."),
    )


def _said(body: bytes) -> str:
    """GitHub's message and what it lists, cleaned, with anything secret hidden."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(told, dict):
        return ""
    parts = [told.get("message")]
    listed = told.get("errors")
    for item in listed[:5] if isinstance(listed, list) else []:
        parts.append(item.get("message") if isinstance(item, dict) else item)
    return scrub_text("; ".join(part for part in parts if isinstance(part, str) and part), 300)
