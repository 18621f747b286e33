"""`http`: a running service is asked what the runbook asks it with curl. Runbook: `Verificar Deploy en Staging`,
`Smoke Tests en Staging`, `Smoke Tests contra Prod (con 0% tráfico)`, `Validación Final`.
"""  # noqa: D205 - the runbook's headings

from __future__ import annotations

import re
from datetime import timedelta
from typing import ClassVar, Literal

from pydantic import field_validator

from console.runbook import http_checks
from console.runbook.evidence import Evidence, Result
from console.runbook.http_checks import Wanted
from console.runbook.kinds.base import KindSettings, StepContext, StepKind
from console.runbook.marks import EnvironmentName, StepId
from console.settings_types import Duration, Problem
from console.words import _


class HttpStepSettings(KindSettings):
    """Settings of `http`."""

    check: Literal["healthz", "metrics", "events", "webhook"]
    """What is asked: see `console.runbook.http_checks`."""
    environment: EnvironmentName = ""
    """Environment whose service is asked, by name, e.g. `staging`; empty: the release's own."""
    target: Literal["service", "tag", "revision"] = "service"
    """The service's own URL, a tag's, or the new revision's while it has no traffic (by its tag)."""
    tag: str = "canary"
    """Tag, for `tag`, and for `revision` where the new revision is not known yet."""
    path: str = ""
    """Path; empty: `/healthz`, `/metrics`, `/events` or `/webhook`."""
    version: str = ""
    """`healthz`: version it must tell; empty: the release's version, its image's tag, or its commit. Where none is
    known it does not pass."""
    revision_of: StepId = ""
    """`healthz`: id of the step that gave traffic back to an earlier revision, whose version it must tell."""
    version_field: str = "version"
    """`healthz`: field of its JSON that holds the version."""
    startup_wait: Duration | None = None
    """How long it may take to start; not set: settings' `checklist.startup_wait`."""
    log_within: Duration = timedelta(seconds=60)
    """`webhook`: how long its log entry may take to come."""
    signature_header: str = ""
    """`webhook`: header of the signature; empty: settings' `http.signature_header`."""
    message: str = "reservar para 4 el viernes a las 8"
    """`webhook`: what the test customer writes; the runbook's."""
    sender: str = "5939999999"
    """`webhook`: the test customer's number; the runbook's."""

    @field_validator("path")
    @classmethod
    def _is_path(cls, path: str) -> str:
        if path and not re.fullmatch(r"/[\w./~%-]*", path):
            raise Problem(_("is no path"), _('Write it like path = "/healthz".'))
        return path

    @field_validator("signature_header")
    @classmethod
    def _is_header(cls, name: str) -> str:
        if name and not re.fullmatch(r"[A-Za-z0-9-]{1,100}", name):
            raise Problem(_("is no header's name"), _('Write one like signature_header = "X-Hub-Signature-256".'))
        return name


class Http(StepKind):
    """One check of a running service."""

    name: ClassVar[str] = "http"
    settings_model: ClassVar[type[KindSettings]] = HttpStepSettings

    async def run(self, context: StepContext) -> Evidence:
        """Ask it, and judge the answer.

        Raises:
            CanarioError: its address is not known, or a secret is missing.
        """
        checked = await http_checks.perform(context, self.wanted(context))
        judged = checked.judged
        return context.evidence(
            Result.PASSED if judged.passed else Result.FAILED,
            judged.sentence,
            figures=judged.figures,
            problems=judged.problems,
            remedy=judged.remedy,
            excerpt=checked.excerpt,
        )

    def wanted(self, context: StepContext) -> Wanted:
        """What is checked, with what the settings leave to others filled in."""
        settings = self._settings
        general = context.tools.settings
        return Wanted(
            check=settings.check,
            environment=settings.environment,
            target=settings.target,
            tag=settings.tag,
            path=settings.path,
            version=settings.version,
            gone_back_to=self._gone_back_to(context),
            version_field=settings.version_field,
            startup_wait=general.checklist.startup_wait if settings.startup_wait is None else settings.startup_wait,
            log_within=settings.log_within,
            signature_header=settings.signature_header or general.http.signature_header,
            refusals=general.http.refusals,
            message=settings.message,
            sender=settings.sender,
        )

    def _gone_back_to(self, context: StepContext) -> str:
        moved = context.others.get(self._settings.revision_of)
        return moved.learned.get("back_to", "") if moved is not None else ""

    def explain(self) -> tuple[str, ...]:
        """The request, as it is sent."""
        settings = self._settings
        path = settings.path or http_checks.PATHS[settings.check]
        where = {
            "service": _("to the service's URL"),
            "tag": _("to the URL of the tag {tag}").format(tag=settings.tag),
            "revision": _("to the new revision's own URL, by its tag"),
        }[settings.target]
        if settings.environment:
            where = f"{where} ({settings.environment})"
        match settings.check:
            case "healthz":
                return (f"GET {path} {where}", _("It must be 200 and tell the version that is being released."))
            case "metrics":
                return (f"GET {path} {where}", _("It must be 200 and parse as Prometheus text."))
            case "events":
                return (
                    f"GET {path}?hub.mode=subscribe&hub.verify_token=…&hub.challenge=… {where}",
                    _("It must echo the challenge, and refuse a wrong token."),
                )
        header = settings.signature_header or "X-Hub-Signature-256"
        return (
            f"POST {path} {where}, {header}: sha256=…",
            _("It must be 200 and leave an entry in Cloud Logging; unsigned and wrongly signed ones must be refused."),
            _("The runbook writes X-Hub-Signature; Meta sends X-Hub-Signature-256. http.signature_header chooses."),
        )

    @property
    def _settings(self) -> HttpStepSettings:
        assert isinstance(self.settings, HttpStepSettings)
        return self.settings
