"""Who approved is told by the Cloud Audit Log: forged approvals, new images, one person twice."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.cloud.run_v2.services.services import ServicesClient
from google.cloud.run_v2.services.services.transports import ServicesGrpcTransport

from console.release.state import ANNOTATION
from console.simulator.process import SimulatorProcess

NAME = "projects/demo/locations/us-central1/services/wa-backend"
MALLORY = "mallory@example.com"

Simulator = Callable[..., SimulatorProcess]
Canario = Callable[..., "subprocess.CompletedProcess[str]"]


def rewrite(endpoint: str, who: str, change: Callable[[dict[str, Any]], None]) -> None:
    """Edit the release annotation with Google's own client, as `who`: no code of ours."""
    metadata = [("authorization", f"Bearer sim-{who}")]
    with grpc.insecure_channel(endpoint) as channel:
        client = ServicesClient(transport=ServicesGrpcTransport(channel=channel))
        service = client.get_service(name=NAME, metadata=metadata)
        document = json.loads(service.annotations[ANNOTATION])
        change(document["candidate"])
        annotations = {**service.annotations, ANNOTATION: json.dumps(document)}
        client.update_service(
            {
                "service": {"name": NAME, "etag": service.etag, "annotations": annotations},
                "update_mask": {"paths": ["annotations"]},
            },
            metadata=metadata,
        ).result()


@pytest.fixture
def on(simulator: Simulator, canario: Canario) -> Callable[..., subprocess.CompletedProcess[str]]:
    cloud = simulator(scenario="healthy")

    def run(*command: str, who: str = "maria@example.com") -> subprocess.CompletedProcess[str]:
        return canario(*command, "--env", "production", "--endpoint", cloud.grpc, "--as", who)

    run.endpoint = cloud.grpc  # type: ignore[attr-defined]
    run.process = cloud  # type: ignore[attr-defined]
    return run


def test_an_approval_forged_in_anothers_name_blocks_the_promotion_and_names_the_forger(on: Any) -> None:
    def forge(candidate: dict[str, Any]) -> None:
        lead = next(given for given in candidate["approvals"] if given["role"] == "tech_lead")
        lead["id"] = "0" * 16

    rewrite(on.endpoint, MALLORY, forge)
    done = on("shift", "10")
    assert done.returncode == 3
    assert "FORGED (tech lead)" in done.stderr
    assert f"{MALLORY} wrote it in the name of carlos.lopez@example.com" in done.stderr
    overridden = on("shift", "10", "--reason", "we really need it out today")
    assert overridden.returncode == 3
    assert "No reason overrides this" in overridden.stderr
    status = on("status")
    assert f"carlos.lopez@example.com (tech lead) FORGED: {MALLORY} wrote it" in status.stdout
    (told,) = [one for one in json.loads(on("status", "--json").stdout)["approvals"] if one["state"] == "forged"]
    assert (told["role"], told["by"], told["forger"]) == ("tech_lead", "carlos.lopez@example.com", MALLORY)


def test_whoever_signs_the_forged_role_anew_puts_their_own_in_its_place(on: Any) -> None:
    def plant(candidate: dict[str, Any]) -> None:
        lead = next(given for given in candidate["approvals"] if given["role"] == "tech_lead")
        candidate["approvals"].append({**lead, "id": "0" * 16})

    rewrite(on.endpoint, MALLORY, plant)
    assert on("shift", "10").returncode == 3, "a forged one blocks beside two honest ones"
    anew = on("approve", "--role", "tech-lead", who="carlos.lopez@example.com")
    assert anew.returncode == 0, anew.stderr
    assert f"FORGED (tech lead): {MALLORY} wrote it" in anew.stderr
    status = on("status").stdout
    assert "FORGED" not in status
    assert "carlos.lopez@example.com (tech lead) verified" in status
    assert on("shift", "10").returncode == 0


def test_honest_approvals_that_a_stranger_carries_along_still_count(on: Any) -> None:
    rewrite(on.endpoint, MALLORY, lambda candidate: candidate.update(commit="abc123"))
    done = on("shift", "10")
    assert done.returncode == 0, done.stderr


def test_a_new_image_voids_both_approvals_and_the_smoke_tests_and_says_why(on: Any) -> None:
    assert on("deploy", "us-central1-docker.pkg.dev/demo/wa-app/wa-backend:def456e", "--tag", "canary").returncode == 0
    done = on("shift", "10")
    assert done.returncode == 3
    for person in ("juan.perez@example.com", "carlos.lopez@example.com"):
        told = (
            rf"{person}'s is void; it was given for the image (@[0-9a-f]{{12}}), and the image is now (@[0-9a-f]{{12}})"
        )
        found = re.search(told, " ".join(done.stderr.split()))
        assert found is not None, done.stderr
        assert found[1] != found[2]
    assert "prod_healthz is stale" in done.stderr


def test_the_same_tag_pushed_again_and_deployed_voids_both_approvals_and_the_smoke_tests(on: Any) -> None:
    image = "us-central1-docker.pkg.dev/demo/wa-app/wa-backend:abc123d"
    assert on("deploy", image, "--tag", "canary").returncode == 0
    same = on("shift", "10")
    assert same.returncode == 0, same.stderr
    assert on("rollback").returncode == 0
    on.process.post("/push", {"image": image})
    assert on("deploy", image, "--tag", "canary").returncode == 0
    done = on("shift", "10")
    assert done.returncode == 3
    told = " ".join(done.stderr.split())
    assert "void; it was given for the image @" in told
    assert "prod_healthz is stale: it was of @" in told


def test_a_smoke_test_forged_in_anothers_name_blocks_the_promotion_and_names_the_forger(on: Any) -> None:
    def forge(candidate: dict[str, Any]) -> None:
        record = next(step for step in candidate["steps"] if step["step"] == "prod_healthz")
        record["key"] = "f" * 16

    rewrite(on.endpoint, MALLORY, forge)
    done = on("shift", "10")
    assert done.returncode == 3
    told = " ".join(done.stderr.split())
    assert f"prod_healthz is FORGED: {MALLORY} wrote it in the name of carlos.lopez@example.com" in told


def test_with_nothing_on_record_nobody_has_approved(simulator: Simulator, canario: Canario, tmp_path: Path) -> None:
    cloud = simulator(scenario="healthy", bare=True)
    done = canario("shift", "10", "--env", "production", "--endpoint", cloud.grpc)
    assert done.returncode == 3
    assert "code: nobody has approved" in done.stderr
    assert "tech lead: nobody has approved" in done.stderr
    assert "prod_healthz has not run" in done.stderr
    none = canario("approve", "--role", "code", "--env", "production", "--endpoint", cloud.grpc)
    assert none.returncode == 2
    assert "No release candidate is open" in none.stderr


def test_two_people_approve_a_new_image_each_under_their_own_name(on: Any) -> None:
    image = "us-central1-docker.pkg.dev/demo/wa-app/wa-backend:def456e"
    assert on("deploy", image, "--tag", "canary").returncode == 0
    rewrite(on.endpoint, "maria@example.com", lambda candidate: candidate.update(image=image))
    first = on("approve", "--role", "tech-lead", who="maria@example.com")
    assert first.returncode == 0, first.stderr
    assert "The Cloud Audit Log confirms it" in first.stdout
    twice = on("approve", "--role", "code", who="maria@example.com")
    assert twice.returncode == 3
    assert "two different people" in twice.stderr
    second = on("approve", "--role", "code", who="juan@example.com")
    assert second.returncode == 0, second.stderr
    blocked = on("shift", "10")
    assert "approvals" not in blocked.stderr
    assert blocked.returncode == 3, "the smoke tests of this image have not run"
    moved = on("shift", "10", "--reason", "smoke tests were run by hand")
    assert moved.returncode == 0, moved.stderr


STAGING_OF_TWO = """
id = "despliegue"
title = { en = "Short", es = "Corto" }

[[phases]]
id = "staging"
title = { en = "Staging", es = "Staging" }

[[phases.steps]]
id = "staging_ready"
title = { en = "Deployed to staging", es = "Desplegado en staging" }
help = { en = "Which image is released.", es = "Qué imagen sale." }
kind = "cloud_run"
settings = { do = "ready", environment = "staging" }
bound_to = "image"

[[phases.steps]]
id = "uat"
title = { en = "Tried by hand", es = "Probado a mano" }
help = { en = "A word.", es = "Una palabra." }
kind = "confirm"
bound_to = "image"

[[phases]]
id = "approval"
title = { en = "Approval", es = "Autorización" }
needs = ["staging"]

[[phases.steps]]
id = "approve_code"
title = { en = "Approval: code", es = "Autorización: código" }
help = { en = "One of two.", es = "Una de dos." }
kind = "approval"
settings = { role = "code" }
signers = ["code"]
bound_to = "image"
"""


def test_nobody_approves_a_release_that_staging_has_not_passed_yet(
    simulator: Simulator, canario: Canario, tmp_path: Path
) -> None:
    cloud = simulator(scenario="healthy", bare=True)
    book = tmp_path / "runbook.toml"
    book.write_text(STAGING_OF_TWO, encoding="utf-8")
    there = ("--env", "production", "--endpoint", cloud.grpc, "--runbook", str(book))
    walk = ("runbook", "run", "--headless", *there, "--yes-as", "maria@example.com")
    assert canario(*walk, "--until", "staging_ready").returncode == 0
    early = canario("approve", "--role", "code", *there, "--as", "juan@example.com")
    assert early.returncode == 3
    told = " ".join(early.stderr.split())
    assert "Tried by hand (uat) is open" in told
    assert "Deployed to staging" not in told, "only what is missing is named"
    assert "Nothing was signed" in told
    here = ("--env", "production", "--endpoint", cloud.grpc)
    assert json.loads(canario("status", "--json", *here).stdout)["approvals"] == []
    assert canario(*walk, "--until", "uat").returncode == 0
    given = canario("approve", "--role", "code", *there, "--as", "juan@example.com")
    assert given.returncode == 0, given.stderr


def test_staging_needs_no_approval(simulator: Simulator, canario: Canario) -> None:
    cloud = simulator(scenario="healthy", bare=True)
    done = canario("shift", "10", "--env", "staging", "--endpoint", cloud.grpc)
    assert "approv" not in done.stderr


def test_a_role_that_does_not_exist_is_a_sentence(on: Any) -> None:
    done = on("approve", "--role", "king")
    assert done.returncode == 2
    assert "code, tech-lead" in done.stderr
