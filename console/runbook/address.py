"""Where a service, a tag or the new revision is called: its URL as the cloud tells it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from console.errors import UsageError
from console.release.service import Service
from console.runbook.kinds.base import StepContext
from console.words import _

Target = Literal["service", "tag", "revision"]


@dataclass(frozen=True, slots=True)
class Address:
    """An address, and what is known of what answers there."""

    url: str
    audience: str
    """The service's own URL: what an identity token is for."""
    environment: str
    service: str
    revision: str = ""
    """The revision that answers, where one alone does."""
    percent: int | None = None
    """Share of the traffic that the revision has."""


def address_of(service: Service, environment: str, target: Target, *, tag: str, revision: str) -> Address:
    """The address of a target.

    Args:
        service: as the cloud tells it.
        environment: its name.
        target: `service`; `tag`; `revision`: the new revision, by whichever tag points at it.
        tag: for `tag`, and for `revision` where the release knows no revision yet.
        revision: the new one, or empty.

    Raises:
        UsageError: it has none; says how to give it one.
    """
    if target == "service":
        if not service.uri:
            raise UsageError(
                _("{service} has no URL.").format(service=service.name),
                remedy=_("See that its default URL is on and its ingress lets you in."),
            )
        return Address(service.uri, service.uri, environment, service.name)
    tags = [(t.tag, t.revision or service.latest_ready or "", t.uri) for t in service.effective.targets if t.tag]
    if target == "revision" and revision:
        found = next(((name, uri) for _tag, name, uri in tags if name == revision and uri), None)
        missing = _("No tag points at {revision}, so it has no address of its own.").format(revision=revision)
    else:
        found = next(((name, uri) for told, name, uri in tags if told == tag and uri), None)
        missing = _("{service} has no tag {tag}.").format(service=service.name, tag=tag)
    if found is None:
        raise UsageError(
            missing, remedy=_("Deploy the new revision under the tag {tag}, without traffic.").format(tag=tag)
        )
    name, uri = found
    return Address(uri, service.uri, environment, service.name, name, service.effective_shares().get(name, 0))


async def find(context: StepContext, environment: str, target: Target, tag: str) -> Address:
    """The address of a target in an environment (empty: the release's own), asked of the cloud.

    Raises:
        CanarioError: no such environment or service, or it cannot be reached; or it has no such address.
    """
    cloud, here = await context.tools.cloud(environment)
    service = await cloud.run.get_service(here.service)
    return address_of(service, here.name or environment, target, tag=tag, revision=context.subject.canary)
