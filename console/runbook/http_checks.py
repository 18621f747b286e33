"""The four checks of a running service. Runbook: `Verificar Deploy en Staging`, `Smoke Tests`.

Meta's webhook contract: https://developers.facebook.com/docs/graph-api/webhooks/getting-started (a GET with
`hub.challenge` that is echoed, a POST signed by HMAC-SHA256 of its body under the app secret). The `http` kind and the
UAT's machine cases both run these.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from console.cloud.identity_token import identity_token
from console.errors import CanarioError, CredentialsError
from console.runbook import address
from console.runbook.address import Address
from console.runbook.evidence import Progress
from console.runbook.judging import Judged
from console.runbook.kinds.base import StepContext, Subject
from console.runbook.replies import LARGEST_BODY, LARGEST_METRICS, STARTING, ProbeError, Reply
from console.text import clean
from console.words import _

if TYPE_CHECKING:
    from console.runbook.probe import Probe

Check = Literal["healthz", "metrics", "events", "webhook"]

PATHS: dict[str, str] = {"healthz": "/healthz", "metrics": "/metrics", "events": "/events", "webhook": "/webhook"}
RETRY_S = 1.0
"""Pause between two tries while a service starts."""
LOG_POLL_S = 1.0
"""Pause between two looks into the log."""
SHOWN_METRICS = 6


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is checked, and where."""

    check: Check
    environment: str = ""
    """By name; empty: the release's own."""
    target: address.Target = "service"
    tag: str = "canary"
    path: str = ""
    version: str = ""
    """That /healthz must tell; empty: the release's."""
    gone_back_to: str = ""
    """Revision that a rollback went back to, whose version it must tell where that is known; empty: a release."""
    version_field: str = "version"
    startup_wait: timedelta = timedelta(seconds=30)
    log_within: timedelta = timedelta(seconds=60)
    signature_header: str = "X-Hub-Signature-256"
    refusals: tuple[int, ...] = (401, 403)
    """Statuses that refuse: a 404 or a 429 has not looked at token or signature."""
    message: str = "reservar para 4 el viernes a las 8"
    sender: str = "5939999999"

    @property
    def where(self) -> str:
        """Path that is asked."""
        return self.path or PATHS[self.check]


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of it."""

    judged: Judged
    excerpt: tuple[str, ...] = ()


async def perform(context: StepContext, wanted: Wanted) -> Checked:
    """Find the address, wait until it answers, and check it.

    Raises:
        CanarioError: the address is not known, or a secret is missing.
    """
    from console.runbook.probe import Probe  # the HTTP client takes its time to load, and a screen imports this module

    found = await address.find(context, wanted.environment, wanted.target, wanted.tag)
    settings = context.tools.settings.http
    async with Probe(
        found.url,
        context.clock,
        timeout_s=settings.timeout.total_seconds(),
        identity=lambda: identity_token(found.audience),
    ) as probe:
        try:
            match wanted.check:
                case "healthz":
                    checked = await _healthz(context, wanted, probe)
                case "metrics":
                    checked = await _metrics(context, wanted, probe)
                case "events":
                    checked = await _events(context, wanted, probe)
                case "webhook":
                    checked = await _webhook(context, wanted, probe, found)
        except ProbeError as error:
            checked = Checked(Judged(False, error.what, problems=(error.what,), remedy=error.remedy))
    where = [(_("address"), clean(found.url, 200))]
    if found.revision:
        where += [(_("revision"), found.revision), (_("traffic"), f"{found.percent} %")]
    judged = replace(checked.judged, figures=(*checked.judged.figures, *where))
    return Checked(judged, checked.excerpt)


async def _started(context: StepContext, wanted: Wanted, probe: Probe, path: str, *, largest: int) -> Reply:
    """The first answer that is no start-up's; the last one where there is none in time."""
    began = context.clock.monotonic()
    limit = wanted.startup_wait.total_seconds()
    while True:
        failure: ProbeError | None = None
        reply: Reply | None = None
        try:
            reply = await probe.ask("GET", path, largest=largest)
        except ProbeError as error:
            if not error.starting:
                raise
            failure = error
        if reply is not None and reply.status not in STARTING:
            return reply
        spent = context.clock.monotonic() - began
        if spent >= limit:
            if reply is not None:
                return reply
            assert failure is not None
            raise failure
        said = _("waiting for {path} to answer").format(path=path)
        context.report(Progress(said, fraction=min(spent / limit, 1.0)))
        await context.clock.sleep(RETRY_S)


def _latency(reply: Reply) -> tuple[str, str]:
    return _("took"), f"{reply.took_ms:.0f} ms"


# -- /healthz ---------------------------------------------------------------------------------------------------------


def told_version(reply: Reply, name: str = "version") -> str:
    """The version in an answer of /healthz: a JSON field, else the first thing in it that looks like one."""
    try:
        told = json.loads(reply.text)
    except (ValueError, RecursionError):
        told = None
    if isinstance(told, dict):
        value = told.get(name)
        return clean(str(value), 100).strip() if isinstance(value, str | int | float) else ""
    found = re.search(r"\bv?\d{1,6}\.\d{1,6}(?:\.\d{1,6})?[\w.+-]{0,40}|\b[0-9a-f]{7,40}\b", reply.text[:2_000])
    return found[0] if found else ""


def wanted_version(subject: Subject, given: str = "") -> tuple[str, ...]:
    """What may stand for the release's version: what is given, else its version, its image's tag, its commit.

    A moving tag such as `latest` names no version.
    """
    if given:
        return (given,)
    last = subject.image.rpartition("/")[2]
    tag = last.partition("@")[0].partition(":")[2]
    tag = "" if tag in ("latest", "main", "stable", "staging", "production") else tag
    return tuple(dict.fromkeys(v for v in (subject.version, tag, subject.commit) if v))


def same_version(told: str, wanted: tuple[str, ...]) -> bool:
    """Whether `told` is one of `wanted`: the same but for a leading v, or a commit's first seven or more digits."""
    bare = told.removeprefix("v").lower()
    for version in wanted:
        other = version.removeprefix("v").lower()
        short, long = sorted((bare, other), key=len)
        if bare == other or (len(short) >= 7 and re.fullmatch(r"[0-9a-f]{7,40}", long) and long.startswith(short)):
            return True
    return False


async def _healthz(context: StepContext, wanted: Wanted, probe: Probe) -> Checked:
    reply = await _started(context, wanted, probe, wanted.where, largest=LARGEST_BODY)
    told = told_version(reply, wanted.version_field)
    if wanted.gone_back_to and not wanted.version:
        versions = await _versions_of(context, wanted)
    else:
        versions = wanted_version(context.subject, wanted.version)
    return Checked(judge_health(reply, told, versions, wanted.where, gone_back_to=wanted.gone_back_to), reply.shown)


async def _versions_of(context: StepContext, wanted: Wanted) -> tuple[str, ...]:
    """What may stand for the version of the revision that was gone back to."""
    cloud, here = await context.tools.cloud(wanted.environment)
    revision = await cloud.run.get_revision(here.service, wanted.gone_back_to)
    return wanted_version(Subject(image=revision.image, commit=revision.commit))


def judge_health(
    reply: Reply, told: str, versions: tuple[str, ...], path: str = "/healthz", *, gone_back_to: str = ""
) -> Judged:
    """Whether it is 200, tells a version, and the one that is being released.

    Args:
        reply: the answer.
        told: the version in it, or empty.
        versions: any of which it must be; empty where none is known, and then a release does not pass.
        path: that was asked.
        gone_back_to: the revision that a rollback went back to; empty: it is a release.
    """
    figures = ((_("status"), f"{reply.status}"), (_("version"), told or "-"), _latency(reply))
    if reply.status != 200:
        said = _("{path} answers {status}, not 200").format(path=path, status=reply.status)
        return Judged(False, said, figures, (said,), _("See in the revision's log why, and press Enter again."))
    if not told:
        said = _("{path} is 200 and tells no version").format(path=path)
        return Judged(False, said, figures, (said,), _("Let it answer with JSON that has a version."))
    if not versions and gone_back_to:
        said = _("{path} is 200, version {told}; {revision} does not say which one it is, so nothing is compared")
        return Judged(True, said.format(path=path, told=told, revision=gone_back_to), figures)
    if not versions:
        said = _("{path} is 200, version {told}; which one is being released is not known").format(path=path, told=told)
        return Judged(
            False,
            said,
            figures,
            (said,),
            _(
                'Say which: version = "..." in the step\'s settings, or `canario runbook run --version ...`; or let '
                "the image's tag or the revision's label commit-sha tell it. Then press Enter again."
            ),
        )
    if not same_version(told, versions):
        shown = versions[0] if len(versions[0]) < 40 else versions[0][:12]
        said = _("{path} tells version {told}, and {wanted} is being released").format(
            path=path, told=told, wanted=shown
        )
        if gone_back_to:
            said = _("{path} tells version {told}, and {revision} is {wanted}").format(
                path=path, told=told, revision=gone_back_to, wanted=shown
            )
        return Judged(
            False, said, figures, (said,), _("See that the new image is deployed there, and press Enter again.")
        )
    if gone_back_to:
        said = _("{path} is 200, version {told}, {revision}'s").format(path=path, told=told, revision=gone_back_to)
    else:
        said = _("{path} is 200, version {told}, the one being released").format(path=path, told=told)
    return Judged(True, said, figures)


# -- /metrics ---------------------------------------------------------------------------------------------------------


def read_metrics(text: str) -> tuple[tuple[str, ...], int]:
    """(names of the metric families, number of samples) in Prometheus text, as Prometheus's own library reads it.

    Raises:
        ValueError: it is none.
    """
    from prometheus_client.parser import text_string_to_metric_families

    names: list[str] = []
    samples = 0
    try:
        for family in text_string_to_metric_families(text):
            names.append(clean(family.name, 100))
            samples += len(family.samples)
    except Exception as error:  # on bad lines its parser fails in many ways, IndexError among them
        raise ValueError(clean(str(error) or type(error).__name__, 200)) from error
    return tuple(names), samples


async def _metrics(context: StepContext, wanted: Wanted, probe: Probe) -> Checked:
    reply = await _started(context, wanted, probe, wanted.where, largest=LARGEST_METRICS)
    path = wanted.where
    figures: tuple[tuple[str, str], ...] = ((_("status"), f"{reply.status}"), _latency(reply))
    if reply.status != 200:
        said = _("{path} answers {status}, not 200").format(path=path, status=reply.status)
        remedy = _("See in the revision's log why, and press Enter again.")
        return Checked(Judged(False, said, figures, (said,), remedy), reply.shown)
    try:
        names, samples = await asyncio.to_thread(read_metrics, reply.text)
        problem = "" if samples else _("it holds no sample")
    except ValueError as error:
        names, samples, problem = (), 0, str(error)
    if problem:
        said = _("{path} is 200 and no Prometheus text: {problem}").format(path=path, problem=problem)
        return Checked(Judged(False, said, figures, (said,), _("Read what it answers, and put it right.")), reply.shown)
    some = ", ".join(names[:SHOWN_METRICS])
    figures += ((_("metrics"), f"{len(names)}"), (_("samples"), f"{samples}"), (_("among them"), some))
    said = _("{path} is 200 and Prometheus text: {count} metrics, among them {names}")
    return Checked(Judged(True, said.format(path=path, count=len(names), names=some), figures), reply.shown)


# -- GET /events ------------------------------------------------------------------------------------------------------


async def _secret(context: StepContext, name: str, variable: str) -> str:
    value = await context.tools.secret(name)
    if not value:
        raise CredentialsError(
            _("There is no {name} to check with.").format(name=name),
            remedy=_("Run `keyring set canario {name}`, or set {variable}.").format(name=name, variable=variable),
        )
    return value


async def _events(context: StepContext, wanted: Wanted, probe: Probe) -> Checked:
    token = await _secret(context, "verify-token", "CANARIO_VERIFY_TOKEN")
    path = wanted.where
    await _started(context, wanted, probe, PATHS["healthz"], largest=LARGEST_BODY)
    challenge = secrets.token_hex(8)
    query = {"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": challenge}
    right = await probe.ask("GET", path, query=query)
    wrong = await probe.ask(
        "GET", path, query={**query, "hub.verify_token": f"wrong-{secrets.token_hex(8)}"}, welcome=False
    )
    problems: list[str] = []
    if right.status != 200:
        problems.append(_("With the right token it answers {status}, not 200.").format(status=right.status))
    elif right.text.strip().strip('"') != challenge:
        problems.append(_("With the right token it does not echo the challenge."))
    if wrong.status not in wanted.refusals:
        problems.append(
            _("With a wrong token it answers {status}, and must refuse ({refusals}).").format(
                status=wrong.status, refusals=_either(wanted.refusals)
            )
        )
    if challenge in wrong.text:
        problems.append(_("It echoes the challenge to a wrong token."))
    figures = (
        (_("right token"), f"{right.status}"),
        (_("wrong token"), f"{wrong.status}"),
        _latency(right),
    )
    if problems:
        said = _("{path}: {problem}").format(path=path, problem=problems[0])
        remedy = _("Check the verification token here and there (CANARIO_VERIFY_TOKEN), and the application's check.")
        return Checked(Judged(False, said, figures, tuple(problems), remedy))
    said = _("{path} echoes the challenge and refuses a wrong token ({status})").format(path=path, status=wrong.status)
    return Checked(Judged(True, said, figures))


def _either(statuses: tuple[int, ...]) -> str:
    return ", ".join(map(str, statuses))


# -- POST /webhook ----------------------------------------------------------------------------------------------------


def message_body(message_id: str, text: str, sender: str, at: float) -> bytes:
    """A WhatsApp message as Meta sends it and as the runbook writes it.

    Args:
        message_id: unique, so that its log entry is found.
        text: what the customer writes.
        sender: their number.
        at: Unix seconds.
    """
    message = {"from": sender, "id": message_id, "timestamp": f"{at:.0f}", "text": {"body": text}}
    payload = {
        "object": "whatsapp_business_account",
        "entry": [{"changes": [{"value": {"messages": [message]}}]}],
    }
    return json.dumps(payload, ensure_ascii=False).encode()


def signature(body: bytes, secret: str) -> str:
    """What Meta's signature header holds: `sha256=` and the HMAC-SHA256 of the body, in hex."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


async def _webhook(context: StepContext, wanted: Wanted, probe: Probe, found: Address) -> Checked:
    secret = await _secret(context, "app-secret", "CANARIO_APP_SECRET")
    path, header = wanted.where, wanted.signature_header
    await _started(context, wanted, probe, PATHS["healthz"], largest=LARGEST_BODY)
    message_id = f"canario-{context.key[:8]}-{secrets.token_hex(6)}"
    sent_at = context.now()

    async def post(name: str, signed_with: str | None, *, welcome: bool) -> Reply:
        body = message_body(name, wanted.message, wanted.sender, sent_at.timestamp())
        headers = {"Content-Type": "application/json"}
        if signed_with is not None:
            headers[header] = signature(body, signed_with)
        return await probe.ask("POST", path, headers=headers, body=body, welcome=welcome)

    signed = await post(message_id, secret, welcome=True)
    unsigned = await post(f"{message_id}-unsigned", None, welcome=False)
    wrong = await post(f"{message_id}-wrong", secrets.token_hex(16), welcome=False)
    problems: list[str] = []
    if signed.status != 200:
        problems.append(_("Signed, it answers {status}, not 200.").format(status=signed.status))
    refusals = _either(wanted.refusals)
    if unsigned.status not in wanted.refusals:
        problems.append(
            _("Unsigned, it answers {status}, and must refuse ({refusals}).").format(
                status=unsigned.status, refusals=refusals
            )
        )
    if wrong.status not in wanted.refusals:
        problems.append(
            _("Wrongly signed, it answers {status}, and must refuse ({refusals}).").format(
                status=wrong.status, refusals=refusals
            )
        )
    figures = [
        (_("signed"), f"{signed.status}"),
        (_("unsigned"), f"{unsigned.status}"),
        (_("wrongly signed"), f"{wrong.status}"),
        _latency(signed),
        (_("message"), message_id),
    ]
    excerpt = signed.shown
    if signed.status == 200:
        entry = await _logged(context, wanted, found, message_id)
        if entry is None:
            limit = f"{wanted.log_within.total_seconds():g}"
            problems.append(_("No log entry names {id} within {seconds} s.").format(id=message_id, seconds=limit))
        else:
            figures.append((_("log entry"), entry))
            excerpt += (entry,)
    if problems:
        said = _("{path}: {problem}").format(path=path, problem=problems[0])
        remedy = _("Check the app secret here and there (CANARIO_APP_SECRET), the header {header}, and the log.")
        return Checked(Judged(False, said, tuple(figures), tuple(problems), remedy.format(header=header)), excerpt)
    said = _("{path} takes the signed message and logs it, and refuses unsigned ({status}) and wrongly signed ones")
    return Checked(Judged(True, said.format(path=path, status=unsigned.status), tuple(figures)), excerpt)


async def _logged(context: StepContext, wanted: Wanted, found: Address, message_id: str) -> str | None:
    """The log entry that names a message, cleaned; None where there is none in time."""
    cloud, here = await context.tools.cloud(wanted.environment)
    since = context.now() - timedelta(minutes=2)
    filter_ = (
        'resource.type="cloud_run_revision"'
        f' AND resource.labels.service_name="{here.service}"'
        f' AND timestamp>="{since:%Y-%m-%dT%H:%M:%SZ}" AND "{message_id}"'
    )
    began = context.clock.monotonic()
    trouble = ""
    while True:
        try:
            entries = await cloud.logs.list(filter_, limit=20)
        except CredentialsError:
            raise
        except CanarioError as error:
            entries, trouble = [], error.what
        for entry in entries:
            rest = entry.text.partition(message_id)[2]
            if message_id in entry.text and not rest.startswith(("-unsigned", "-wrong")):
                return clean(f"{entry.severity} {entry.revision}: {entry.text}", 300)
        if context.clock.monotonic() - began >= wanted.log_within.total_seconds():
            return None
        context.report(Progress(trouble or _("looking for {id} in Cloud Logging").format(id=message_id)))
        await context.clock.sleep(LOG_POLL_S)


__all__ = ["Check", "Checked", "Wanted", "perform"]
