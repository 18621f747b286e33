"""Who we are to Google: the e-mail of Application Default Credentials.

Service accounts carry it; a person's credentials do not, so Google's tokeninfo is asked
(https://cloud.google.com/docs/authentication/token-types#access). The token goes in the request's body, never in a
URL that a proxy would log.
"""

from __future__ import annotations

import asyncio

import httpx
from google.auth.credentials import Credentials
from google.auth.transport.requests import Request

from console.cloud import errors
from console.errors import CredentialsError
from console.text import clean
from console.words import _

TOKENINFO_URL = "https://oauth2.googleapis.com/tokeninfo"
TIMEOUT_S = 5.0


async def identity_of(credentials: Credentials) -> str:
    """E-mail of the principal behind `credentials`.

    Raises:
        CredentialsError: they are expired or revoked, or nobody can tell the e-mail.
        UnavailableError: Google cannot be asked.
    """
    email = _account_email(credentials)
    if email:
        return email
    with errors.translated(_("asking Google who we are")):
        if not credentials.valid:
            async with asyncio.timeout(TIMEOUT_S * 2):
                await asyncio.to_thread(credentials.refresh, Request())
    email = _account_email(credentials)  # on Compute Engine the first refresh fills it in
    if email:
        return email
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_S) as client:
            answer = await client.post(TOKENINFO_URL, data={"access_token": credentials.token})
            told = answer.json() if answer.status_code == 200 else {}
    except (httpx.HTTPError, ValueError) as error:
        raise _untold() from error
    email = told.get("email") if isinstance(told, dict) else None
    if not isinstance(email, str) or "@" not in email:
        raise _untold()
    return clean(email, 200)


def _account_email(credentials: Credentials) -> str | None:
    email = getattr(credentials, "service_account_email", None)
    return clean(email, 200) if isinstance(email, str) and "@" in email else None


def _untold() -> CredentialsError:
    return CredentialsError(
        _("Google does not tell whose credentials these are."),
        remedy=_(
            "Run `gcloud auth application-default login --scopes="
            "openid,https://www.googleapis.com/auth/userinfo.email,https://www.googleapis.com/auth/cloud-platform`."
        ),
    )
