"""Odd clouds: a service without revisions, one with hundreds, a reader that never leaves, a disk that fills up."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
import grpc
import grpc.aio
import pytest
from google.cloud import run_v2
from google.cloud.logging_v2.types import TailLogEntriesRequest, TailLogEntriesResponse

from tests.simulator.conftest import CANARY, PARENT, STABLE, TEN_PERCENT, Cloud, MakeCloud

ODD = """
title = "Odd services."
outcome = "held"

[services.wa-empty]
revisions = {}

[services.wa-many]
[services.wa-many.revisions]
"""


@pytest.fixture
def odd(tmp_path: Path) -> str:
    """A scenario file with a service of no revisions and one of 300."""
    rows = [
        f'wa-many-{number:05d}-abc = {{ image = "host/image:v{number}", age_hours = {400 - number}'
        + (", percent = 100 }" if number == 7 else " }")
        for number in range(1, 301)
    ]
    file = tmp_path / "odd.toml"
    file.write_text(ODD + "\n".join(rows))
    return str(file)


async def test_a_service_without_revisions_is_told_and_cannot_serve(make_cloud: MakeCloud, odd: str) -> None:
    cloud = await make_cloud(scenario=odd)
    name = f"{PARENT}/services/wa-empty"
    empty = await cloud.get(name)
    assert not empty.traffic_statuses
    assert empty.latest_ready_revision == ""
    assert [r async for r in await cloud.revisions.list_revisions(parent=name)] == []
    with pytest.raises(grpc.aio.AioRpcError, match="does not exist or is deleted"):
        await cloud.update(
            run_v2.Service(name=name, traffic=[{"type_": 2, "revision": "wa-empty-00001-nix", "percent": 100}],
                           template={"containers": [{"image": "host/image:x"}]}),
            "traffic", "template",
        )  # fmt: skip


async def test_hundreds_of_revisions_are_paged_and_only_the_newest_have_ports_unasked(
    make_cloud: MakeCloud, odd: str
) -> None:
    cloud = await make_cloud(scenario=odd)
    name = f"{PARENT}/services/wa-many"
    found = [r.name async for r in await cloud.revisions.list_revisions(parent=name)]
    assert len(found) == 300
    assert found[0].endswith("wa-many-00300-abc")
    ports = [revision for revision in cloud.info["revisions"] if revision.startswith("wa-many-")]
    assert len(ports) == 101
    assert "wa-many-00007-abc" in ports
    async with aiohttp.ClientSession() as session:
        asked = {"service": "wa-many", "revision": "wa-many-00009-abc"}
        async with session.post(cloud.info["control"] + "/open", json=asked) as answer:
            url = (await answer.json())["url"]
        async with session.get(url + "/healthz") as answer:
            assert (await answer.json())["revision"] == "wa-many-00009-abc"
        async with session.post(cloud.info["control"] + "/open", json={"service": "x", "revision": "y"}) as answer:
            assert answer.status == 400


def test_a_signal_ends_it_quietly_while_a_tail_is_open() -> None:
    command = [sys.executable, "-m", "console.simulator"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        info = json.loads(process.stdout.readline())
        channel = grpc.insecure_channel(info["grpc"])
        raw = TailLogEntriesRequest.pb()
        stub = channel.stream_stream(
            "/google.logging.v2.LoggingServiceV2/TailLogEntries",
            request_serializer=raw.SerializeToString,
            response_deserializer=TailLogEntriesResponse.pb().FromString,
        )
        stream = stub(iter([raw(resource_names=["projects/demo"], filter="")]))
        stream.initial_metadata()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        with pytest.raises(grpc.RpcError, match="UNAVAILABLE"):
            list(stream)
        channel.close()
        assert process.stderr.read() == b""


def catches(pid: int, number: signal.Signals) -> bool:
    """Whether the process has a handler of its own for the signal (Linux's /proc)."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


def test_a_reader_that_leaves_after_the_ready_line_does_not_end_it() -> None:
    command = [sys.executable, "-m", "console.simulator"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        deadline = time.monotonic() + 60
        while process.poll() is None and not catches(process.pid, signal.SIGTERM):  # it is still being imported
            assert time.monotonic() < deadline
            time.sleep(0.05)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(3)
        process.terminate()
        assert process.wait(10) == 0
        assert process.stderr.read() == b""


async def test_a_full_disk_costs_the_kept_state_and_nothing_else(
    make_cloud: MakeCloud, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud: Cloud = await make_cloud(state=tmp_path)

    def full(*_more: object) -> None:
        raise OSError(28, "No space left on device")

    assert cloud.simulator.state is not None
    monkeypatch.setattr(type(cloud.simulator.state), "save", full)
    after = await cloud.settled(await cloud.move(*TEN_PERCENT))
    assert {t.revision: t.percent for t in after.traffic_statuses if t.percent} == {STABLE: 90, CANARY: 10}
    assert "No space left" in caplog.text
    monkeypatch.undo()


async def test_a_bug_that_stops_time_ends_the_simulator_loudly(
    make_cloud: MakeCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud = await make_cloud()

    def broken(at: float) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(cloud.simulator.store, "advance", broken)
    await cloud.move(*TEN_PERCENT)
    await cloud.simulator.failed.wait()
    assert isinstance(cloud.simulator.failure, RuntimeError)
