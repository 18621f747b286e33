"""Identity tokens for services that only let known callers in.

Sources: https://cloud.google.com/run/docs/authenticating/service-to-service (the audience is the service's URL, also
for a tag's address; `X-Serverless-Authorization` leaves `Authorization` to the application) and
https://googleapis.dev/python/google-auth/latest/reference/google.oauth2.id_token.html. A person's own credentials
give no token for an audience; the one that comes with them is tried.
"""

from __future__ import annotations

import asyncio

from console.errors import CredentialsError
from console.words import _

HEADER = "X-Serverless-Authorization"
"""Where Cloud Run looks for it first."""
TIMEOUT_S = 10.0


async def identity_token(audience: str) -> str:
    """An OpenID Connect token that says who calls `audience`.

    Args:
        audience: URL of the service, without path or tag.

    Raises:
        CredentialsError: the credentials here give none.
    """
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return await asyncio.to_thread(_fetch, audience)
    except TimeoutError:
        raise _none() from None


def _fetch(audience: str) -> str:
    import google.auth
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.requests import Request
    from google.oauth2 import id_token

    try:
        found = id_token.fetch_id_token(Request(), audience)
        if isinstance(found, str) and found:
            return found
    except (GoogleAuthError, OSError, ValueError):
        pass
    try:
        credentials, _project = google.auth.default(scopes=("openid", "https://www.googleapis.com/auth/userinfo.email"))
        credentials.refresh(Request())
        own = getattr(credentials, "id_token", None)
    except (GoogleAuthError, OSError, ValueError) as error:
        raise _none() from error
    if isinstance(own, str) and own:
        return own
    raise _none()


def _none() -> CredentialsError:
    return CredentialsError(
        _("The service lets only known callers in, and the credentials here give no identity token."),
        remedy=_(
            "Use a service account that may invoke it: `gcloud auth application-default login "
            "--impersonate-service-account=NAME@PROJECT.iam.gserviceaccount.com`."
        ),
    )
