"""The sample team's checkout: a real repository in which the runbook's commands run and are content."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from console.simulator import webhook
from console.simulator.checkout import FILES, Checkout, CheckoutError, git, write_checkout
from console.simulator.process import SimulatorProcess

AT = datetime(2026, 11, 25, 10, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    return write_checkout(tmp_path_factory.mktemp("team"), AT)


def run(checkout: Checkout, tool: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """One of the runbook's commands, as an operator types it in the checkout."""
    program = Path(sys.executable).with_name(tool)
    return subprocess.run(
        [program, *arguments],
        cwd=checkout.path,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **variables},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_develop_is_carloss_three_commits_ahead_of_main_and_pulls_offline(checkout: Checkout) -> None:
    log = git(checkout.path, "log", "--format=%an", "main..develop").splitlines()
    assert log == ["Carlos López"] * 3
    assert git(checkout.path, "branch", "--show-current") == "develop"
    git(checkout.path, "fetch", "origin")
    assert "Already up to date" in git(checkout.path, "pull", "origin", "develop")
    assert git(checkout.path, "status", "--porcelain") == ""
    assert "0007_reservas_notes.sql" not in git(checkout.path, "ls-tree", "-r", "--name-only", "main")


def test_the_same_moment_gives_the_same_commits_whatever_the_machines_git_is_set_to(
    checkout: Checkout, tmp_path: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own_home / ".gitconfig").write_text("[commit]\n gpgsign = true\n[core]\n autocrlf = true\n", encoding="utf-8")
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    again = write_checkout(tmp_path, AT)
    assert git(again.path, "rev-parse", "develop") == git(checkout.path, "rev-parse", "develop")


def test_a_place_that_is_taken_is_a_sentence(checkout: Checkout) -> None:
    with pytest.raises(CheckoutError, match="cannot be written"):
        write_checkout(checkout.path.parent, AT)


@pytest.mark.slow
def test_its_tests_pass_with_more_than_80_percent_coverage(checkout: Checkout) -> None:
    done = run(checkout, "pytest", "tests/", "-v", "--cov=wa_orchestrator")
    assert done.returncode == 0, done.stdout + done.stderr
    total = re.search(r"^TOTAL .*?(\d+)%$", done.stdout, re.MULTILINE)
    assert total is not None
    assert int(total.group(1)) > 80
    assert git(checkout.path, "status", "--porcelain") == ""


@pytest.mark.slow
def test_pylint_and_bandit_have_nothing_to_say(checkout: Checkout) -> None:
    assert "10.00/10" in run(checkout, "pylint", "wa_orchestrator/", "--exit-zero").stdout
    done = run(checkout, "bandit", "-r", "wa_orchestrator/", "-f", "txt")
    assert done.returncode == 0
    assert "No issues identified." in done.stdout


@pytest.mark.slow
def test_locust_loads_a_simulated_staging_with_signed_webhooks(checkout: Checkout, simulator: object) -> None:
    assert callable(simulator)
    process: SimulatorProcess = simulator(speed=20.0)
    done = run(
        checkout, "locust", "-f", "qa/locustfile.py", f"--host={process.services['wa-backend-staging']}",
        "-u", "5", "-r", "5", "-t", "3s", "--headless", "--csv=results", WA_APP_SECRET=webhook.APP_SECRET,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split(",") for line in (checkout.path / "results_stats.csv").read_text("utf-8").splitlines()[1:]]
    posted = next(row for row in rows if row[:2] == ["POST", "/webhook"])
    assert int(posted[2]) > 0
    assert int(posted[3]) == 0
    assert git(checkout.path, "status", "--porcelain") == ""


def test_the_uat_list_has_26_cases_with_the_five_critical_ones_first() -> None:
    text = (FILES / "qa" / "UAT_checklist.md").read_text("utf-8")
    cases = re.findall(r"^- \[ \] (UAT-\d\d) (\*\*\[crítico\]\*\* )?(.+)$", text, re.MULTILINE)
    assert [case[0] for case in cases] == [f"UAT-{number:02d}" for number in range(1, 27)]
    assert [bool(case[1]) for case in cases] == [True] * 5 + [False] * 21


def test_the_migration_is_the_runbooks_two_statements_and_the_runbook_is_there() -> None:
    sql = (FILES / "migrations" / "0007_reservas_notes.sql").read_text("utf-8")
    runbook = (FILES / "docs" / "runbooks" / "despliegue.md").read_text("utf-8")
    statements = [line for line in sql.splitlines() if line and not line.startswith("--")]
    assert len(statements) == 2
    for statement in statements:
        assert f"> {statement}" in runbook
    assert (FILES / "docs" / "runbooks" / "incidentes.md").is_file()
    assert (FILES / "docs" / "contactos.md").is_file()
