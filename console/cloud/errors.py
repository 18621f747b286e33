"""What gRPC and the Google clients raise, in the operator's words: the only place that knows both sides.

The status codes' meaning: https://grpc.io/docs/guides/status-codes/ and https://google.aip.dev/193.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
from google.api_core import exceptions as api
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
from grpc import aio

from console.cloud.target import CloudTarget
from console.errors import (
    CanarioError,
    CloudError,
    ConfirmationLostError,
    ConflictError,
    CredentialsError,
    InvalidRequestError,
    NotFoundError,
    PermissionMissingError,
    QuotaError,
    UnavailableError,
)
from console.text import clean
from console.words import _

_NOT_SENT = re.compile(
    r"failed to connect|connection refused|name resolution|dns resolution|no route to host|network is unreachable"
    r"|handshak|certificate|getting metadata from plugin",
    re.IGNORECASE,
)
_CREDENTIALS = re.compile(r"metadata from plugin|invalid_grant|reauth|refresh", re.IGNORECASE)
_PERMISSION = re.compile(r"[Pp]ermission '?([a-z]+(?:\.[a-zA-Z]+)+)'?")
_DISABLED_API = re.compile(r"\b([a-z]+\.googleapis\.com)\b")

_LOOPBACK = re.compile(r"ipv[46]:(127\.[\d.]+:\d+|(?:\[|%5B)::1(?:\]|%5D):\d+)")
"""Who did not answer, in gRPC's words, where that is this machine: a simulator, not Google."""
_SILENT = (
    api.ServiceUnavailable,
    api.GatewayTimeout,
    api.Cancelled,
    TimeoutError,
    aio.UsageError,
    asyncio.CancelledError,
)

DETAIL_LIMIT = 400
"""Characters of the cloud's own words that are kept."""


@contextmanager
def translated(doing: str, *, write: bool = False) -> Iterator[None]:
    """Raise what the body raises as a CanarioError.

    Args:
        doing: what was being done, as in "while {doing}"; translated.
        write: whether the call may have changed something.
    """
    try:
        yield
    except (Exception, asyncio.CancelledError) as error:
        if is_ours(error):
            raise
        raise translate(error, doing=doing, write=write) from error


def translate(error: BaseException, *, doing: str, write: bool) -> CanarioError:
    """`error` as an operator's error; a CanarioError comes back as it is.

    A write whose answer was lost (deadline, cut connection, unavailable or internal error after it was sent) is a
    ConfirmationLostError: it may have been done. A write that surely never left, or that the cloud refused, says so.
    """
    if isinstance(error, CanarioError):
        return error
    if isinstance(error, aio.AioRpcError):
        error = api.from_grpc_error(error)
    detail = clean(_words(error), DETAIL_LIMIT)
    unmoved = _("Nothing was changed.") if write else ""
    if isinstance(error, GoogleAuthError | api.Unauthenticated) or (
        isinstance(error, api.ServiceUnavailable) and _CREDENTIALS.search(detail)
    ):
        return _credentials(error, detail, doing, unmoved)
    if isinstance(error, api.Forbidden):
        return _forbidden(detail, doing, unmoved)
    if isinstance(error, api.Aborted):
        return ConflictError(
            _("Someone else changed the service between our look and our write."),
            traffic=_("Nothing of ours was done."),
            remedy=_("Look at the split now, and decide again."),
        )
    if isinstance(error, api.NotFound):
        return NotFoundError(
            _("Not found while {doing}: {detail}.").format(doing=doing, detail=_bare(detail)),
            traffic=unmoved,
            remedy=_("Check project, region and name: `canario services` lists what is there."),
        )
    if isinstance(error, api.TooManyRequests):
        return QuotaError(
            _("A quota is used up while {doing}: {detail}.").format(doing=doing, detail=_bare(detail)),
            traffic=unmoved,
            remedy=_("It is tried again, more slowly; `canario doctor` says which API."),
        )
    if write and _answer_lost(error, detail):
        return ConfirmationLostError(
            _("The answer was lost while {doing}: {detail}.").format(doing=doing, detail=_bare(detail)),
            traffic=_("The change may or may not have been made."),
            remedy=_("Look before doing it again: screen and `canario status` show the service as it is."),
        )
    if isinstance(error, _SILENT) and (nobody := _LOOPBACK.search(detail)):
        return UnavailableError(
            _("Nothing answers at {endpoint}.").format(endpoint=nobody.group(1)),
            traffic=unmoved,
            remedy=_("Start `canario simulate` and give the address it prints."),
        )
    if isinstance(error, _SILENT):
        return UnavailableError(
            _("Google Cloud does not answer while {doing}: {detail}.").format(doing=doing, detail=_bare(detail)),
            traffic=unmoved or _("Traffic stays as it is."),
            remedy=_("Check the network; it is tried again by itself where the console is open."),
        )
    if isinstance(error, api.ServerError) and not isinstance(error, api.MethodNotImplemented):
        return UnavailableError(
            _("Google Cloud failed while {doing}: {detail}.").format(doing=doing, detail=_bare(detail)),
            traffic=unmoved or _("Traffic stays as it is."),
            remedy=_("Try again; https://status.cloud.google.com tells of outages."),
        )
    if isinstance(error, api.ClientError | api.MethodNotImplemented):
        return InvalidRequestError(
            _("Google Cloud refuses while {doing}: {detail}.").format(doing=doing, detail=_bare(detail)),
            traffic=unmoved,
            remedy=_("Sending it again will not help; change what was asked."),
        )
    return CloudError(
        _("Something unforeseen went wrong while {doing}: {detail}.").format(doing=doing, detail=_bare(detail)),
        traffic=_("The change may or may not have been made.") if write else "",
        remedy=_("Read the service again; please report this."),
    )


def is_ours(error: BaseException) -> bool:
    """Whether `error` is our own task being cancelled, not a call that gRPC cancelled (a closed channel does)."""
    if not isinstance(error, asyncio.CancelledError):
        return False
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def is_unavailable(error: BaseException) -> bool:
    """Whether a read that raised `error` is worth another try at once."""
    return isinstance(error, api.ServiceUnavailable) and not _CREDENTIALS.search(_words(error))


def unreachable(target: CloudTarget) -> UnavailableError:
    """Nobody answers at the target's address."""
    if target.endpoint is not None:
        return UnavailableError(
            _("Nothing answers at {endpoint}.").format(endpoint=clean(target.endpoint, 100)),
            remedy=_("Start `canario simulate` and give the address it prints."),
        )
    return UnavailableError(
        _("Google Cloud cannot be reached."), traffic=_("Traffic stays as it is."), remedy=_("Check the network.")
    )


def failed_operation(code: int, message: str) -> CanarioError:
    """An operation that the cloud accepted and could not carry out.

    Args:
        code: gRPC status code of the operation's error.
        message: the cloud's words: of the condition that failed.
    """
    words = _bare(clean(message, DETAIL_LIMIT))
    what = _("Cloud Run could not carry out the change: {words}.").format(words=words or code)
    traffic = _("What served before still serves.")
    remedy = _("Look at the revision's logs; the split shown as effective is the true one.")
    if code == grpc.StatusCode.ABORTED.value[0]:
        return ConflictError(what, traffic=traffic, remedy=remedy)
    return CloudError(what, traffic=traffic, remedy=remedy)


def _answer_lost(error: BaseException, detail: str) -> bool:
    if isinstance(error, api.ServiceUnavailable):
        return not _NOT_SENT.search(detail)  # a server that is stopping says UNAVAILABLE too, of calls half done
    lost = (api.GatewayTimeout, api.Cancelled, api.InternalServerError, api.Unknown, api.DataLoss)
    return isinstance(error, (*lost, TimeoutError, asyncio.CancelledError))


def _credentials(error: BaseException, detail: str, doing: str, unmoved: str) -> CredentialsError:
    if isinstance(error, DefaultCredentialsError):
        what = _("There are no Google credentials on this machine.")
    else:
        what = _("Google does not accept our credentials while {doing}: {detail}.").format(
            doing=doing, detail=_bare(detail)
        )
    return CredentialsError(what, traffic=unmoved, remedy=_("Run `gcloud auth application-default login`."))


def _forbidden(detail: str, doing: str, unmoved: str) -> PermissionMissingError:
    api_name = _DISABLED_API.search(detail)
    if api_name and ("disabled" in detail or "has not been used" in detail):
        return PermissionMissingError(
            _("The API {api} is not enabled in this project.").format(api=api_name.group(1)),
            traffic=unmoved,
            remedy=_("Run `gcloud services enable {api}`.").format(api=api_name.group(1)),
        )
    permission = _PERMISSION.search(detail)
    if permission:
        what = _("The permission {permission} is missing while {doing}.").format(
            permission=permission.group(1), doing=doing
        )
    else:
        what = _("We may not do this while {doing}: {detail}.").format(doing=doing, detail=_bare(detail))
    return PermissionMissingError(
        what,
        traffic=unmoved,
        remedy=_("Ask whoever owns the project for the role; `canario doctor` lists what is missing."),
    )


def _words(error: BaseException) -> str:
    message = getattr(error, "message", None)
    return str(message) if message else str(error) or type(error).__name__


def _bare(detail: str) -> str:
    return detail.rstrip(" .")
