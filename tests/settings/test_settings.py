"""What a team may choose, what holds when it chooses nothing, and what it is told when it errs."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from unittest.mock import patch

import pytest

from console.errors import SettingsError, UsageError
from console.settings import Settings, load_settings, project_for

Team = Callable[[str], Path]


@pytest.fixture
def team(tmp_path: Path) -> Team:
    """Writes the team's canario.toml into a git repository and gives the file's path."""
    folder = tmp_path / "repository"
    (folder / ".git").mkdir(parents=True)

    def write(text: str) -> Path:
        file = folder / "canario.toml"
        file.write_text(text, encoding="utf-8")
        return file

    return write


def load(file: Path, **variables: str) -> Settings:
    with patch.dict(os.environ, variables):
        return load_settings(file.parent)


def refused(file: Path, **variables: str) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load(file, **variables)
    assert caught.value.exit_code == 2
    assert caught.value.remedy, "an error without a fix"
    return caught.value


# Defaults


def test_with_no_file_the_runbook_holds(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    rules = settings.rules("production")
    assert rules.protected
    assert rules.window.days == {1, 2, 3}
    assert (rules.window.start, rules.window.end) == (time(10), time(14))
    assert rules.plan.steps == (10, 50, 100)
    assert rules.plan.bake == timedelta(minutes=5)
    assert settings.limits.error_rate_percent == 1.0
    assert settings.limits.p95_rollback == timedelta(seconds=1)
    assert settings.limits.p95_target == timedelta(milliseconds=800)
    assert settings.limits.error_lines_per_minute == 5
    assert settings.limits.cpu_percent == 70
    assert settings.rollback.countdown == timedelta(seconds=10)
    assert settings.rollback.minimum_requests == 500
    assert settings.checklist.coverage_percent == 80
    assert settings.checklist.authorisations == 2
    assert settings.files == ()


def test_three_environments_are_built_in_and_production_is_the_default(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    assert {name: e.service for name, e in settings.environments.items()} == {
        "dev": "wa-backend",
        "staging": "wa-backend-staging",
        "production": "wa-backend",
    }
    assert settings.environment().name == "production"
    assert settings.environment().region == "us-central1"
    assert not settings.rules("staging").protected


def test_automatic_rollback_is_armed_in_protected_environments_only(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    assert settings.rollback_for(settings.environment("production")).automatic is True
    assert settings.rollback_for(settings.environment("staging")).automatic is False


def test_no_holiday_closes_the_window_unless_a_country_is_named(team: Team) -> None:
    christmas_wednesday = datetime(2024, 12, 25, 12, tzinfo=UTC)
    assert Settings().rules("production").window.state(christmas_wednesday).open
    named = load(team('[window]\nholidays = ["EC", "US-CA"]\n')).rules("production").window
    assert not named.state(christmas_wednesday).open
    assert "EC" in named.holiday(date(2024, 12, 25))


# Layers


def test_user_file_wins_over_team_file_and_variables_over_both(team: Team, own_home: Path) -> None:
    file = team(
        'default_environment = "staging"\n[plan]\nbake = "6 min"\nminimum_requests = 100\n[window]\nend = "15:00"\n'
    )
    own = own_home / "config" / "canario" / "canario.toml"
    own.parent.mkdir(parents=True)
    own.write_text('[plan]\nbake = "7 min"\n', encoding="utf-8")
    settings = load(file)
    assert settings.plan.bake == timedelta(minutes=7)
    assert settings.plan.minimum_requests == 100
    assert settings.window.end == time(15)
    assert settings.files == (str(file), str(own))
    settings = load(file, CANARIO_PLAN__BAKE="8 min", CANARIO_PLAN__STEPS="5, 25,100", CANARIO_WINDOW__DAYS="mon,fri")
    assert settings.plan.bake == timedelta(minutes=8)
    assert settings.plan.steps == (5, 25, 100)
    assert settings.window.days == {0, 4}
    assert load_settings(file.parent, overrides={"default_environment": "dev"}).default_environment == "dev"


def test_a_variable_reaches_into_one_environment(team: Team) -> None:
    settings = load(team(""), CANARIO_ENVIRONMENTS__PRODUCTION__PROJECT="acme-prod")
    assert settings.environment("production").project == "acme-prod"
    assert settings.environment("production").service == "wa-backend"


def test_the_file_is_found_from_a_folder_below_and_never_above_the_repository(team: Team, tmp_path: Path) -> None:
    file = team('default_environment = "staging"\n')
    deep = file.parent / "src" / "deep"
    deep.mkdir(parents=True)
    assert load_settings(deep).default_environment == "staging"
    (tmp_path / "canario.toml").write_text('default_environment = "dev"\n')
    file.unlink()
    assert load_settings(deep).default_environment == "production"


def test_outside_a_repository_only_the_folder_itself_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "canario.toml").write_text('default_environment = "dev"\n')
    below = tmp_path / "below"
    below.mkdir()
    assert load_settings(tmp_path).default_environment == "dev"
    assert load_settings(below).default_environment == "production"


def test_a_team_names_an_environment_of_its_own_with_a_window_of_its_own(team: Team) -> None:
    settings = load(
        team(
            '[window]\nstart = "09:00"\n[environments.uat]\nservice = "shop"\nproject = "acme-uat"\n'
            'region = "europe-west1"\n[environments.uat.window]\ndays = ["mon"]\n'
        )
    )
    rules = settings.rules("uat")
    assert rules.protected, "an environment that nobody called safe is treated with care"
    assert rules.window.days == {0}
    assert rules.window.start == time(9), "keys left out are the general window's"
    assert settings.environment("uat").region == "europe-west1"
    assert "production" in settings.environments


# Mistakes


@pytest.mark.parametrize(
    ("text", "line", "key", "fix"),
    [
        ("[plan]\nbakes = '5 min'\n", 2, "'bakes'", "bake"),
        ("\n\nplann = 3\n", 3, "'plann'", "plan"),
        ("[plan]\nbake = 5\n", 2, "plan.bake", '"5 min"'),
        ("[plan]\nbake = '0 min'\n", 2, "plan", '"5 min"'),
        ("[plan]\nsteps = [10, 5, 100]\n", 2, "plan", "steps = [10, 50, 100]"),
        ("[plan]\nsteps = [10, 50]\n", 2, "plan", "steps = [10, 50, 100]"),
        ("[plan]\nsteps = 'x'\n", 2, "plan.steps.0", "steps"),
        ("[plan]\nminimum_requests = -1\n", 2, "plan.minimum_requests", "500"),
        ("[window]\nstart = '14:00'\nend = '10:00'\n", 3, "window", "end after the start"),
        ("[window]\ndays = []\n", 2, "window", "at least one day"),
        ("[window]\ndays = ['tue', 'someday']\n", 2, "window.days", "mon, tue"),
        ("[window]\nstart = '25:00'\n", 2, "window.start", '"10:00"'),
        ("[window]\nholidays = ['XX']\n", 2, "window.holidays", "ISO"),
        ("[limits]\nerror_rate_percent = 150\n", 2, "limits.error_rate_percent", "1.0"),
        ("[limits]\nerror_rate_percent = nan\n", 2, "limits.error_rate_percent", "1.0"),
        ("[limits]\np95_target = '2 s'\n", 2, "limits", "at or under"),
        ("[environments.uat]\nregion = 'us-east1'\n", 1, "environments.uat", 'service = "wa-backend"'),
        ("[environments.production]\nservice = 'Wa_Backend'\n", 2, "environments.production.service", "lower-case"),
        ("[environments.production]\nprojct = 'x'\n", 2, "'projct'", "project"),
        ("[environments.production]\nendpoint = '10.0.0.1:80'\n", 2, "environments.production.endpoint", "127.0.0.1"),
        ("[environments.production.window]\nend = '09:00'\n", 2, "environments.production.window", "after the start"),
        ("default_environment = 'prod'\n", 1, "'prod'", "production"),
        ("[keymap]\nrollback_now = 'x'\n", 1, "rollback_now", "?"),
        ("[keymap]\nmore = 'r'\n", 1, "more", "?"),
        ("[plan\n", 1, "is not TOML", "canario init"),
        ("theme = 'a'\ntheme = 'b'\n", 2, "is not TOML", "canario init"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line_its_key_and_its_fix(
    team: Team, text: str, line: int, key: str, fix: str
) -> None:
    file = team(text)
    error = refused(file)
    assert key in error.what
    assert fix in error.remedy
    assert error.what.startswith(f"{file}:{line}"), error.what


def test_a_wrong_variable_is_named(team: Team) -> None:
    assert "CANARIO_PLAN__BAKE" in refused(team(""), CANARIO_PLAN__BAKE="soon").what
    assert "CANARIO_PLANS__BAKE" in refused(team(""), CANARIO_PLANS__BAKE="5 min").what
    error = refused(team(""), CANARIO_PLAN="x", CANARIO_PLAN__BAKE="5 min")
    assert "CANARIO_PLAN__BAKE" in error.what


def test_several_mistakes_say_how_many(team: Team) -> None:
    assert "1 more" in str(refused(team("a = 1\nb = 2\n")))


def test_a_file_nested_too_deeply_is_a_sentence(team: Team) -> None:
    file = team("x = " + "[" * 2000 + "]" * 2000)
    assert str(file) in refused(file).what


def test_a_file_that_is_no_text_is_a_sentence(team: Team) -> None:
    file = team("")
    file.write_bytes(b"theme = '\xff'\n")
    assert "UTF-8" in refused(file).what


def test_a_folder_in_place_of_the_file_counts_for_nothing(team: Team) -> None:
    file = team("")
    file.unlink()
    file.mkdir()
    assert load(file).files == ()


@pytest.mark.parametrize(
    "text",
    [
        "[notify]\nslack_webhook = 'https://hooks.slack.com/services/T0/B0/verysecret'\n",
        "theme = 'ghp_verysecretverysecretverysecret'\n",
        "github_token = 'verysecret'\n",
    ],
)
def test_a_secret_in_a_file_is_refused_and_not_repeated(team: Team, text: str) -> None:
    error = refused(team(text))
    assert "secret" in error.what
    assert "verysecret" not in str(error)
    assert "CANARIO_SLACK_WEBHOOK" in error.remedy


def test_secrets_in_variables_are_no_settings(team: Team) -> None:
    load(team(""), CANARIO_GITHUB_TOKEN="x", CANARIO_SLACK_WEBHOOK="y")


def test_an_unknown_environment_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="production"):
        load_settings(tmp_path).environment("prod")


# The project


def test_the_project_is_the_simulators_where_an_endpoint_is_given(team: Team) -> None:
    settings = load(team("[environments.production]\nproject = 'acme-prod'\n"))
    production = settings.environment("production")
    assert project_for(production, "127.0.0.1:1", {}) == "demo"
    assert project_for(production, None, {"GOOGLE_CLOUD_PROJECT": "other"}) == "acme-prod"


def test_the_project_comes_from_the_surroundings_where_no_setting_names_it(tmp_path: Path) -> None:
    staging = Settings().environment("staging")
    assert project_for(staging, None, {"GOOGLE_CLOUD_PROJECT": "acme-dev"}) == "acme-dev"
    configuration = tmp_path / "configurations"
    configuration.mkdir()
    (tmp_path / "active_config").write_text("work")
    (configuration / "config_work").write_text("[core]\nproject = acme-work\n")
    assert project_for(staging, None, {"CLOUDSDK_CONFIG": str(tmp_path)}) == "acme-work"


def test_with_no_project_anywhere_the_operator_is_told_how_to_set_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        project_for(Settings().environment("staging"), None, {"HOME": str(tmp_path)})
    assert "CANARIO_ENVIRONMENTS__STAGING__PROJECT" in caught.value.remedy


def test_the_demo_keeps_the_users_keys_and_nothing_of_the_teams_services(team: Team, tmp_path: Path) -> None:
    settings = load(
        team(
            "[keymap]\nmore = 'z'\n[environments.production]\nservice = 'shop'\nproject = 'acme-prod'\n"
            "[plan]\nsteps = [100]\n"
        )
    )
    demo = settings.for_demo(tmp_path / "demo.db")
    assert demo.keymap == {"more": "z"}
    assert demo.environment("production").service == "wa-backend"
    assert demo.plan.steps == (10, 50, 100)
    assert not demo.notify.slack
