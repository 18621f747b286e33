"""The simulator as a child process, for the demo and the tests. Imports neither Google's libraries nor Textual.

The child ends with its parent, whatever ends that: it watches its standard input, which the parent alone holds open
(PR_SET_PDEATHSIG would end it with the *thread* that started it). It is started in a session of its own, so that a
Ctrl+C in the terminal reaches the console alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import IO

from console.errors import CanarioError
from console.simulator import webhook
from console.words import _

READY_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 3.0


class SimulatorError(CanarioError):
    """The simulator did not start, or has ended."""


@dataclass(frozen=True, slots=True)
class LocalParts:
    """What stands beside a running simulator: servers and files that the runbook's steps are carried out on."""

    github_url: str
    """The REST API."""
    slack_webhook: str = field(repr=False)
    checkout: Path
    """Where the sample team's working copy is; without git, where it would be."""
    repository: str = "acme/wa-orchestrator"

    def variables(self, email: str) -> dict[str, str]:
        """The variables that stand in for a console's secrets here; they guard nothing.

        Args:
            email: who it acts as at GitHub.
        """
        return {
            "CANARIO_GITHUB_TOKEN": f"sim-{email}",
            "CANARIO_SLACK_WEBHOOK": self.slack_webhook,
            "CANARIO_APP_SECRET": webhook.APP_SECRET,
            "CANARIO_VERIFY_TOKEN": webhook.VERIFY_TOKEN,
        }


@dataclass
class SimulatorProcess:
    """A running simulator. Use `start`, and `stop` (or a with statement)."""

    process: subprocess.Popen[bytes]
    info: Mapping[str, object]
    """The ready line: grpc, project, region, services, revisions, control, github, slack."""
    _errors: IO[bytes] = field(repr=False)

    @classmethod
    def start(
        cls,
        *,
        scenario: str | None = None,
        speed: float = 1.0,
        seed: int | None = None,
        now: datetime | str | None = None,
        state: Path | None = None,
        bare: bool = False,
        timeout_s: float = READY_TIMEOUT_S,
    ) -> SimulatorProcess:
        """Start one and wait until it serves.

        Args:
            scenario: its name, or a file's; `healthy` where None, or the kept state's.
            speed: simulated seconds a wall second.
            seed: makes a run repeatable; 0 where None, or the kept state's.
            now: its clock's first time, as text in ISO form; the machine's where None.
            state: directory in which it keeps its state; None keeps none.
            bare: start without the canary's smoke tests and approvals on record.
            timeout_s: wall seconds that it may take to serve.

        Raises:
            SimulatorError: it ended or stayed silent; says what it wrote.
        """
        launched = cls.launch(scenario=scenario, speed=speed, seed=seed, now=now, state=state, bare=bare)
        return launched.wait_ready(timeout_s)

    @classmethod
    def launch(
        cls,
        *,
        scenario: str | None = None,
        speed: float = 1.0,
        seed: int | None = None,
        now: datetime | str | None = None,
        state: Path | None = None,
        bare: bool = False,
    ) -> SimulatorProcess:
        """Start one without waiting; `wait_ready` must follow."""
        arguments = ["--watch-stdin", "--speed", f"{speed:g}"]
        if scenario is not None:
            arguments += ["--scenario", scenario]
        if seed is not None:
            arguments += ["--seed", str(seed)]
        if now is not None:
            arguments += ["--now", now if isinstance(now, str) else now.isoformat()]
        if state is not None:
            arguments += ["--state", str(state)]
        if bare:
            arguments.append("--bare")
        errors = tempfile.TemporaryFile()  # noqa: SIM115 - kept for as long as the child lives
        try:
            process = cls.spawn(arguments, errors)
        except OSError as error:
            errors.close()
            raise SimulatorError(_("The simulator cannot be started: {problem}.").format(problem=error)) from error
        return cls(process, {}, errors)

    @classmethod
    def spawn(cls, arguments: Sequence[str], errors: IO[bytes]) -> subprocess.Popen[bytes]:
        """Start the process itself, at the head of a session of its own.

        Args:
            arguments: options of `python -m console.simulator`.
            errors: what becomes its standard error.

        Raises:
            OSError: it cannot be started.
        """
        return subprocess.Popen(
            [sys.executable, "-m", "console.simulator", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": _import_path(), "GRPC_VERBOSITY": "NONE"},
        )

    def wait_ready(self, timeout_s: float = READY_TIMEOUT_S) -> SimulatorProcess:
        """Wait until it serves; itself.

        Raises:
            SimulatorError: it ended or stayed silent; it is stopped then.
        """
        line = self._first_line(timeout_s)
        try:
            info = json.loads(line)
            if not isinstance(info, dict) or "grpc" not in info:
                raise ValueError(line)
        except ValueError:
            ended = self.process.poll()
            self._end()
            said = self._last_words()
            self.stop()
            if ended is None:
                what = _("The simulator did not serve within {seconds:.0f} s.").format(seconds=timeout_s)
            else:
                what = _("The simulator ended at once (exit code {code}).").format(code=ended)
            raise SimulatorError(what + (" " + said if said else ""), remedy=_("Try again.")) from None
        self.info = info
        return self

    @property
    def grpc(self) -> str:
        """Its gRPC address, `127.0.0.1:PORT`."""
        return str(self.info["grpc"])

    @property
    def control(self) -> str:
        """Its control URL."""
        return str(self.info["control"])

    @property
    def services(self) -> dict[str, str]:
        """URL by service."""
        return _strings(self.info.get("services"))

    @property
    def revisions(self) -> dict[str, str]:
        """URL by revision."""
        return _strings(self.info.get("revisions"))

    def parts(self, checkout: Path) -> LocalParts:
        """What stands beside it, with the working copy in `checkout`."""
        return LocalParts(str(self.info["github"]), str(self.info["slack"]), checkout)

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def speed(self) -> float:
        """Simulated seconds a second that its clock runs at now; blocks on HTTP.

        Raises:
            SimulatorError: it has ended.
        """
        return speed_of(self.control)

    def set_speed(self, speed: float) -> None:
        """Run its clock at `speed` simulated seconds a second from now on.

        Raises:
            SimulatorError: it has ended, or refuses.
        """
        self.post("/clock", {"speed": speed})

    def state(self) -> dict[str, object]:
        """What `GET /state` tells (see `console.simulator.control`)."""
        return self._call("GET", "/state", None)

    def fault(self, **what: object) -> dict[str, object]:
        """Inject or clear faults (see `console.simulator.control.FAULTS`)."""
        return self.post("/fault", what)

    def rival(self, **what: object) -> dict[str, object]:
        """Let someone else move the traffic now."""
        return self.post("/rival", what)

    def post(self, path: str, body: Mapping[str, object]) -> dict[str, object]:
        """POST `body` to the control address; its answer."""
        return self._call("POST", path, json.dumps(body).encode())

    def kill(self) -> None:
        """End it without warning, as a crash would; for tests."""
        self._signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """End it and everything it started; may be called twice."""
        self._end()
        for stream in (self.process.stdin, self.process.stdout, self._errors):
            if stream is not None:
                with contextlib.suppress(OSError, ValueError):
                    stream.close()

    def _end(self) -> None:
        if self.process.poll() is None:
            self._signal(signal.SIGTERM)
            with contextlib.suppress(OSError, ValueError):
                if self.process.stdin is not None:
                    self.process.stdin.close()
            try:
                self.process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._signal(signal.SIGKILL)
                self.process.wait()

    def __enter__(self) -> SimulatorProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _signal(self, number: int) -> None:
        """Signal its whole group; it leads a session of its own."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)

    def _first_line(self, timeout_s: float) -> str:
        """What it prints first, or what there is of it after `timeout_s`."""
        assert self.process.stdout is not None
        descriptor = self.process.stdout.fileno()
        deadline = time.monotonic() + timeout_s
        text = b""
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            while b"\n" not in text and (left := deadline - time.monotonic()) > 0:
                if selector.select(left):
                    part = os.read(descriptor, 65536)
                    if not part:
                        with contextlib.suppress(subprocess.TimeoutExpired):
                            self.process.wait(1.0)
                        break
                    text += part
        return text.decode("utf-8", "replace").partition("\n")[0]

    def _last_words(self) -> str:
        """The last line that it wrote to standard error."""
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1].removeprefix("canario simulate: ")[:500] if lines else ""

    def _call(self, method: str, path: str, body: bytes | None) -> dict[str, object]:
        return ask(self.control, method, path, body)


def ask(control: str, method: str, path: str, body: bytes | None = None) -> dict[str, object]:
    """What a control address answers; blocks on HTTP.

    Args:
        control: its URL.
        method: GET or POST.
        path: e.g. `/clock`.
        body: JSON, or None.

    Raises:
        SimulatorError: it does not answer, or refuses.
    """
    request = urllib.request.Request(control + path, data=body, method=method)  # noqa: S310 - a URL of our own making
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy stands before loopback
    try:
        with opener.open(request, timeout=5.0) as response:
            answer = json.loads(response.read())
    except urllib.error.HTTPError as error:
        said = error.read().decode("utf-8", "replace")
        raise SimulatorError(_("The simulator refuses {path}: {said}").format(path=path, said=said)) from error
    except (OSError, ValueError) as error:
        raise SimulatorError(
            _("The simulator does not answer: {problem}.").format(problem=error),
            remedy=_("Start it again."),
        ) from error
    return dict(answer) if isinstance(answer, dict) else {}


def speed_of(control: str) -> float:
    """Simulated seconds a second that the clock behind a control address runs at; blocks on HTTP.

    Raises:
        SimulatorError: it does not answer.
    """
    speed = ask(control, "GET", "/clock").get("speed")
    return float(speed) if isinstance(speed, int | float) else 1.0


def _strings(value: object) -> dict[str, str]:
    return {str(key): str(text) for key, text in value.items()} if isinstance(value, dict) else {}


def _import_path() -> str:
    """PYTHONPATH for the child: where this package is, before what there was."""
    here = str(Path(__file__).resolve().parents[2])
    before = os.environ.get("PYTHONPATH", "")
    return here + os.pathsep + before if before else here
