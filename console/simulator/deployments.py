"""What the team's GitHub Actions do in the simulated cloud: new revisions, made as their own service account.

Each is an UpdateService call by `github-actions@demo.example` through the API's own door, so that it leaves its audit
entry. Images are named by digest, made from the commit, so that the same commit is always the same image. As
google-github-actions/deploy-cloudrun does (https://github.com/google-github-actions/deploy-cloudrun#inputs, `labels`),
revisions get the labels `managed-by` and `commit-sha`.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping

from google.cloud import run_v2

from console.simulator import revisions, rules
from console.simulator.callers import Caller, caller
from console.simulator.records import ServiceRecord, traffic_of
from console.simulator.run_service import RunService
from console.simulator.status import Code, StatusError
from console.simulator.store import Store

ROBOT = "github-actions@demo.example"
"""The service account of the workflows."""
TAG = "canary"
"""The traffic tag that the manual workflow gives a new production revision."""
VERSION_LENGTH = 7
"""Characters of a commit's id that are a build's version."""


def image_of(project: str, sha: str) -> str:
    """The image that CI builds of a commit, by digest."""
    repository = f"us-central1-docker.pkg.dev/{project}/wa-app/wa-backend"
    return f"{repository}@sha256:{hashlib.sha256(f'{repository}:{sha}'.encode()).hexdigest()}"


def mixed(shares: Mapping[str, int], name: str, percent: int) -> dict[str, int]:
    """`shares` (totalling 100) with `percent` for `name`, the others scaled to the rest, their order kept.

    Source: `gcloud run services update-traffic --to-revisions NAME=PERCENT`: "the remaining traffic is assigned to the
    other revisions in proportion".
    """
    others = {key: value for key, value in shares.items() if key != name and value}
    rest, total = 100 - percent, sum(others.values())
    split = {name: percent} if percent else {}
    for number, (key, value) in enumerate(others.items(), start=1):
        given = rest if number == len(others) else round((100 - percent) * value / total)
        rest -= given
        if given:
            split[key] = given
    return split


class Deployments:
    """Deploys what CI has built.

    Args:
        store: the services.
        run: the API, through which each change goes.
    """

    def __init__(self, store: Store, run: RunService) -> None:
        self._store = store
        self._run = run

    def image(self, sha: str) -> str:
        """The image of a commit, known as built from now on."""
        name = image_of(self._store.project, sha)
        self._store.built[name] = sha[:VERSION_LENGTH]
        return name

    def newest(self, service: str) -> tuple[str, str]:
        """(image, commit or empty) of the newest ready revision of a service.

        Raises:
            StatusError: there is none.
        """
        record = self._find(service)
        found = record.revisions.get(record.latest_ready)
        if found is None:
            raise StatusError(Code.NOT_FOUND, f"{service} has no ready revision")
        return found.image, str(found.template.labels.get("commit-sha", ""))

    async def deploy(self, service: str, image: str, percent: int, *, sha: str = "", tag: str = "") -> str:
        """Make a revision of `image` with `percent` of the traffic, and wait until it serves; its name.

        Args:
            service: short name.
            image: what it runs.
            percent: 0 to 100; the others share the rest as they did.
            sha: the commit it was built from, for its label; empty where unknown.
            tag: a traffic tag, taken from whoever has it.

        Raises:
            StatusError: the cloud refuses, or the revision does not become ready.
        """
        record = self._find(service)
        template = run_v2.RevisionTemplate(record.desired.template)
        number = record.last_number + 1
        taken = record.revisions.keys() | record.deleted.keys()
        name = revisions.next_name(service, number, random.Random(f"{self._store.seed}/ci/{service}/{number}"), taken)
        template.revision = name
        template.containers[0].image = image
        template.labels["managed-by"] = "github-actions"
        template.labels["commit-sha"] = sha
        shares = rules.shares(record.desired.traffic, record.latest_ready)
        targets = [(key, value, "") for key, value in mixed(shares, name, percent).items()]
        targets += [(t.revision, 0, t.tag) for t in record.desired.traffic if t.tag and t.tag != tag]
        if tag:
            targets.append((name, 0, tag))
        request = run_v2.UpdateServiceRequest(
            service=run_v2.Service(name=record.desired.name, template=template, traffic=traffic_of(targets)),
            update_mask={"paths": ["template", "traffic"]},
        )
        token = caller.set(Caller(ROBOT, agent="google-github-actions:deploy-cloudrun/2.7.3"))
        try:
            operation = self._run.change_service(request)
        finally:
            caller.reset(token)
        done = await self._store.operations.wait(operation.name, None)
        if done.error is not None:
            raise StatusError(Code(done.error.code), done.error.message)
        return name

    def _find(self, service: str) -> ServiceRecord:
        record = self._store.services.get(service)
        if record is None:
            raise StatusError(Code.NOT_FOUND, f"there is no service {service}")
        return record
