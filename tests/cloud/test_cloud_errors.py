"""What the operator reads when Google says no, or nothing."""

from __future__ import annotations

import asyncio

import pytest
from google.api_core import exceptions as api
from google.auth.exceptions import DefaultCredentialsError, RefreshError

from console.cloud import errors
from console.errors import (
    CanarioError,
    CloudError,
    ConfirmationLostError,
    ConflictError,
    CredentialsError,
    ExitCode,
    InvalidRequestError,
    NotFoundError,
    PermissionMissingError,
    QuotaError,
    UnavailableError,
)

DOING = "changing wa-backend"


def read(error: BaseException) -> CanarioError:
    return errors.translate(error, doing=DOING, write=False)


def written(error: BaseException) -> CanarioError:
    return errors.translate(error, doing=DOING, write=True)


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (api.Aborted("etag"), ConflictError),
        (api.NotFound("Resource 'x' of kind 'SERVICE' does not exist."), NotFoundError),
        (api.PermissionDenied("Permission 'run.services.get' denied on resource"), PermissionMissingError),
        (api.Unauthenticated("invalid token"), CredentialsError),
        (RefreshError("invalid_grant"), CredentialsError),
        (DefaultCredentialsError("none"), CredentialsError),
        (api.InvalidArgument("percents must total 100"), InvalidRequestError),
        (api.FailedPrecondition("no"), InvalidRequestError),
        (api.AlreadyExists("Revision named 'x' with different configuration already exists."), InvalidRequestError),
        (api.ResourceExhausted("Quota exceeded"), QuotaError),
        (api.ServiceUnavailable("try later"), UnavailableError),
        (api.DeadlineExceeded("Deadline Exceeded"), UnavailableError),
        (api.InternalServerError("oops"), UnavailableError),
        (TimeoutError(), UnavailableError),
        (ValueError("odd"), CloudError),
    ],
)
def test_every_refusal_of_a_read_has_its_own_name(raised: Exception, expected: type[CanarioError]) -> None:
    error = read(raised)
    assert type(error) is expected
    assert error.what
    assert error.remedy


@pytest.mark.parametrize(
    "raised",
    [
        api.DeadlineExceeded("Deadline Exceeded"),
        api.InternalServerError("Received RST_STREAM with error code 2"),
        api.Unknown("Stream removed"),
        api.Cancelled("CANCELLED"),
        api.ServiceUnavailable("Socket closed"),
        api.ServiceUnavailable("Cancelling all calls"),
        api.ServiceUnavailable("The service is currently unavailable."),
        api.ServiceUnavailable("recvmsg:Connection reset by peer"),
    ],
)
def test_a_write_whose_answer_is_lost_is_never_called_failed(raised: Exception) -> None:
    error = written(raised)
    assert isinstance(error, ConfirmationLostError)
    assert "may or may not" in error.traffic


@pytest.mark.parametrize(
    "raised",
    [
        api.ServiceUnavailable("failed to connect to all addresses; last error: Connection refused"),
        api.ServiceUnavailable("DNS resolution failed for run.googleapis.com"),
    ],
)
def test_a_write_that_never_left_says_that_nothing_changed(raised: Exception) -> None:
    error = written(raised)
    assert isinstance(error, UnavailableError)
    assert "Nothing was changed" in error.traffic


def test_a_dead_simulator_is_not_called_google() -> None:
    error = read(
        api.ServiceUnavailable("failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: no")
    )
    assert isinstance(error, UnavailableError)
    assert "Google" not in str(error)
    assert "127.0.0.1:1" in error.what
    assert "canario simulate" in error.remedy


def test_expired_credentials_are_told_from_a_network_that_is_down() -> None:
    error = read(api.ServiceUnavailable("Getting metadata from plugin failed with error: Reauthentication is needed."))
    assert isinstance(error, CredentialsError)
    assert "gcloud auth application-default login" in error.remedy


def test_a_missing_permission_is_named() -> None:
    error = read(api.PermissionDenied("Permission 'run.services.update' denied on resource 'x' (or it may not exist)."))
    assert "run.services.update" in error.what


def test_an_api_that_is_switched_off_comes_with_the_command_that_switches_it_on() -> None:
    error = read(api.PermissionDenied("Cloud Run Admin API has not been used; enable run.googleapis.com by visiting"))
    assert isinstance(error, PermissionMissingError)
    assert "gcloud services enable run.googleapis.com" in error.remedy


def test_the_clouds_words_are_made_harmless_before_they_are_shown() -> None:
    error = read(api.NotFound("no \x1b]52;c;cm0gLXJm\x07such [bold]thing\x00\u202e"))
    assert "\x1b" not in str(error)
    assert "\x00" not in str(error)
    assert "\u202e" not in str(error)


def test_a_huge_message_is_cut() -> None:
    assert len(str(read(api.NotFound("x" * 1_000_000)))) < 1_000


def test_our_own_errors_pass_through_unchanged() -> None:
    ours = ConflictError("someone moved it")
    assert read(ours) is ours


def test_a_stale_look_exits_with_conflict() -> None:
    assert written(api.Aborted("stale")).exit_code is ExitCode.CONFLICT


async def test_our_own_cancelling_is_not_mistaken_for_a_call_that_the_cloud_cut() -> None:
    async def work() -> None:
        with errors.translated(DOING):
            await asyncio.sleep(60)

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_call_that_grpc_cancels_by_itself_is_an_error_in_words() -> None:
    with pytest.raises(UnavailableError), errors.translated(DOING):
        raise asyncio.CancelledError


def test_a_failed_operation_says_why_and_that_the_old_split_still_serves() -> None:
    error = errors.failed_operation(9, "Revision 'wa-backend-00042-vez' is not ready and cannot serve traffic.")
    assert "wa-backend-00042-vez" in error.what
    assert "still serves" in error.traffic
