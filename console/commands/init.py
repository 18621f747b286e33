"""`canario init`: a commented settings file and the runbooks to start from. It never overwrites."""

from __future__ import annotations

from pathlib import Path

from console.commands.output import say
from console.errors import CanarioError, ExitCode, UsageError
from console.settings_sources import FILE_NAME, RUNBOOK_FILES
from console.words import _

TEMPLATE = """\
# canario's settings, kept beside the team's code. Every line that is commented out shows its default.
# A user's own file (`canario doctor` says where) wins over this one, CANARIO_* variables over both
# (CANARIO_PLAN__BAKE="6 min"), options over all. Secrets never go here: keep them in the keyring
# (`keyring set canario slack-webhook`) or in CANARIO_SLACK_WEBHOOK and CANARIO_GITHUB_TOKEN.

# default_environment = "production"  # what `canario` opens, and commands without --env mean
# language = ""                       # "en", "es"; empty: the terminal's
# theme = ""                          # empty: canario's own
# journal = "~/canario/journal.db"    # not set: under the user's state directory
# log_lines = 10000                   # log lines that the console keeps

# Environments: dev (the simulator), staging and production are built in; add as many as you have.

[environments.production]
# service = "wa-backend"
# project = ""                        # e.g. "acme-prod"; empty: GOOGLE_CLOUD_PROJECT or gcloud's
# region = "us-central1"
# protected = true                    # window and guardrails hold, automatic rollback armed

[environments.staging]
# service = "wa-backend-staging"
# project = ""
# region = "us-central1"
# protected = false

# [environments.uat]
# service = "wa-backend-uat"
# project = "acme-uat"
# [environments.uat.plan]             # an environment may have a plan, window, limits and rollback of its own
# steps = [50, 100]
# [environments.uat.database]           # where its migrations are applied; the password is a secret of its own
# url = "mysql://canario@10.0.0.5/wa"   # mysql, mariadb, postgresql, or sqlite:///wa.db
# replicas = ["mysql://canario@10.0.0.6/wa"]
# cloud_sql = "acme:us-central1:wa-db"  # by the Cloud SQL connector instead of the URL's host
# iam = true                            # and logged in by IAM

[window]                              # when protected environments may be changed, by the cloud's clock
# days = ["tue", "wed", "thu"]
# start = "10:00"                     # UTC, included
# end = "14:00"                       # UTC, excluded
# holidays = []                       # countries whose holidays are kept, e.g. ["EC", "VE", "US-CA"]

[plan]
# steps = [10, 50, 100]               # the canary's share after each step, percent
# bake = "5 min"                      # each step is watched so long before the next
# minimum_requests = 500              # canary requests that a bake needs besides time

[limits]
# error_rate_percent = 1.0            # of requests; over it, roll back
# p95_rollback = "1 s"                # latency; over it, roll back
# p95_target = "800 ms"               # latency that a release should have; over it, shown
# error_lines_per_minute = 5          # ERROR lines; over it, shown
# cpu_percent = 70.0

[rollback]
# automatic = true                    # armed when a release starts; not set: in protected environments only
# countdown = "10 s"                  # in which Esc stops it
# minimum_requests = 500              # canary requests in the last minute that the runbook's rules need
# driven_by = "verdict"               # or "runbook": its own rules on the last minute
# grace = "15s"                       # a cold start may fail so long; 0 with warm instances

[notify]
# slack = true                        # announce in Slack, where a webhook is known
# bell = true

[github]
# repository = ""                     # "owner/name"; empty: the one of the checkout's origin
# api = "https://api.github.com"      # GitHub Enterprise: "https://HOST/api/v3"
# base = "main"                       # branch that releases are made from
# head = "develop"                    # branch whose open pull request is the release's

[http]                                # how the checklist calls the services
# signature_header = "X-Hub-Signature-256"  # Meta's; the runbook writes X-Hub-Signature
# refusals = [401, 403]               # statuses that refuse a wrong token and an unsigned message
# timeout = "10 s"                    # of one request

[runbook]
# file = "canario-runbook.toml"       # not set: the file of that name beside this one, else the packaged runbook
# rollback = "canario-rollback.toml"  # not set: the same of the manual rollback
# checkout = "."                      # the team's code, where commands run; not set: the current folder

# [people."maria@example.com"]        # who signs the runbook's steps; while nobody is named, anybody may
# name = "María Díaz"
# roles = ["code", "qa"]              # code, tech_lead, on_call, qa
# github = "maria-diaz"               # login at GitHub, so that a change's author is known again
# phone = "+58-0412-XXXXX"

[contacts]
# playbook = "docs/runbooks/incidentes.md"  # of incidents: a file, from the checkout, or a URL
# runbook = ""                        # the team's runbook as text: a file or a URL

# [contacts.cards.tech_lead]          # naming any card replaces the runbook's
# name = "Carlos López"
# phone = "+58-0412-XXXXX"
# [contacts.cards.backend_lead]
# name = "Juan Pérez"
# phone = "+58-0424-YYYYY"
# [contacts.cards.on_call]
# name = ""
# phone = "#incidents"

[migrations]
# folder = "migrations"               # *.sql, applied in the order of their names
# replica_wait = "10 min"             # how long a replica may take to get a statement

[keymap]                              # keys by action, `?` lists them; rollback's own (r, F9) can only be added to
# more = "plus"
# history = "h"

[checklist]                           # the runbook's other numbers
# coverage_percent = 80.0
# code_approvals = 1
# authorisations = 2
# smoke_steps = ["prod_healthz", "prod_metrics"]
# smoke_holds = "24 h"
# uat_cases = 26
# build_wait = "3 min"
# startup_wait = "30 s"
# load_test_users = 50
# load_test_spawn_rate = 10
# load_test_duration = "1 min"
# replication_lag = "1 min"
# watch_after = "24 h"
# normal_requests_per_second = 1250.0
"""
"""The file, every default in it (tests/cli/test_init.py holds it to the settings)."""


def init(folder: Path) -> int:
    """Write `canario.toml` and the two runbooks into `folder`, those that are not there.

    Raises:
        UsageError: all of them are there already.
        CanarioError: one cannot be written.
    """
    from console.runbook.load import packaged

    files = {FILE_NAME: TEMPLATE}
    for which, name in RUNBOOK_FILES.items():
        files[name] = packaged(which).read_text(encoding="utf-8")
    wrote = [name for name, text in files.items() if _write(folder / name, text)]
    if not wrote:
        raise UsageError(
            _("{path} is there already, and is left as it is.").format(path=folder / FILE_NAME),
            remedy=_("Edit it, or move it away first."),
        )
    for name in files:
        if name not in wrote:
            say(_("{path} is there already, and is left as it is.").format(path=folder / name))
        elif name == FILE_NAME:
            say(_("Wrote {path}. Every default is in it, commented out.").format(path=folder / name))
        else:
            say(_("Wrote {path}: a runbook, complete; `canario runbook check` reads it.").format(path=folder / name))
    return ExitCode.DONE


def _write(path: Path, text: str) -> bool:
    """Whether the file was written; one that is there stays."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return False
    except OSError as error:
        raise CanarioError(
            _("{path} cannot be written: {problem}.").format(path=path, problem=error.strerror or error),
            remedy=_("Run it in a folder of your own."),
        ) from error
    return True
