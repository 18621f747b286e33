"""The simulator as a process: its ready line, its end, its kept state."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.cloud import run_v2
from google.cloud.logging_v2.services.logging_service_v2 import LoggingServiceV2Client
from google.cloud.logging_v2.services.logging_service_v2.transports import LoggingServiceV2GrpcTransport
from google.cloud.run_v2.services.services.transports import ServicesGrpcTransport

from console.simulator.process import SimulatorError, SimulatorProcess
from tests.conftest import WEDNESDAY
from tests.simulator.conftest import CANARY, SERVICE, STABLE, TEN_PERCENT, targets

Start = Callable[..., SimulatorProcess]


@pytest.fixture
def simulator() -> Iterator[Start]:
    """Starts simulators as the demo does; other tests fork theirs (tests/forked.py)."""
    with contextlib.ExitStack() as running:
        yield lambda **options: running.enter_context(
            SimulatorProcess.start(**({"now": WEDNESDAY, "seed": 7} | options))
        )


@pytest.fixture
def connect() -> Iterator[Callable[[SimulatorProcess], grpc.Channel]]:
    """Opens channels that close with the test."""
    opened: list[grpc.Channel] = []

    def channel(process: SimulatorProcess) -> grpc.Channel:
        opened.append(grpc.insecure_channel(process.grpc))
        return opened[-1]

    yield channel
    for one in opened:
        one.close()


def services(channel: grpc.Channel) -> run_v2.ServicesClient:
    return run_v2.ServicesClient(transport=ServicesGrpcTransport(channel=channel))


def test_the_ready_line_names_every_address_and_they_answer(simulator: Start) -> None:
    process = simulator(scenario="bad-canary")
    assert list(process.info) == ["grpc", "project", "region", "services", "revisions", "control", "github", "slack"]
    assert (process.info["project"], process.info["region"]) == ("demo", "us-central1")
    assert list(process.services) == ["wa-backend", "wa-backend-staging"]
    assert {STABLE, CANARY} <= set(process.revisions)
    for url in (*process.services.values(), *process.revisions.values()):
        assert url.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(url + "/healthz", timeout=5) as answer:
            assert answer.status == 200


def test_it_listens_on_loopback_only(simulator: Start) -> None:
    process = simulator()
    inodes = {
        os.readlink(link).partition("[")[2].rstrip("]")
        for link in Path(f"/proc/{process.process.pid}/fd").iterdir()
        if os.readlink(link).startswith("socket:")
    }
    listening = [
        line.split()[1].partition(":")[0]
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/{process.process.pid}/net/{table}").read_text().splitlines()[1:]
        if line.split()[3] == "0A" and line.split()[9] in inodes
    ]
    assert len(listening) >= 12
    assert set(listening) <= {"0100007F", "0000000000000000FFFF00000100007F"}  # 127.0.0.1, and the same as IPv6


def test_its_parent_imports_no_google_code() -> None:
    code = (
        "import sys; from console.simulator.process import SimulatorProcess\n"
        "with SimulatorProcess.start() as p: pass\n"
        "print([m for m in sys.modules if m.partition('.')[0] in ('google', 'grpc', 'textual', 'aiohttp')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_quietly(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "console.simulator"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        json.loads(process.stdout.readline())
        process.send_signal(number)
        assert process.wait(10) == 0
        assert process.stdout.read() == b""
        assert process.stderr.read() == b""


def test_it_ends_when_its_parent_is_killed() -> None:
    code = (
        "import time; from console.simulator.process import SimulatorProcess\n"
        "p = SimulatorProcess.start(); print(p.process.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return
        if "State:\tZ" in Path(f"/proc/{child}/status").read_text():
            return
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    pytest.fail("the simulator outlived its parent")


def test_what_cannot_be_started_says_why(tmp_path: Path) -> None:
    with pytest.raises(SimulatorError, match=r"exit code 2.*There is no scenario nix.*healthy"):
        SimulatorProcess.start(scenario="nix")
    with pytest.raises(SimulatorError, match=r"is not a number from 0\.001"):
        SimulatorProcess.start(speed=0)
    (tmp_path / "file").write_text("")
    with pytest.raises(SimulatorError, match="state directory"):
        SimulatorProcess.start(state=tmp_path / "file")


def test_a_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "console.simulator", "--port", port],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert f"port {port} is taken" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_crash_is_seen_at_once_and_control_says_so(simulator: Start) -> None:
    process = simulator()
    process.set_speed(3)
    assert process.state()["speed"] == 3
    process.kill()
    assert not process.running
    with pytest.raises(SimulatorError, match="does not answer"):
        process.set_speed(4)


def test_a_killed_simulator_goes_on_from_its_kept_state(
    simulator: Start, connect: Callable[[SimulatorProcess], grpc.Channel], tmp_path: Path
) -> None:
    first = simulator(scenario="bad-canary", state=tmp_path / "state", speed=50, bare=True)
    client = services(connect(first))
    change = run_v2.Service(name=SERVICE, traffic=targets(*TEN_PERCENT), annotations={"canario.dev/release": "{}"})
    client.update_service(service=change, update_mask={"paths": ["traffic", "annotations"]}).result()
    first.fault(reconcile_s=3600)
    change.traffic = targets((STABLE, 50, ""), (CANARY, 50, ""))
    unfinished = client.update_service(service=change, update_mask={"paths": ["traffic"]}).operation.name
    stopped_at = first.state()["now"]
    before = client.get_service(name=SERVICE)
    audits = _audits(connect(first))
    assert len(audits) == 2
    first.kill()

    second = simulator(state=tmp_path / "state", speed=50, now=None, seed=None)
    assert str(second.state()["now"]) >= str(stopped_at)[:19]
    channel = connect(second)
    after = services(channel).get_service(name=SERVICE)
    assert (after.etag, after.generation, after.reconciling) == (before.etag, before.generation, True)
    assert dict(after.annotations) == {"canario.dev/release": "{}"}
    assert {t.revision: t.percent for t in after.traffic_statuses if t.percent} == {STABLE: 90, CANARY: 10}
    assert _audits(channel) == audits
    second.set_speed(100_000)
    from google.longrunning import operations_pb2

    raw = services(channel).wait_operation(operations_pb2.WaitOperationRequest(name=unfinished))
    done = raw if isinstance(raw, operations_pb2.Operation) else operations_pb2.Operation.FromString(raw)
    assert done.done
    settled = services(channel).get_service(name=SERVICE)
    assert {t.revision: t.percent for t in settled.traffic_statuses if t.percent} == {STABLE: 50, CANARY: 50}


def _audits(channel: grpc.Channel) -> list[str]:
    client = LoggingServiceV2Client(transport=LoggingServiceV2GrpcTransport(channel=channel))
    wanted = 'logName="projects/demo/logs/cloudaudit.googleapis.com%2Factivity"'
    request: dict[str, Any] = {"resource_names": ["projects/demo"], "filter": wanted}
    return [entry.insert_id for entry in client.list_log_entries(request=request)]


def test_state_of_another_scenario_or_a_later_time_or_torn_is_refused(simulator: Start, tmp_path: Path) -> None:
    first = simulator(scenario="bad-canary", state=tmp_path)
    with pytest.raises(SimulatorError, match="another simulator's, which is running"):
        SimulatorProcess.start(state=tmp_path)
    first.stop()
    with pytest.raises(SimulatorError, match="of the scenario bad-canary, not healthy"):
        SimulatorProcess.start(scenario="healthy", state=tmp_path)
    with pytest.raises(SimulatorError, match="cannot go back"):
        SimulatorProcess.start(state=tmp_path, now="2020-01-01T00:00:00Z")
    with (tmp_path / "entries").open("ab") as entries:
        entries.write(b"half an ent")
    SimulatorProcess.start(state=tmp_path).stop()
    (tmp_path / "state.json").write_text("{")
    with pytest.raises(SimulatorError, match="cannot be read"):
        SimulatorProcess.start(state=tmp_path)
