"""A forged approval, and a new image after the approvals: `python -m tests.e2e.show_the_forger`.

The demo with both approvals on record; Mallory edits the release annotation in Carlos's name with Google's own client,
and what the console and the commands say of it is kept as text. Then, on a demo of its own, a new image is deployed. No
test: a show for people (docs/runbook.md); `tests/cli/test_approvals.py` holds the same.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from google.cloud.run_v2.services.services import ServicesClient
from google.cloud.run_v2.services.services.transports import ServicesGrpcTransport

from tests.e2e.show_the_runbook import demo_of, home, until
from tests.e2e.terminal import Terminal
from tests.e2e.walker import MARIA

ANNOTATION = "canario.dev/release"
SERVICE = "projects/demo/locations/us-central1/services/wa-backend"
NEW_IMAGE = "us-central1-docker.pkg.dev/demo/wa-app/wa-backend:def456e"
MALLORY = "mallory@example.com"


def rewrite(endpoint: str, who: str, change: Callable[[dict[str, Any]], None]) -> None:
    """Edit the release annotation with Google's own client, as `who`: no code of ours."""
    metadata = [("authorization", f"Bearer sim-{who}")]
    with grpc.insecure_channel(endpoint) as channel:
        client = ServicesClient(transport=ServicesGrpcTransport(channel=channel))
        service = client.get_service(name=SERVICE, metadata=metadata)
        document = json.loads(service.annotations[ANNOTATION])
        change(document["candidate"])
        client.update_service(
            {
                "service": {
                    "name": SERVICE,
                    "etag": service.etag,
                    "annotations": {**service.annotations, ANNOTATION: json.dumps(document)},
                },
                "update_mask": {"paths": ["annotations"]},
            },
            metadata=metadata,
        ).result()


def forge(candidate: dict[str, Any]) -> None:
    """Write the tech lead's approval anew, in his name."""
    lead = next(given for given in candidate["approvals"] if given["role"] == "tech_lead")
    lead["id"] = "0" * 16


class Stage:
    """A console on a demo with both approvals on record, and a shell beside it."""

    def __init__(self, console: Terminal, endpoint: str, out: Path) -> None:
        self.console, self.endpoint, self._out = console, endpoint, out

    def keep(self, name: str) -> None:
        """Keep what the console shows."""
        (self._out / f"{name}.txt").write_text(self.console.page(), encoding="utf-8")

    def command(self, name: str, *words: str) -> None:
        """Keep what a command says."""
        canario = str(Path(sys.executable).with_name("canario"))
        done = subprocess.run(
            [canario, *words, "--env", "production", "--endpoint", self.endpoint, "--as", MARIA],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        text = f"$ canario {shlex.join(words)}\n{done.stdout}{done.stderr}exit {done.returncode}\n"
        (self._out / f"{name}.txt").write_text(text, encoding="utf-8")
        print(text, flush=True)

    def go_down_to(self, title: str) -> None:
        """Go down the list until a step is in hand."""
        for _ in range(45):
            shown = self._in_hand()
            if shown.startswith(title):
                return
            self.console.press("Down")
            until(lambda before=shown: self._in_hand() != before, 5.0)  # type: ignore[misc]
        raise AssertionError(f"no {title}:\n{self.console.page()}")

    def _in_hand(self) -> str:
        """The card's title."""
        found = re.search(r"runbook ─+╮╭─ ([^─]+) ─", self.console.text())
        return found[1] if found else ""

    def move(self, name: str) -> None:
        """Ask to move 10 %, keep the dialog, and leave it."""
        self.console.press("c")
        until(lambda: False, 1.0)
        self.keep(f"{name}-canary")
        self.console.press("1")
        self.console.wait_for("Esc Leave as it is", 60.0)
        until(lambda: False, 1.0)
        self.keep(f"{name}-move")
        self.console.press("Escape")
        self.console.press("k")
        until(lambda: False, 1.0)


@contextmanager
def stage(tmux: str, out: Path, size: tuple[int, int]) -> Iterator[Stage]:
    """A demo of its own."""
    with tempfile.TemporaryDirectory(prefix="forger-") as name, home(Path(name)):
        console = Terminal(tmux, Path(name), size)
        try:
            canario = shlex.quote(str(Path(sys.executable).with_name("canario")))
            console.start(f"{canario} demo --scenario healthy --as {MARIA}")
            console.wait_for("rollback ready", 120.0)
            console.press("k")
            console.wait_for("Branch up to date", 60.0)
            yield Stage(console, demo_of(Path(name))["endpoint"], out)
        finally:
            console.close()


def main(argv: list[str] | None = None) -> int:
    """Both acts."""
    options = argparse.ArgumentParser(prog="python -m tests.e2e.show_the_forger", description=__doc__)
    options.add_argument("--out", type=Path, default=Path("show-forger"), help="folder for the captures")
    options.add_argument("--size", default="120x40", help="columns x lines of the terminal (default: 120x40)")
    chosen = options.parse_args(argv)
    tmux = shutil.which("tmux")
    if tmux is None:
        print("tmux is not installed: apt-get install tmux", file=sys.stderr)
        return 2
    columns, lines = (int(number) for number in chosen.size.split("x"))
    out: Path = chosen.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    with stage(tmux, out, (columns, lines)) as act:
        act.keep("forged-0-before")
        rewrite(act.endpoint, MALLORY, forge)
        act.console.wait_for("FORGED", 60.0)
        until(lambda: False, 1.0)
        act.keep("forged-1-checklist")
        act.move("forged-2")
        act.command("forged-3-status", "status")
        act.command("forged-4-shift", "shift", "10", "--reason", "we really need it out today")
        act.command("forged-5-approve", "approve", "--role", "tech-lead")  # Maria signs it herself
        act.command("forged-6-shift", "shift", "10")
    with stage(tmux, out, (columns, lines)) as act:
        act.command("image-0-deploy", "deploy", NEW_IMAGE, "--tag", "canary")
        act.keep("image-1-checklist")
        for name, title, why in (
            ("approval", "Approval: code", "void"),
            ("tech-lead", "Approval: tech lead", "void"),
            ("smoke", "Production /healthz at 0 %", "stale"),
        ):
            act.go_down_to(title)
            act.console.wait_for(why, 60.0)
            act.keep(f"image-1-{name}")
        act.move("image-2")
        act.command("image-3-status", "status")
        act.command("image-4-shift", "shift", "10")
        act.command("image-5-show", "runbook", "show")
    print(f"The captures are in {out}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
