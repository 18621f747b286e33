"""The image registry that the simulated cloud pulls from: what each tag points at now, and pushing it anew.

A revision runs the image that its tag pointed at when it was made: "the tag is resolved to a digest when the service
is deployed, and the revision always serves that digest" (https://cloud.google.com/run/docs/deploying#images). Cloud
Run's v2 API does not tell that digest: `Revision.containers[].image` stays as it was written, and no field of
`google.cloud.run.v2.Revision` holds another. The v1 API does, as `status.imageDigest`
(https://cloud.google.com/run/docs/reference/rest/v1/RevisionStatus: "regardless of whether a tag or digest was
originally specified"); `console.simulator.knative` serves it.
"""

from __future__ import annotations

import hashlib


class Registry:
    """Which digest each tag points at. Images are made up: a digest is a hash of the reference and of the push."""

    def __init__(self) -> None:
        self.pushes: dict[str, int] = {}
        """How often each reference was pushed again."""

    def push(self, image: str) -> str:
        """Push another image under the same tag; its digest."""
        self.pushes[image] = self.pushes.get(image, 0) + 1
        return self.digest(image)

    def digest(self, image: str) -> str:
        """What `image` points at now: `sha256:` and 64 hexadecimal digits."""
        if "@" in image:
            return image.rpartition("@")[2]
        again = self.pushes.get(image, 0)
        return "sha256:" + hashlib.sha256(f"{image}#{again}".encode() if again else image.encode()).hexdigest()


def repository(image: str) -> str:
    """A reference without its tag and digest."""
    path = image.partition("@")[0]
    host, slash, last = path.rpartition("/")
    return host + slash + last.partition(":")[0]


def pinned(image: str, digest: str) -> str:
    """The reference that means this digest and no other."""
    return f"{repository(image)}@{digest}"
