"""Issue 3, "the whole path": each scenario through real gRPC to the verdict that an operator reads in a terminal."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from terminal import Terminal

from console.journal import Journal
from console.simulator.process import SimulatorProcess
from tests.e2e.test_console_in_a_terminal import console_on, start_release

Start = Callable[..., SimulatorProcess]
CANARY = "wa-backend-00042-vez"
HERE = "demo/us-central1/wa-backend"

pytestmark = pytest.mark.slow


@pytest.fixture
def screen(tmux: str, tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(tmux, tmp_path, (160, 40))
    yield terminal
    terminal.close()


def released(screen: Terminal, cloud: SimulatorProcess) -> None:
    """Open the console and press through 10 %."""
    screen.start(console_on(cloud))
    start_release(screen)


def stands(screen: Terminal, pattern: str, *never: str, timeout_s: float = 50.0) -> re.Match[str]:
    """Wait until a line of the screen holds `pattern`; none of `never` may be seen before."""

    def seen(text: str) -> bool:
        for word in never:
            assert word not in text, text
        return re.search(pattern, text) is not None

    found = re.search(pattern, screen.wait_for(seen, timeout_s))
    assert found is not None
    return found


def figure(text: str) -> float:
    return float(text.replace(",", ""))


def bell_rang(screen: Terminal) -> bool:
    """Whether the terminal's bell rang since it was opened (nobody is attached, so tmux keeps the flag)."""
    return screen.ask("#{window_bell_flag}") == "1"


# ------------------------------------------------------------------------------------------------ the verdicts


def test_a_bad_canary_fails_with_its_rate_and_the_rollback_counts_down_and_is_done(
    screen: Terminal, simulator: Start
) -> None:
    released(screen, simulator(scenario="bad-canary", speed=20))
    said = stands(screen, r"✖ FAIL ([\d.]+) % of [\d,]+ failed in \d:\d\d, stable ([\d.]+) %", "✔ PASS")
    assert figure(said[1]) > 1.5 > figure(said[2])
    stands(screen, r"▲ rolling back in \d+ s · Esc stops")
    stands(screen, r"✔ rolled back to 00041-kem")


def test_a_slow_canary_fails_on_its_latency(screen: Terminal, simulator: Start) -> None:
    released(screen, simulator(scenario="slow-canary", speed=20))
    said = stands(
        screen, r"✖ FAIL ([\d.]+) % of [\d,]+ took over (?:800 ms|1 s) in \d:\d\d, stable ([\d.]+) %", "✔ PASS"
    )
    assert figure(said[1]) > 5 > figure(said[2])
    stands(screen, r"too slow ▰▰▰▰▰▰▰▰▰▰ [\d,]+\+? of [\d,]+ : 1 ✖ against the canary")
    stands(screen, r"✔ rolled back to 00041-kem")


def test_a_cold_start_passes_and_the_next_step_may_be_taken(screen: Terminal, simulator: Start) -> None:
    released(screen, simulator(scenario="cold-start", speed=40))
    said = stands(screen, r"✔ PASS ([\d.]+) % of ([\d,]+) failed, stable [\d.]+ %", "✖ FAIL", "rolling back in")
    assert figure(said[1]) < 1
    assert figure(said[2]) >= 500
    stands(screen, r"✔ baked 5:00 / 5:00 · the next step may be taken \(2\)")


def test_a_shared_outage_is_a_shared_breach_and_nobody_is_rolled_back(screen: Terminal, simulator: Start) -> None:
    cloud = simulator(scenario="shared-outage", speed=40)
    released(screen, cloud)
    said = stands(screen, r"◆ SHARED BREACH ([\d.]+) % of [\d,]+ failed in \d:\d\d, stable ([\d.]+) %", "✖ FAIL")
    assert figure(said[1]) > 5
    assert figure(said[2]) > 5
    screen.wait_for("SHARED BREACH: canary and stable fail alike. Hold, and look at what they share")
    stands(screen, r"[3-9]:\d\d of 5:00 observed|✔ baked", "✖ FAIL", "rolling back in", "rolled back")
    assert "● 10 %" in screen.text()


def test_a_quiet_service_is_inconclusive_after_its_bake_and_says_how_many_requests_are_missing(
    screen: Terminal, simulator: Start
) -> None:
    released(screen, simulator(scenario="quiet-service", speed=40))
    stands(screen, r"time observed ▰▰▰▰▰▰▰▰▰▰ \d:\d\d of 5:00 ✔ reached", "✖ FAIL", "✔ PASS")
    said = stands(screen, r"○ INCONCLUSIVE ([\d.]+) % of ([\d,]+) failed\. A PASS needs about ([\d,]+) more", "✖ FAIL")
    assert 80 < figure(said[2]) < 500
    assert figure(said[2]) + figure(said[3]) >= 384
    screen.press("2")
    screen.wait_for("A written reason lets this pass")


def test_a_busy_service_passes_on_a_sampled_log(screen: Terminal, simulator: Start) -> None:
    released(screen, simulator(scenario="busy-service", speed=15))
    said = stands(screen, r"✔ PASS ([\d.]+) % of ([\d,]+) failed, stable [\d.]+ % of ([\d,]+)", "✖ FAIL")
    share = int(stands(screen, r"stable sampled (\d+) %")[1]) / 100
    assert 0.2 <= share < 0.8
    canary, stable = figure(said[2]), figure(said[3])
    assert canary > 0.9 * 125 * 270  # the canary is read whole
    assert 0.4 * share < stable / (9 * canary) < 1.3 * share  # and of the stable the share that was read
    # its traffic is shown as it is all the same
    assert figure(stands(screen, r"00041-kem .* 90 % 90 % ([\d,]+) ")[1]) == pytest.approx(1125, rel=0.15)


def test_a_busy_bad_canary_fails_on_a_sampled_log(screen: Terminal, simulator: Start) -> None:
    released(screen, simulator(scenario="busy-bad-canary", speed=10))
    said = stands(screen, r"✖ FAIL ([\d.]+) % of ([\d,]+) failed in \d:\d\d, stable ([\d.]+) % of ([\d,]+)", "✔ PASS")
    stands(screen, r"stable sampled \d+ %")
    assert figure(said[1]) == pytest.approx(3, abs=1.2)
    assert figure(said[4]) < 7 * figure(said[2])
    stands(screen, r"✔ rolled back to 00041-kem")


# ------------------------------------------------------------------------------------------------ paging


class Slack:
    """An incoming webhook on loopback."""

    def __init__(self) -> None:
        self.got: list[str] = []
        got = self.got

        class Hook(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"])
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/services/T/B/secret"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def messages(self, title: str) -> list[str]:
        """Those that have `title` in their first line."""
        return [text for text in self.got if title in text.splitlines()[0]]

    def wait_for(self, title: str) -> str:
        """The first message of that title."""
        end = time.monotonic() + 30
        while not (found := self.messages(title)):
            assert time.monotonic() < end, self.got
            time.sleep(0.05)
        return found[0]


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slack]:
    server = Slack()
    monkeypatch.setenv("CANARIO_SLACK_WEBHOOK", server.url)
    yield server
    server.server.shutdown()
    server.server.server_close()


def journalled(own_home: Path, kind: str) -> list[dict[str, object]]:
    """What the journal keeps of the intents of a kind, oldest first, each with its outcome."""
    [path] = (own_home / "state").rglob("*.db")
    with Journal.open(path, scope=HERE, session="reader") as journal:
        rows = journal.entries()[::-1]
    done = {row.intent: row.result for row in rows if row.phase == "outcome"}
    return [{**row.payload, "result": done.get(row.id)} for row in rows if row.phase == "intent" and row.kind == kind]


def test_a_shared_outage_rings_the_bell_calls_slack_is_journalled_and_holds(
    screen: Terminal, simulator: Start, slack: Slack, own_home: Path
) -> None:
    released(screen, simulator(scenario="shared-outage", speed=40))
    assert not bell_rang(screen)
    stands(screen, r"◆ SHARED BREACH", "✖ FAIL")
    message = slack.wait_for("SHARED BREACH, RELEASE HOLDS")
    assert f"Revision: {CANARY}" in message
    assert "Traffic: 10 %" in message
    assert re.search(r"Verdict: [\d.]+ % of [\d,]+ failed in \d:\d\d, stable [\d.]+ %", message)
    assert bell_rang(screen)
    stands(screen, r"[3-9]:\d\d of 5:00 observed|✔ baked", "✖ FAIL", "rolling back in", "rolled back")
    assert len(slack.messages("SHARED BREACH")) == 1, "one spell is one call"
    assert not slack.messages("ROLLBACK")
    [row] = journalled(own_home, "page")
    assert row["what"] == "shared breach"
    assert row["canary"] == CANARY
    assert row["result"] == "done"
    assert journalled(own_home, "rollback") == []
    assert "● 10 %" in screen.text()


NO_TRAFFIC = """
title = "A service that nobody calls."
outcome = "held"

[services.wa-backend]
requests_per_s = 0.01
"""


def test_a_canary_that_is_not_seen_pages_as_no_data_and_holds(
    screen: Terminal, simulator: Start, slack: Slack, own_home: Path, tmp_path: Path
) -> None:
    scenario = tmp_path / "nobody-calls.toml"
    scenario.write_text(NO_TRAFFIC)
    released(screen, simulator(scenario=str(scenario), speed=10))
    stands(screen, r"○ INCONCLUSIVE No data: no canary request in", "✖ FAIL", "✔ PASS")
    message = slack.wait_for("NO DATA, RELEASE HOLDS")
    assert "No data: no canary request in" in message
    assert bell_rang(screen)
    screen.press("2")
    screen.wait_for("A written reason lets this pass")
    screen.press("Escape")
    end = time.monotonic() + 20
    while not (rows := journalled(own_home, "page")) or rows[0]["result"] is None:
        assert time.monotonic() < end
        time.sleep(0.1)
    assert [(row["what"], row["result"]) for row in rows] == [("no data", "done")]
    assert "● 10 %" in screen.text()
