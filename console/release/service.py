"""A Cloud Run service and its revisions, as plain values in canario's words.

Filled in by `console.cloud` from `google.cloud.run.v2.Service` and `Revision`; this module never sees a proto.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from console.release.images import image_identity
from console.release.split import TrafficSplit


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision of a service."""

    name: str
    """Short name, e.g. `wa-backend-00042-vez`."""
    image: str = ""
    """Container image as deployed: `host/path/name:tag` or `...@sha256:...`."""
    digest: str = ""
    """`sha256:...` that its image's tag pointed at when it was made, where the cloud tells it (`console.cloud.digests`)
    or the image names it itself; or empty."""
    asking: bool = False
    """Whether its image's digest was not asked for yet, or has not been told: its identity may still change."""
    created: datetime | None = None
    """UTC."""
    ready: bool = False
    """Whether it can serve (its own Ready condition, or Ready with reason Retired)."""
    reason: str = ""
    """Why it is not ready, in the cloud's words, cleaned."""
    deleted: bool = False
    """Whether it has been deleted (a delete time is set)."""
    min_instances: int = 0
    """Instances kept warm by its scaling setting, 0 where none."""
    commit: str = ""
    """Commit that it was built from, where its label `commit-sha` tells (google-github-actions/deploy-cloudrun)."""
    template: str = ""
    """Fingerprint of everything else that it runs with, part by part (`console.release.template`), or empty."""

    @property
    def identity(self) -> str:
        """What tells the image that it runs from any other: its digest; else the reference as this revision has it.

        A tag alone is no identity: it may be pushed again. Where no digest is told, the revision is what is known, so
        that the same tag on another revision is another image.
        """
        return image_identity(self.image, self.digest) if self.digest or "@" in self.image else self.alias

    @property
    def alias(self) -> str:
        """Its image as the revision alone tells it, `host/path/name:tag#revision`, told before any digest; or empty."""
        return f"{self.image}#{self.name}" if self.image else ""

    @property
    def reference(self) -> str:
        """Its image as written, with the digest behind it where that is known: `host/path/name:tag@sha256:...`."""
        return f"{self.image}@{self.digest}" if self.image and self.digest and "@" not in self.image else self.image

    @property
    def image_label(self) -> str:
        """What a table shows: `:tag`, or the digest's first 7 digits as `@1234567`."""
        if "@" in self.image:
            return "@" + self.image.rpartition(":")[2][:7]
        name = self.image.rpartition("/")[2]
        if ":" in name:
            return ":" + name.partition(":")[2]
        return "@" + self.digest.rpartition(":")[2][:7] if self.digest else ""


@dataclass(frozen=True, slots=True)
class Service:
    """A service at one moment: desired state, effective state, annotations, etag."""

    name: str
    """Short name, e.g. `wa-backend`."""
    project: str
    region: str
    etag: str
    """Opaque; sent back with a write so that a stale look cannot win."""
    generation: int = 0
    """Rises with each change of desired state."""
    traffic: TrafficSplit = field(default_factory=TrafficSplit)
    """Desired split."""
    effective: TrafficSplit = field(default_factory=TrafficSplit)
    """Split that the cloud reports as serving (`traffic_statuses`), with tag URIs."""
    reconciling: bool = False
    """Whether the cloud is still moving from effective to desired."""
    ready: bool = True
    condition: str = ""
    """Words of the terminal condition where it is not ready, cleaned."""
    annotations: Mapping[str, str] = field(default_factory=dict)
    latest_ready: str | None = None
    """Short name of the latest ready revision."""
    latest_created: str | None = None
    uri: str = ""
    session_affinity: bool = False
    """Whether cookies pin users to a revision, which beats the split."""
    template_fingerprint: str = ""
    """Hash of the revision template, to see whether somebody deployed since we looked."""
    last_modifier: str = ""
    """E-mail of whoever changed it last."""
    updated: datetime | None = None
    """When that was; UTC."""

    def desired_shares(self) -> dict[str, int]:
        """Desired percent by revision, LATEST resolved."""
        return self.traffic.shares(self.latest_ready)

    def effective_shares(self) -> dict[str, int]:
        """Effective percent by revision, LATEST resolved."""
        return self.effective.shares(self.latest_ready)

    @property
    def settled(self) -> bool:
        """Whether what is desired is what serves, and the cloud has stopped moving."""
        return not self.reconciling and self.desired_shares() == self.effective_shares()
