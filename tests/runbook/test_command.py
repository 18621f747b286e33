"""Commands in the operator's checkout: real programs, seen live, gone when they end."""

from __future__ import annotations

import asyncio
import shlex
import stat
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from console.clock import ManualClock
from console.errors import CredentialsError, UsageError
from console.runbook import process
from console.runbook.evidence import EXCERPT_LINES, Evidence, Result
from tests.runbook.steps import NOW, Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "waited in vain"
        await asyncio.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether a process runs; one that is dead and not yet reaped by its parent does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def kept(evidence: Evidence) -> str:
    """The whole output's file."""
    return Path(evidence.output).read_text()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


async def test_both_streams_are_seen_while_it_runs_and_kept_whole(bench: Bench) -> None:
    step = bench.step(
        "command",
        argv=python(
            "import sys, time; print('out', flush=True);"
            "print('err', file=sys.stderr, flush=True); sys.stdin.read(); open('go').read()"
        ),
    )
    (bench.checkout / "go").write_text("")
    evidence = await bench.run(step)
    assert evidence.result is Result.PASSED
    assert {"out", "err"} <= set(bench.lines)
    assert {"out", "err"} <= set(kept(evidence).splitlines())
    assert (mode(Path(evidence.output)), mode(Path(evidence.output).parent)) == (0o600, 0o700)


async def test_output_is_seen_before_the_program_ends(bench: Bench) -> None:
    step = bench.step(
        "command",
        argv=python("import os, time\nprint('working', flush=True)\nwhile not os.path.exists('go'): time.sleep(0.02)"),
    )
    task = asyncio.ensure_future(bench.run(step))
    await until(lambda: "working" in bench.lines)
    assert not task.done()
    (bench.checkout / "go").write_text("")
    assert (await task).result is Result.PASSED


async def test_an_exit_code_fails_the_step_and_says_which(bench: Bench) -> None:
    evidence = await bench.run(bench.step("command", argv=python("raise SystemExit(3)")))
    assert evidence.result is Result.FAILED
    assert "3" in evidence.sentence
    assert evidence.remedy


async def test_what_explain_shows_is_what_ran(bench: Bench) -> None:
    argv = python("import sys; print(sys.orig_argv)")
    step = bench.step("command", argv=[*argv, "two words", "$HOME", "*"])
    evidence = await bench.run(step)
    assert step.explain()[0] == shlex.join([*argv, "two words", "$HOME", "*"])
    assert "'$HOME', '*']" in evidence.excerpt[-1]
    assert evidence.excerpt[0] == f"$ {step.explain()[0]}"


async def test_no_shell_unless_the_file_says_so(bench: Bench) -> None:
    line = "echo a; echo b"
    with pytest.raises(UsageError):
        await bench.run(bench.step("command", argv=[line]))
    evidence = await bench.run(bench.step("command", argv=[line], shell=True))
    assert evidence.excerpt[-2:] == ("a", "b")
    with pytest.raises(ValidationError):
        bench.step("command", argv=["echo", "a"], shell=True)


FAMILY = """
import os, signal, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", '''
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
grand = subprocess.Popen([sys.executable, "-c", deaf])
open("grand", "w").write(str(grand.pid))
time.sleep(600)
'''])
open("child", "w").write(str(child.pid))
open("own", "w").write(str(os.getpid()))
time.sleep(600)
"""


def pids(bench: Bench) -> list[int]:
    found = [bench.checkout / name for name in ("own", "child", "grand")]
    return [int(path.read_text()) for path in found if path.exists() and path.read_text()]


async def test_cancel_kills_the_whole_family_also_where_they_ignore_sigterm(bench: Bench) -> None:
    task = asyncio.ensure_future(bench.run(bench.step("command", argv=python(FAMILY))))
    await until(lambda: len(pids(bench)) == 3)
    assert all(alive(pid) for pid in pids(bench))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not any(alive(pid) for pid in pids(bench)))


CONSOLE = """
import asyncio, os, sys
from pathlib import Path
from console.clock import SystemClock
from console.runbook import process
here = Path.cwd()
asyncio.run(process.run([sys.executable, "-c", sys.argv[1]], cwd=here, environment=dict(os.environ),
                        output=here / "out.log", clock=SystemClock(), timeout_s=600))
"""


async def test_a_console_killed_outright_leaves_no_program_running(bench: Bench) -> None:
    console = await asyncio.create_subprocess_exec(sys.executable, "-c", CONSOLE, FAMILY, cwd=bench.checkout)
    await until(lambda: len(pids(bench)) == 3)
    console.kill()
    await console.wait()
    await until(lambda: not any(alive(pid) for pid in pids(bench)))


async def test_a_program_that_ends_leaves_no_child_behind(bench: Bench) -> None:
    left = "import subprocess, sys\np = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    evidence = await bench.run(bench.step("command", argv=python(left + "print(p.pid)")))
    assert evidence.result is Result.PASSED
    await until(lambda: not alive(int(evidence.excerpt[-1])))


async def test_a_timeout_stops_it_and_says_so(bench: Bench) -> None:
    bench.clock = clock = ManualClock(NOW)
    step = bench.step(
        "command", argv=python("import time; print('slow', flush=True); time.sleep(600)"), timeout="5 min"
    )
    task = asyncio.ensure_future(bench.run(step))
    await until(lambda: "slow" in bench.lines)
    clock.advance(301)
    evidence = await task
    assert evidence.result is Result.FAILED
    assert "5 min" in evidence.sentence


async def test_a_missing_program_is_a_sentence_with_the_fix(bench: Bench) -> None:
    with pytest.raises(UsageError) as raised:
        await bench.run(bench.step("command", argv=["no-such-program", "x"]))
    assert "no-such-program" in raised.value.what
    assert "PATH" in raised.value.remedy


async def test_a_missing_checkout_is_a_sentence_with_the_fix(bench: Bench) -> None:
    bench.checkout.rmdir()
    with pytest.raises(UsageError) as raised:
        await bench.run(bench.step("command", argv=["true"]))
    assert str(bench.checkout) in raised.value.what


async def test_the_program_sees_no_secret_of_canarios_unless_the_step_names_it(bench: Bench) -> None:
    bench.tools.more = {
        "CANARIO_GITHUB_TOKEN": "value-one",
        "CANARIO_SLACK_WEBHOOK": "value-two",
        "CANARIO_OTHER_TOKEN": "value-three",
        "CANARIO_LANGUAGE": "es",
    }
    bench.tools.secrets = {"github-token": "value-one"}
    show = python("import os; print(sorted(v for k, v in os.environ.items() if k.startswith('CANARIO_')))")
    assert (await bench.run(bench.step("command", argv=show))).excerpt[-1] == "['es']"
    named = await bench.run(bench.step("command", argv=show, secrets={"CANARIO_GIVEN": "github-token"}))
    assert named.excerpt[-1] == "['es', '[hidden]']", "it has the secret, and telling it tells nobody"
    assert "value-one" not in str(named) + str(bench.progress) + kept(named)
    bench.tools.secrets = {}
    with pytest.raises(CredentialsError) as raised:
        await bench.run(bench.step("command", argv=show, secrets={"CANARIO_GIVEN": "github-token"}))
    assert "keyring set canario github-token" in raised.value.remedy
    with pytest.raises(ValidationError):
        bench.step("command", argv=show, secrets={"X": "nothing-of-ours"})
    with pytest.raises(ValidationError):
        bench.step("command", argv=show, variables={"API_TOKEN": "x"})


async def test_a_token_that_a_program_prints_is_hidden_everywhere(bench: Bench) -> None:
    token = "ghp_" + "a" * 36
    evidence = await bench.run(bench.step("command", argv=python("print('ghp_' + 'a' * 36)")))
    assert token not in str(evidence) + str(bench.progress) + kept(evidence).split("\n", 1)[1]


async def test_a_password_that_bandit_quotes_is_in_no_part_of_the_evidence(bench: Bench) -> None:
    (bench.checkout / "wa.py").write_text("password = 'hunter22222'\n")
    step = bench.step("command", argv=[sys.executable, "-m", "bandit", "-r", ".", "-f", "txt"], read="bandit")
    evidence = await bench.run(step)
    assert "hardcoded password" in str(evidence)
    assert "hunter22222" not in str(evidence) + str(bench.progress) + kept(evidence)


async def test_escape_sequences_are_gone_from_screen_evidence_and_file(bench: Bench) -> None:
    evidence = await bench.run(bench.step("command", argv=python(r"print('\x1b]52;c;aGk=\x07red\x1b[31m\x9bx\u202e')")))
    said = "\n".join([*bench.lines, *evidence.excerpt, kept(evidence)])
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(said)
    assert "red" in said


async def test_a_flood_of_output_stays_small_and_its_end_is_kept(bench: Bench) -> None:
    flood = "import sys\nfor n in range(300_000): print('line', n)\nprint('x' * 5_000_000)\nprint('the end')"
    evidence = await bench.run(bench.step("command", argv=python(flood)))
    assert evidence.excerpt[-1] == "the end"
    assert len(evidence.excerpt) <= EXCERPT_LINES
    assert max(len(progress.lines) for progress in bench.progress) <= EXCERPT_LINES + 1
    assert "line 299999" in kept(evidence)


async def test_others_have_their_turn_while_a_program_floods(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: Counter[int] = Counter()
    turn = 0

    async def heart() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    say = process._Reader.say

    def counted(reader: process._Reader, line: str) -> None:
        taken[turn] += 1
        say(reader, line)

    monkeypatch.setattr(process._Reader, "say", counted)
    beating = asyncio.ensure_future(heart())
    flood = "import sys; sys.stdout.write('\\n'.join(map(str, range(100_000))))"
    await bench.run(bench.step("command", argv=python(flood)))
    beating.cancel()
    assert sum(taken.values()) > 100_000
    assert max(taken.values()) <= 4 * process.BATCH, "a rollback would wait for somebody's output"


async def test_the_checkouts_own_venv_comes_first(bench: Bench) -> None:
    own = bench.checkout / ".venv" / "bin"
    own.mkdir(parents=True)
    (own / "tool").write_text("#!/bin/sh\necho the checkout\\'s own\n")
    (own / "tool").chmod(0o755)
    evidence = await bench.run(bench.step("command", argv=["tool"]))
    assert evidence.excerpt[-1] == "the checkout's own"


def test_a_folder_outside_the_checkout_is_refused(bench: Bench) -> None:
    for folder in ("..", "/etc", "a/../../b"):
        with pytest.raises(ValidationError):
            bench.step("command", argv=["true"], folder=folder)
