"""Scenarios are small data files; a wrong one says where it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.errors import ExitCode, SettingsError, UsageError
from console.simulator.scenario import SCENARIO_DIR, Faults, Outage, Rival, list_scenarios, load_scenario

NAMED_BY_THE_ISSUE = {
    "healthy",
    "bad-canary",
    "broken-canary",
    "slow-canary",
    "cold-start",
    "shared-outage",
    "quiet-service",
    "busy-service",
    "rival-operator",
    "flaky-cloud",
}


def test_every_scenario_of_the_issue_is_there() -> None:
    assert set(list_scenarios()) >= NAMED_BY_THE_ISSUE


@pytest.mark.parametrize("name", list_scenarios())
def test_every_scenario_starts_with_old_revisions_a_stable_one_and_a_canary_without_traffic(name: str) -> None:
    scenario = load_scenario(name)
    assert {"wa-backend", "wa-backend-staging"} <= scenario.services.keys()
    assert (scenario.project, scenario.region) == ("demo", "us-central1")
    service = scenario.services["wa-backend"]
    assert list(service.split.values()) == [100]
    assert service.canary is not None
    newest, spec = service.newest_first[0]
    assert newest == service.canary
    assert spec.ready
    assert spec.percent == 0
    assert len(service.revisions) >= 4


@pytest.mark.parametrize("name", list_scenarios())
def test_every_scenario_file_is_small(name: str) -> None:
    assert len((SCENARIO_DIR / f"{name}.toml").read_text().splitlines()) < 30


def test_the_rates_and_shares_are_those_of_the_issue() -> None:
    rate = {name: load_scenario(name).services["wa-backend"].requests_per_s for name in list_scenarios()}
    assert rate["healthy"] == rate["bad-canary"] == 300
    assert (rate["quiet-service"], rate["busy-service"], rate["busy-bad-canary"]) == (5, 1250, 1250)
    bad = load_scenario("bad-canary")
    assert (bad.profiles["canary"].error_share, bad.profiles["stable"].error_share) == (0.03, 0.002)
    assert load_scenario("busy-bad-canary").profiles["canary"].error_share == 0.03
    assert load_scenario("broken-canary").profiles["canary"].error_share == 0.5
    assert load_scenario("slow-canary").profiles["canary"].latency.p95_ms == 900
    assert load_scenario("cold-start").profiles["canary"].cold_start.seconds == 15
    kinds = {name: [type(e) for e in load_scenario(name).events.values()] for name in list_scenarios()}
    assert kinds["shared-outage"] == [Outage]
    assert kinds["rival-operator"] == [Rival]
    assert kinds["flaky-cloud"] == [Faults]


def test_an_unknown_scenario_is_a_usage_error_that_lists_those_there_are() -> None:
    with pytest.raises(UsageError) as raised:
        load_scenario("nope")
    assert raised.value.exit_code is ExitCode.USAGE
    assert "bad-canary" in raised.value.remedy


@pytest.mark.parametrize("name", ["../scenario", "/etc/passwd", "_base", ""])
def test_a_name_is_no_way_to_other_files(name: str) -> None:
    with pytest.raises(UsageError):
        load_scenario(name)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('title = "t"\noutcome = "promoted"\nspeed = 3', "speed"),
        ('title = "t"\noutcome = "promoted"\n[profiles.canary]\nerror_share = 3', "profiles.canary.error_share"),
        ('title = "t"\noutcome = "maybe"', "outcome"),
        ('title = "t"\noutcome = "promoted"\n[profiles.canary.latency]\nmedian_ms = 900', "p95_ms must be over"),
        (
            'title = "t"\noutcome = "promoted"\n[services.wa-backend.revisions.wa-backend-00041-kem]\npercent = 90',
            "total 100",
        ),
        ('title = "t"\noutcome = "promoted"\n[events.x]\nkind = "outage"\nservice = "nope"', "no service nope"),
        ("title = ", "cannot be read"),
        ("a = " + "[" * 2000, "cannot be read"),
    ],
)
def test_a_wrong_file_names_itself_and_the_key(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(SettingsError) as raised:
        load_scenario(str(file))
    assert words in str(raised.value)
    assert "mine.toml" in str(raised.value)
    assert raised.value.remedy


def test_a_file_of_ones_own_states_only_what_differs(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('title = "mine"\noutcome = "held"\n[services.wa-backend]\nrequests_per_s = 50\n')
    scenario = load_scenario(str(file))
    assert scenario.name == "mine"
    assert scenario.services["wa-backend"].requests_per_s == 50
    assert scenario.services["wa-backend"].split == {"wa-backend-00041-kem": 100}
