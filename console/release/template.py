"""What a revision runs with besides its image: variables, secrets, sidecars and the rest, told apart by hashes. Pure.

An approval is for an image as it will run: the same image with another database's address is another release. The
parts are hashed one by one, so that a change can be named; no value stands in the fingerprint.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from console.words import _

PARTS = (
    "env",
    "secrets",
    "sidecars",
    "command",
    "resources",
    "probes",
    "volumes",
    "network",
    "scaling",
    "account",
    "platform",
)
"""Parts in the order in which they are told."""

DIGITS = 10
"""Hexadecimal digits of each part's hash."""


def fingerprint(parts: Mapping[str, object]) -> str:
    """`part=hash` for each part, separated by commas.

    Args:
        parts: plain values (what JSON can hold) by name; unknown names are left out.
    """
    return ",".join(f"{name}={_hash(parts[name])}" for name in PARTS if name in parts)


def changed_parts(before: str, now: str) -> tuple[str, ...]:
    """Names of the parts that differ between two fingerprints; only parts that both know are compared."""
    then, present = _read(before), _read(now)
    known = [name for name in PARTS if name in then and name in present]
    return tuple(name for name in known if then[name] != present[name])


def part_title(part: str) -> str:
    """A part in words."""
    return {
        "env": _("the environment variables"),
        "secrets": _("the secret references"),
        "sidecars": _("the sidecar containers"),
        "command": _("the command line"),
        "resources": _("CPU and memory"),
        "probes": _("ports and probes"),
        "volumes": _("the volumes"),
        "network": _("the network"),
        "scaling": _("scaling, concurrency or timeout"),
        "account": _("the service account"),
        "platform": _("the execution environment"),
    }.get(part, part)


def of_revision(pb: Any) -> str:
    """What a revision runs with besides its image; names, labels and annotations differ by nature and are left out.

    Args:
        pb: a raw `google.cloud.run.v2.Revision`, read here by its fields alone: the simulator writes what the console
            compares.
    """
    main = ingress_container(pb.containers) if pb.containers else None
    containers = [main] if main is not None else []
    variables = [one for container in containers for one in container.env]
    secret_volumes = [volume for volume in pb.volumes if volume.HasField("secret")]
    return fingerprint(
        {
            "env": sorted((one.name, one.value) for one in variables if not one.HasField("value_source")),
            "secrets": sorted(_raw(one) for one in (*variables, *secret_volumes) if _is_secret(one)),
            "sidecars": sorted(_raw(one) for one in pb.containers if one != main),
            "command": [(list(one.command), list(one.args), one.working_dir) for one in containers],
            "resources": [_raw(one.resources) for one in containers],
            "probes": [
                [_raw(part) for part in (*one.ports, one.liveness_probe, one.startup_probe, one.readiness_probe)]
                for one in containers
            ],
            "volumes": [
                sorted(_raw(volume) for volume in pb.volumes if not volume.HasField("secret")),
                sorted(_raw(mount) for one in containers for mount in one.volume_mounts),
            ],
            "network": [_raw(pb.vpc_access), _raw(pb.service_mesh), pb.session_affinity],
            "scaling": [_raw(pb.scaling), pb.max_instance_request_concurrency, _raw(pb.timeout)],
            "account": pb.service_account,
            "platform": [pb.execution_environment, pb.encryption_key, _raw(pb.node_selector)]
            + [one.base_image_uri for one in containers],
        }
    )


def _is_secret(pb: Any) -> bool:
    return bool(pb.HasField("value_source") if pb.DESCRIPTOR.name == "EnvVar" else pb.HasField("secret"))


def _raw(pb: Any) -> str:
    raw: bytes = pb.SerializeToString(deterministic=True)
    return raw.hex()


def ingress_container(containers: Any) -> Any:
    """The container that takes requests: the one with a port, else the first (a sidecar has none)."""
    return next((container for container in containers if container.ports), containers[0])


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value, separators=(",", ":"), sort_keys=True).encode()).hexdigest()[:DIGITS]


def _read(told: str) -> dict[str, str]:
    pairs = (one.partition("=") for one in told.split(",") if "=" in one)
    return {name: value for name, _sign, value in pairs}


__all__ = ["DIGITS", "PARTS", "changed_parts", "fingerprint", "ingress_container", "of_revision", "part_title"]
