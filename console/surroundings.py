"""What the machine already says about Google: the project that gcloud or the credentials file names.

Reads variables and small files only; starts no process and imports no Google client, so that commands can ask early.
"""

from __future__ import annotations

import configparser
import json
from collections.abc import Mapping
from pathlib import Path

_PROJECT_VARIABLES = ("GOOGLE_CLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT", "GCLOUD_PROJECT")


def google_project(environ: Mapping[str, str]) -> str:
    """The surrounding project's id, or empty.

    In order: GOOGLE_CLOUD_PROJECT and its elder names; the service account file that GOOGLE_APPLICATION_CREDENTIALS
    names; gcloud's active configuration. (https://cloud.google.com/docs/authentication/application-default-credentials)
    """
    for variable in _PROJECT_VARIABLES:
        if project := environ.get(variable, "").strip():
            return project
    return _of_credentials(environ) or _of_gcloud(environ)


def _of_credentials(environ: Mapping[str, str]) -> str:
    path = environ.get("GOOGLE_APPLICATION_CREDENTIALS", "")
    if not path:
        return ""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return ""  # whoever connects says what is wrong with it
    project = content.get("project_id", "") if isinstance(content, dict) else ""
    return project if isinstance(project, str) else ""


def _of_gcloud(environ: Mapping[str, str]) -> str:
    home = environ.get("CLOUDSDK_CONFIG") or str(Path(environ.get("HOME") or Path.home()) / ".config" / "gcloud")
    folder = Path(home)
    try:
        active = environ.get("CLOUDSDK_ACTIVE_CONFIG_NAME") or (folder / "active_config").read_text().strip()
        parser = configparser.ConfigParser(interpolation=None)
        parser.read_string((folder / "configurations" / f"config_{active or 'default'}").read_text())
        return parser.get("core", "project", fallback="").strip()
    except (OSError, UnicodeDecodeError, configparser.Error):
        return ""
