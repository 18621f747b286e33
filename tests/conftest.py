"""What every test starts from: a home of its own, no settings, no network, and simulators that end with the test."""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

if TYPE_CHECKING:
    from console.simulator.process import SimulatorProcess

CI = os.environ.get("CI") == "true"

# how long a busy machine takes to make or to run an example is no property of what is tested
hypothesis.settings.register_profile(
    "ours", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], parent=hypothesis.settings()
)
hypothesis.settings.load_profile("ours")

WEDNESDAY = "2026-11-25T12:00:00Z"
"""Inside the runbook's window."""

FRIDAY = "2026-11-27T12:00:00Z"
"""Outside it."""


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home, settings and state of the test's own, and none of the operator's variables."""
    home = tmp_path / "home"
    home.mkdir()
    for variable in [v for v in os.environ if v.startswith(("CANARIO_", "GOOGLE_", "CLOUDSDK_"))]:
        monkeypatch.delenv(variable)
    # textual's screenshots leave COLUMNS and LINES behind, and every terminal opened later would be drawn at that size
    for variable in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "NO_COLOR", "TMUX", "COLUMNS", "LINES"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USER", "maria")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    (home / "run").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home / "run"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    return home


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every Python connection that leaves this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            host = str(address[0])
            if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
                raise OSError(f"tests reach no network, not even {host}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture
def simulator() -> Iterator[Callable[..., SimulatorProcess]]:
    """Starts simulators (arguments as `SimulatorProcess.start`) that stop when the test ends."""
    from tests.forked import ForkedSimulator

    started: list[SimulatorProcess] = []

    def start(**options: Any) -> SimulatorProcess:
        process = ForkedSimulator.start(**({"now": WEDNESDAY, "seed": 7} | options))
        started.append(process)
        return process

    yield start
    for process in started:
        process.stop()


@pytest.fixture
def tmux() -> str:
    """The path of tmux. Where it is missing the test is skipped, and says so; in CI that is a failure."""
    path = shutil.which("tmux")
    if path is None:
        pytest.skip("tmux is not installed: apt-get install tmux")
    return path


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Count a skip as a failure in CI: there nothing may be missing."""
    report = yield
    if CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and in CI nothing may be: {report.longrepr}"
    return report


WHOLE_PROCESSES = ("tests/e2e/", "tests/cli/")
"""Where tests drive whole processes and real terminals."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let a test of whole processes fail once, and deal the long ones out so that each worker begins with them.

    A busy machine is not our fault: what failed once is seen in the summary as RERUN (none with NO_RERUNS set, for
    whoever hunts the fault). Long tests at the end of the collection would leave the other workers idle.
    """
    long: list[pytest.Item] = []
    short: list[pytest.Item] = []
    for item in items:
        slow = item.get_closest_marker("slow") is not None
        if (slow or item.nodeid.startswith(WHOLE_PROCESSES)) and "NO_RERUNS" not in os.environ:
            item.add_marker(pytest.mark.flaky(reruns=1))
        (long if slow else short).append(item)
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    long.sort(key=_limit_s, reverse=True)
    count = len(items)
    items.clear()
    for worker in range(workers):  # worksteal begins by giving each worker as long a piece of the list
        begins = long[worker::workers]
        size = count * (worker + 1) // workers - count * worker // workers - len(begins)
        items += [*begins, *short[:size]]
        del short[:size]
    items += short


def _limit_s(item: pytest.Item) -> float:
    """What a test is given, wall seconds: a fair guess of which take longest."""
    marker = item.get_closest_marker("timeout")
    return float(marker.args[0]) if marker is not None and marker.args else 0.0
