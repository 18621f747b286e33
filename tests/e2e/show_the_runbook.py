"""The whole runbook walked by two people in two terminals, on the demo: `python -m tests.e2e.show_the_runbook`.

Carlos drives, Maria joins; both are real consoles in tmux, driven by the keys that an operator has. What both show is
kept as text, before and after each step. At the end every step must have passed, and what Slack got is told. No test:
some ten minutes, for people who want to see it (docs/runbook.md).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from console.release.state import Candidate, read_document
from console.runbook.load import load_runbook
from console.runbook.model import Step
from console.simulator.process import ask
from tests.e2e.terminal import Terminal
from tests.e2e.walker import CARLOS, MARIA, messages_at

SPEED, WATCH_SPEED = 10.0, 500.0
"""Simulated seconds a wall second: until 100 %, and in the 24-hour watch."""
PATIENCE_S = 120.0
"""Wall seconds that a step may take unless `SLOW` says otherwise."""
SLOW = {"load_test": 240.0, "bake_10": 300.0, "bake_50": 300.0, "validation": 300.0, "watch_24h": 1200.0}
HEAD = 16
"""Characters of a step's title that tell it from the others, also where the list cuts it."""


class Show:
    """Two consoles on one demo.

    Args:
        folder: where captures are kept.
        carlos: the driver's terminal.
        maria: the second person's.
        control: the simulator's control address.
        slack: the address that shows what Slack got.
    """

    def __init__(self, folder: Path, carlos: Terminal, maria: Terminal, control: str, slack: str) -> None:
        self._folder, self.carlos, self.maria = folder, carlos, maria
        self._control, self._slack = control, slack
        self._number = 0
        self.began_watch = datetime.now(UTC)
        self._began = time.monotonic()

    def tell(self, words: str) -> None:
        """One line of what happens, with wall and simulated time."""
        now = str(ask(self._control, "GET", "/clock")["now"])[11:19]
        print(f"{time.monotonic() - self._began:7.1f} s  {now} UTC  {words}", flush=True)

    def keep(self, what: str) -> None:
        """Keep what both consoles show now."""
        self._number += 1
        for who, terminal in (("carlos", self.carlos), ("maria", self.maria)):
            path = self._folder / f"{self._number:03}-{what}.{who}.txt"
            path.write_text(terminal.page(), encoding="utf-8")

    def speed(self, speed: float) -> None:
        """Let the demo's clock run at `speed`."""
        ask(self._control, "POST", "/clock", json.dumps({"speed": speed}).encode())

    def candidate(self) -> Candidate:
        """The release as it stands in the service's annotation."""
        services = ask(self._control, "GET", "/state")["services"]
        assert isinstance(services, dict)
        document, problem = read_document(services["wa-backend"]["annotations"])
        assert not problem, problem
        assert document.candidate is not None
        return document.candidate

    # ------------------------------------------------------------------ the walk

    def walk(self) -> None:
        """From the first step to the last."""
        for step in load_runbook().runbook.steps():
            self.step(step)
        self.speed(WATCH_SPEED)
        self.watch(next(step for step in load_runbook().runbook.steps() if step.kind == "watch"))
        self.carlos.wait_for("closed: done", PATIENCE_S)
        self.keep("closed")
        self.carlos.press("h")
        self.maria.press("i")
        self.carlos.wait_for("checklist opened", 60.0)
        until(lambda: False, 2.0)
        self.keep("history-and-contacts")

    def watch(self, step: Step) -> None:
        """The day after: the clock runs fast until it is over, then slower, while what was missed is read."""
        over = self.began_watch + timedelta(hours=24, minutes=10)
        end = time.monotonic() + SLOW[step.id]
        for moment in range(1000):
            if not in_hand(self.carlos, step):
                self.carlos.press("End")
                until(lambda: False, 2.0)
                self.carlos.press("Up")
            if until(lambda: row(self.carlos, step)[:1] in ("✔", "✖"), 20.0):
                break
            assert time.monotonic() < end, f"the watch does not end:\n{self.carlos.page()}"
            self.tell(row(self.carlos, step))
            if moment % 3 == 0:
                self.keep(f"{step.id}-running")
            if self.now() > over:
                self.speed(SPEED)
        self.passed(self.carlos, step)

    def now(self) -> datetime:
        """The demo's time."""
        return datetime.fromisoformat(str(ask(self._control, "GET", "/clock")["now"]))

    def step(self, step: Step) -> None:
        """One step, by its kind's keys, until the list says that it passed."""
        who = self.maria if step.id == "approve_code" else self.carlos
        if row(who, step)[:1] == "✔":  # a move, or the other way of deploying, has passed it already
            self.tell(f"{step.id}: passed already")
            return
        if step.kind not in ("bake",):
            self.choose(who, step)
        self.keep(f"{step.id}-before")
        act: Callable[[Terminal, Step], None] | None = getattr(self, f"_{step.kind}", None)
        (act or self._run)(who, step)
        if step.id == "watch_24h":
            self.keep(f"{step.id}-begun")
            self.began_watch = self.now()
            return
        self.passed(who, step)

    def choose(self, who: Terminal, step: Step) -> None:
        """Press `n` until the step is in hand."""
        end = time.monotonic() + PATIENCE_S
        while not in_hand(who, step):
            if time.monotonic() > end:
                raise AssertionError(f"{step.id} is never the next open step:\n{who.page()}")
            who.press("n")
            until(lambda: in_hand(who, step), 1.5)
        time.sleep(0.6)  # right after the cursor has gone on by itself Enter means nothing

    def passed(self, who: Terminal, step: Step) -> None:
        """Wait until the list says so, and look at its evidence as an operator would."""
        patience = SLOW.get(step.id, PATIENCE_S)
        end = time.monotonic() + patience
        while row(who, step)[:1] not in ("✔", "✖"):
            if time.monotonic() > end:
                self.keep(f"{step.id}-stuck")
                raise AssertionError(f"{step.id} did not pass within {patience:g} s:\n{who.page()}")
            time.sleep(0.2)
        if row(who, step)[:1] == "✖" and not step.advice:
            self.keep(f"{step.id}-failed")
            raise AssertionError(f"{step.id} failed:\n{who.page()}")
        self.tell(f"{step.id}: {row(who, step)}")
        self.look_at(who, step)
        self.keep(f"{step.id}-after")

    def look_at(self, who: Terminal, step: Step) -> None:
        """Go up to a step that is done or runs beside the others."""
        for _ in range(4):
            if in_hand(who, step):
                break
            who.press("Up")
            until(lambda: in_hand(who, step), 1.0)
        until(lambda: False, 0.4)

    # ------------------------------------------------------------------ the kinds

    def _run(self, who: Terminal, step: Step) -> None:
        """Enter; and Enter once more where it can't be done twice."""
        who.press("Enter")
        until(lambda: "Enter Do it" in who.text() or row(who, step)[:1] in ("◐", "✔", "✖"), 15.0)
        if "Enter Do it" in who.text():
            self.keep(f"{step.id}-asked")
            answer(who, "Enter Do it")

    def _confirm(self, who: Terminal, step: Step) -> None:
        who.press("Enter")
        who.wait_for("Signed as")
        self.keep(f"{step.id}-asked")
        answer(who, "Signed as")

    def _approval(self, who: Terminal, step: Step) -> None:
        who.press("Enter")
        who.wait_for("Signed as")
        self.keep(f"{step.id}-asked")
        answer(who, "Signed as")
        until(lambda: row(who, step)[:1] in ("◑", "✔"), 15.0)
        self.keep(f"{step.id}-signed")

    def _load_test(self, who: Terminal, step: Step) -> None:
        who.press("Enter")
        who.wait_for(lambda text: re.search(r"\d+ users, [\d.]+ requests/s", text) is not None, 60.0)
        until(lambda: "60 %" in who.text(), 60.0)
        self.keep(f"{step.id}-running")

    def _uat(self, who: Terminal, step: Step) -> None:
        """Begin: the machine does its own; then case by case, and once Later to see that nothing is lost."""
        who.press("Enter")
        who.wait_for(lambda text: "Answer UAT-" in text, 60.0)
        self.keep(f"{step.id}-machine")
        who.press("Enter")
        answered = 0
        while True:
            shown = who.wait_for(lambda text: "Enter Pass" in text or row_of(text, step)[:1] == "✔", 30.0)
            if "Enter Pass" not in shown:
                return
            case = dialog_case(shown)
            if answered in (0, 12):
                self.keep(f"{step.id}-{case}")
            if answered == 12:  # a call comes in: later
                who.press("Escape")
                who.wait_for(lambda text: not dialog_case(text), 15.0)
                self.keep(f"{step.id}-later")
                who.press("Enter")
                who.wait_for("Enter Pass", 15.0)
            end = time.monotonic() + 60
            until(lambda: False, 0.4)  # it takes no Enter in its first moment, on purpose
            while dialog_case(who.text()) == case:
                assert time.monotonic() < end, f"{case} stays:\n{who.page()}"
                who.press("Enter")
                pressed = time.monotonic()
                while dialog_case(who.text()) == case and time.monotonic() < pressed + 4.0:
                    time.sleep(0.05)
            answered += 1

    def _migration(self, who: Terminal, step: Step) -> None:
        """`g`: each statement by its table's name; back on the checklist the ledger is read."""
        who.press("g")
        who.wait_for(lambda text: re.search(r"\d\s+statements?\s+left", text) is not None, 60.0)
        self.keep(f"{step.id}-board")
        who.press("Enter")
        sent = 0
        while True:
            shown = who.wait_for(lambda text: "to send it:" in text or "all applied" in " ".join(text.split()), 60.0)
            if "to send it:" not in shown:
                break
            heading = re.search(r"Send (\S+[^?]*)\?", shown)
            name = re.search(r"type (\S+) to send it:", shown)
            assert heading is not None, shown
            assert name is not None, shown
            who.wait_for("(Enter does nothing yet)", 60.0)
            who.press(name[1])
            who.wait_for("Enter Send it", 60.0)
            if sent in (0, 2):
                self.keep(f"{step.id}-statement")
            answer(who, "Enter Send it")
            who.wait_for(lambda text, asked=heading[0]: asked not in text, 60.0)  # type: ignore[misc]
            sent += 1
        self.keep(f"{step.id}-applied")
        who.press("k")
        self.choose(who, step)
        self.keep(f"{step.id}-back")
        who.press("Enter")

    def _traffic(self, who: Terminal, step: Step) -> None:
        who.press("Enter")
        who.wait_for("Enter Move", 60.0)
        self.keep(f"{step.id}-asked")
        answer(who, "Enter Move")

    def _bake(self, who: Terminal, step: Step) -> None:
        """Nothing to press; the canary screen is looked at meanwhile."""
        until(lambda: row(who, step)[:1] in ("◐", "✔"), 60.0)
        self.keep(f"{step.id}-running")
        who.press("c")
        who.wait_for("this bake", 60.0)
        time.sleep(2)
        self.keep(f"{step.id}-canary-screen")
        who.press("k")
        who.wait_for("runbook", 15.0)

    # ------------------------------------------------------------------ the end

    def check(self) -> None:
        """Every step passed; two approvals by two people; what Slack got."""
        candidate = self.candidate()
        results = {record.step: record.result for record in candidate.steps}
        steps = load_runbook().runbook
        missing = {
            step.id: results.get(step.id, "nothing")
            for step in steps.steps()
            if results.get(step.id) != "passed" and not step.alternative_to and not step.advice
        }
        assert not missing, missing
        assert candidate.closed == "done", candidate.closed
        signed = sorted((approval.role, approval.by) for approval in candidate.approvals)
        assert signed == [("code", MARIA), ("tech_lead", CARLOS)], signed
        print(f"\n{len(results)} steps, closed: {candidate.closed}; approvals: {signed}\n\nSlack got:\n")
        told = messages_at(self._slack)
        (self._folder / "slack.txt").write_text("\n\n----\n\n".join(told) + "\n", encoding="utf-8")
        for text in told:
            print("\n".join(f"  {line}" for line in text.splitlines()) + "\n")
        for title in ("✅ STAGING VALIDATION PASSED", "✅ DEPLOYMENT SUCCESSFUL"):
            assert sum(text.startswith(title) for text in told) == 1, title


# ---------------------------------------------------------------------- reading a screen


def answer(who: Terminal, leaves: str) -> None:
    """Press Enter until the dialog with these words is gone; seldom, for on a busy machine a second one asks again."""
    end = time.monotonic() + 60.0
    while leaves in who.text():
        assert time.monotonic() < end, f"the dialog stays:\n{who.page()}"
        until(lambda: False, 0.4)  # it takes no Enter in its first moment, on purpose
        who.press("Enter")
        until(lambda: leaves not in who.text(), 4.0)


def row_of(text: str, step: Step) -> str:
    """A step's line in the list, from its glyph on; empty where it is not in sight."""
    whole = step.title.in_language("en")
    title = re.escape(" ".join(whole[:HEAD].split()))
    rest = r"[^│╮\n]*" if len(whole) > HEAD else r" (?:not yet|[a-z]+(?: \d+ %)?|\d+/\d+)(?= *[▁-█]? *[│╮\n])"
    found = re.search(rf"([·○◐✔✖◔◑»↻?] {title}{rest})", text + "\n")
    return found[1].strip() if found else ""


def row(who: Terminal, step: Step) -> str:
    """See `row_of`."""
    return row_of(who.text(), step)


def in_hand(who: Terminal, step: Step) -> bool:
    """Whether the card is the step's: its border says so."""
    whole = " ".join(step.title.in_language("en").split())
    title = re.escape(whole[:30]) + ("" if len(whole) > 30 else " ?─")
    return re.search(rf"─ ?{title}", who.text()) is not None


def dialog_case(text: str) -> str:
    """The case that a dialog asks for; empty where none does."""
    found = re.search(r"╭─ (?:▲ \w+: )?(UAT-\d+)", text)
    return found[1] if found and "Enter Pass" in text else ""


def until(true: Callable[[], bool], timeout_s: float) -> bool:
    """Wait until something holds, at most so long; whether it does."""
    end = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


@contextmanager
def home(folder: Path) -> Iterator[None]:
    """A home of the show's own: its demo is found by its own second console only, and nobody's settings count."""
    for name in ("run", "config", "state", "data", "cache"):
        (folder / name).mkdir(mode=0o700)
    for name in [v for v in os.environ if v.startswith(("CANARIO_", "GOOGLE_", "CLOUDSDK_"))]:
        del os.environ[name]
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "NO_COLOR", "TMUX", "COLUMNS", "LINES"):
        os.environ.pop(name, None)
    os.environ.update(
        LANG="C.UTF-8",
        HOME=str(folder),
        XDG_RUNTIME_DIR=str(folder / "run"),
        XDG_CONFIG_HOME=str(folder / "config"),
        XDG_STATE_HOME=str(folder / "state"),
        XDG_DATA_HOME=str(folder / "data"),
        XDG_CACHE_HOME=str(folder / "cache"),
    )
    yield


def demo_of(folder: Path) -> dict[str, str]:
    """What the running demo says of itself to whoever joins it."""
    files = folder / "run" / "canario"
    assert until(lambda: any(files.glob("demo-*.json")), 120.0), "the demo did not start"
    [file] = files.glob("demo-*.json")
    told = json.loads(file.read_text(encoding="utf-8"))
    assert isinstance(told, dict)
    return {str(key): str(value) for key, value in told.items()}


def main(argv: list[str] | None = None) -> int:
    """Walk it; 0 where every step passed."""
    options = argparse.ArgumentParser(prog="python -m tests.e2e.show_the_runbook", description=__doc__)
    options.add_argument("--out", type=Path, default=Path("show"), help="folder for the captures (default: show)")
    options.add_argument("--size", default="120x40", help="columns x lines of both terminals (default: 120x40)")
    options.add_argument("--speed", type=float, default=SPEED, help="of the demo's clock (default: 10)")
    chosen = options.parse_args(argv)
    tmux = shutil.which("tmux")
    if tmux is None:
        print("tmux is not installed: apt-get install tmux", file=sys.stderr)
        return 2
    columns, lines = (int(number) for number in chosen.size.split("x"))
    out: Path = chosen.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    canario = shlex.quote(str(Path(sys.executable).with_name("canario")))
    with tempfile.TemporaryDirectory(prefix="show-") as name, home(Path(name)):
        terminals = []
        for who in ("carlos", "maria"):
            (Path(name) / who).mkdir()
            terminals.append(Terminal(tmux, Path(name) / who, (columns, lines)))
        carlos, maria = terminals
        try:
            carlos.start(f"{canario} demo --bare --scenario healthy --speed {chosen.speed:g} --as {CARLOS}")
            carlos.wait_for("rollback ready", 120.0)
            told = demo_of(Path(name))
            maria.start(f"{canario} demo --as {MARIA}")
            maria.wait_for("rollback ready", 120.0)
            slack = told["slack_webhook"].partition("/services/")[0]
            show = Show(out, carlos, maria, told["control"], slack)
            show.keep("first-picture")
            for each in (carlos, maria):
                each.press("k")
                each.wait_for("Branch up to date", 60.0)
            show.walk()
            show.check()
        finally:
            for each in reversed(terminals):
                each.close()
    print(f"The captures are in {out}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
