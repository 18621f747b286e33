"""`cloud_run`: what Cloud Run tells or does: staging is ready, a deployment with no traffic, the new revision idle.

Runbook: `Verificar Deploy en Staging`, `Preparar Deployment Manual` (option B), `Verificar Nueva Revisión`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from console.cloud.client import Cloud
from console.errors import CanarioError, UsageError
from console.release.guardrails import shares_text
from console.release.images import image_identity, short_image
from console.release.service import Revision, Service
from console.runbook.evidence import Evidence, Progress, Result
from console.runbook.kinds.base import KindSettings, Observation, Observed, StepContext, StepKind
from console.runbook.marks import EnvironmentName
from console.runbook.model import Step
from console.settings_types import Duration
from console.words import _

Look = Callable[[StepContext, Cloud, Service], Awaitable[Evidence | str]]
"""Looks once: evidence where it holds, else what is still missing, in a sentence."""

LISTED = 50
"""Newest revisions among which a deployment that was cut off is looked for."""

LOOK_S = 1.0
"""Wall seconds between two looks while waiting."""


class CloudRunSettings(KindSettings):
    """Settings of `cloud_run`."""

    do: Literal["ready", "deploy", "idle"]
    """`ready`: the service serves the released change; `deploy`: make a revision with no traffic; `idle`: the new
    revision is ready at 0 %."""
    environment: EnvironmentName = ""
    """Environment by name; empty: the release's own."""
    tag: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,45}$")] = "canary"
    """Traffic tag of the new revision."""
    image: str = ""
    """`deploy`: the image; empty: the one that staging serves, which was tested."""
    wait: Duration = timedelta(minutes=10)
    """Server time that is waited at most. Runbook: "Esperar ~3 min por Cloud Build", "30 seg por Cloud Run startup"."""


def by_digest(image: str) -> str:
    """A reference without its tag where it names a digest: Cloud Run takes either, and only a digest cannot move."""
    path, at, digest = image.partition("@")
    host, slash, last = path.rpartition("/")
    return f"{host}{slash}{last.partition(':')[0]}@{digest}" if at else image


class CloudRunStep(StepKind):
    """A look at Cloud Run, or a deployment."""

    name: ClassVar[str] = "cloud_run"
    settings_model: ClassVar[type[KindSettings]] = CloudRunSettings

    def __init__(self, step: Step, settings: KindSettings) -> None:
        super().__init__(step, settings)
        self.once = self._settings.do == "deploy"

    async def run(self, context: StepContext) -> Evidence:
        """Look, or deploy.

        Raises:
            CanarioError: it could not be tried.
        """
        match self._settings.do:
            case "deploy":
                return await self._deploy(context)
            case "ready":
                return await self._until(context, self._serving)
            case "idle":
                return await self._until(context, self._idle)

    async def settle(self, context: StepContext, begun: datetime) -> Evidence | None:
        """A deployment that was cut off: the service's revisions tell, whatever the tag points at by now."""
        if not self.once:
            return None
        cloud, environment = await context.tools.cloud(self._settings.environment)
        service = await cloud.run.get_service(environment.service)
        tagged, wanted = service.traffic.revision_for_tag(self._settings.tag), self._image(context)
        earliest = begun - timedelta(seconds=2)
        since = [
            one
            for one in await cloud.run.list_revisions(environment.service, limit=LISTED)
            if one.created is not None and one.created >= earliest
        ]
        since = list(await cloud.run.with_digests(since, [one.name for one in since], again=True))
        ours = [one for one in since if not wanted or self._is_of(one, wanted)]
        found = next((one for one in ours if one.name == tagged), ours[-1] if ours else None)  # else the first made
        if found is not None and (wanted or found.name == tagged):
            return self._made(context, found)
        if service.reconciling:
            return context.evidence(
                Result.UNKNOWN,
                _("{service} is being changed: the new revision may come yet").format(service=service.name),
                remedy=_("Look again once the change is through."),
            )
        return None

    async def drift(self, context: StepContext) -> Mapping[str, str]:
        """A newer image that the service serves by now."""
        if self._settings.do != "ready":
            return {}
        cloud, environment = await context.tools.cloud(self._settings.environment)
        service = await cloud.run.get_service(environment.service)
        name = next((known for known, share in service.effective_shares().items() if share == 100), None)
        if name is None or not service.settled or not service.ready:
            return {}
        revision = await self._revision(cloud, service.name, name)
        if revision.identity == context.subject.image_id or not revision.ready:
            return {}
        if "#" in revision.identity and context.subject.image.partition("@")[0] == revision.image:
            return {}  # its digest cannot be read now, and its tag says no more than before
        return {"image": revision.reference} | ({"commit": revision.commit} if len(revision.commit) == 40 else {})

    def observe(self, seen: Observed) -> Observation | None:
        """Nothing: a revision's state at 0 % is looked at when asked, with its evidence kept."""
        return None

    def explain(self) -> tuple[str, ...]:
        """What is done."""
        settings = self._settings
        return {
            "ready": (_("Reads the service until it serves the released change, ready, at 100 %."),),
            "deploy": (
                _("Makes a revision of {image} with no traffic, under the tag {tag}.").format(
                    image=settings.image or _("the image that staging serves"), tag=settings.tag
                ),
            ),
            "idle": (_("Reads that the new revision is ready and gets 0 %, and who serves."),),
        }[settings.do]

    async def _deploy(self, context: StepContext) -> Evidence:
        image = self._image(context)
        if not image:
            raise UsageError(
                _("The image to be deployed is not known."),
                remedy=_("The staging steps find it; or write image = ... in the step's settings."),
            )
        outcome = await context.tools.actions.deploy(image, tag=self._settings.tag, reason=context.answer.note)
        name = outcome.canary or ""
        cloud, environment = await context.tools.cloud()
        return self._made(context, await self._revision(cloud, environment.service, name))

    def _made(self, context: StepContext, revision: Revision) -> Evidence:
        sentence = _("{revision} made with no traffic, under the tag {tag}").format(
            revision=revision.name, tag=self._settings.tag
        )
        same = image_identity(context.subject.image) == revision.identity  # then its tag is worth keeping
        evidence = context.evidence(
            Result.PASSED,
            sentence,
            figures=((_("revision"), revision.name), (_("image"), short_image(revision.identity))),
            learned={} if same else {"image": revision.reference},
        )
        return replace(evidence, subject=revision.identity) if context.step.bound_to == "image" else evidence

    def _image(self, context: StepContext) -> str:
        """What is deployed: the very image that was tested, by its digest; its tag may have been pushed again since."""
        return self._settings.image or by_digest(context.subject.image)

    @staticmethod
    async def _revision(cloud: Cloud, service: str, name: str) -> Revision:
        """A revision, with the digest of its image where the cloud tells it."""
        revision = await cloud.run.get_revision(service, name)
        return (await cloud.run.with_digests((revision,), (name,), again=True))[0]

    @staticmethod
    def _is_of(revision: Revision, wanted: str) -> bool:
        """Whether a revision is of the image that a deployment asked for."""
        return revision.image == wanted or image_identity(wanted) == revision.identity

    async def _until(self, context: StepContext, look: Look) -> Evidence:
        """Look until it holds, or patience is at an end."""
        cloud, environment = await context.tools.cloud(self._settings.environment)
        begun, problem = context.now(), ""
        while True:
            try:
                service = await cloud.run.get_service(environment.service)
                found = await look(context, cloud, service)
            except UsageError:
                raise
            except CanarioError as error:
                found = str(error)
            if isinstance(found, Evidence):
                return found
            problem = found
            waited = context.now() - begun
            if waited > self._settings.wait:
                return context.evidence(
                    Result.FAILED, problem, problems=(problem,), remedy=_("Run it again once that has changed.")
                )
            context.report(Progress(problem, min(1.0, waited / self._settings.wait)))
            await context.clock.sleep(LOOK_S)

    async def _serving(self, context: StepContext, cloud: Cloud, service: Service) -> Evidence | str:
        """Whether the service serves, at 100 %, the revision of the released change."""
        if not service.settled or not service.ready:
            return _("{service} is being changed").format(service=service.name)
        shares = service.effective_shares()
        name = next((known for known, share in shares.items() if share == 100), None)
        if name is None:
            return _("{service} splits its traffic: {shares}").format(service=service.name, shares=shares_text(shares))
        revision = await self._revision(cloud, service.name, name)
        if not revision.ready:
            return _("{revision} is not ready: {why}").format(revision=name, why=revision.reason)
        commit, told = context.subject.commit, revision.commit
        if commit and told and not commit.startswith(told) and not told.startswith(commit):
            return _("{service} still serves the commit {then}; {now} has not arrived").format(
                service=service.name, then=told[:7], now=commit[:7]
            )
        merged = context.others.get("pr_merged")
        if commit and not told and merged is not None and revision.created and revision.created < merged.at:
            return _("{revision} is older than the merge: the new build has not arrived").format(revision=name)
        image = short_image(revision.identity)
        how = _("commit {commit}").format(commit=told[:7]) if told else _("its revision names no commit")
        sentence = _("{revision} serves 100 %, ready, {image} ({how})").format(revision=name, image=image, how=how)
        learned = {"image": revision.reference}
        return context.evidence(
            Result.PASSED,
            sentence,
            figures=((_("URL"), service.uri), (_("revision"), name), (_("image"), image)),
            learned=learned,
        )

    async def _idle(self, context: StepContext, cloud: Cloud, service: Service) -> Evidence | str:
        """Whether the new revision is ready and gets nothing."""
        name = service.traffic.revision_for_tag(self._settings.tag) or context.subject.canary
        if not name:
            return _("no revision stands under the tag {tag}").format(tag=self._settings.tag)
        revision = await self._revision(cloud, service.name, name)
        if not revision.ready:
            return _("{revision} is not ready yet: {why}").format(revision=name, why=revision.reason or "-")
        shares = service.effective_shares()
        share = shares.get(name, 0)
        if share:
            return _("{revision} already has {share} % of the traffic").format(revision=name, share=share)
        wanted, found = context.subject.image_id, revision.identity
        if wanted and wanted != found:
            return _("{revision} is of the image {found}, not of {wanted}").format(
                revision=name, found=short_image(found), wanted=short_image(wanted)
            )
        serving = shares_text({key: value for key, value in shares.items() if value})
        return context.evidence(
            Result.PASSED,
            _("{revision} is ready at 0 %; serving: {serving}").format(revision=name, serving=serving),
            figures=((name, "0 %"), *((key, f"{value} %") for key, value in shares.items() if value)),
        )

    @property
    def _settings(self) -> CloudRunSettings:
        assert isinstance(self.settings, CloudRunSettings)
        return self.settings
