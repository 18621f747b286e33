"""Secrets: a variable or the machine's keyring, never a settings file, never a screen.

`keyring` is imported only when a secret is looked for and no variable has it. Backends that keep secrets in plain
text (`keyrings.alt`) or lose them (`null`) are refused: keyring itself would pick them silently (FACTS.md).
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from console.text import clean
from console.words import _

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SERVICE = "canario"
"""Name that the keyring keeps our secrets under."""

SECRETS: Mapping[str, str] = {
    "app-secret": "CANARIO_APP_SECRET",
    "github-token": "CANARIO_GITHUB_TOKEN",
    "slack-webhook": "CANARIO_SLACK_WEBHOOK",
    "verify-token": "CANARIO_VERIFY_TOKEN",
    "database-password": "CANARIO_DATABASE_PASSWORD",
}
"""Each secret's name in the keyring, and the variable that stands in for it."""

_FOUND: set[str] = set()
"""Values that this process has been given."""

_NAME = re.compile(r"token|secret|passw|webhook|credential|api_?key|private_?key", re.IGNORECASE)
_VALUE = re.compile(r"hooks\.slack\.com/|\bgh[pousr]_\w{10,}|\bgithub_pat_\w{10,}|\bxox[abposr]-|-----BEGIN ")


@dataclass(frozen=True, slots=True)
class Secret:
    """What was found of a secret. Its value is left out of every repr."""

    name: str
    value: str | None = field(default=None, repr=False)
    source: str = ""
    """The variable or the keyring backend that had it."""
    problem: str = ""
    """Why the keyring could not be asked, in a sentence; empty where it could."""


def secret(name: str, environ: Mapping[str, str] | None = None) -> str | None:
    """The secret called `name`, or None where there is none or the keyring cannot be asked.

    Args:
        name: one of `SECRETS`.
        environ: variables; the process's where None.
    """
    return find_secret(name, environ).value


def find_secret(name: str, environ: Mapping[str, str] | None = None) -> Secret:
    """As `secret`, with where it was found or why it could not be."""
    return _find(name, SECRETS[name], environ)


def database_password(environment: str, environ: Mapping[str, str] | None = None) -> Secret:
    """The database's password in that environment, else the one for all.

    Its own is `database-password-production` in the keyring, or CANARIO_DATABASE_PASSWORD_PRODUCTION.
    """
    variable = SECRETS["database-password"]
    own = _find(f"database-password-{environment}", f"{variable}_{environment.upper().replace('-', '_')}", environ)
    return own if own.value else find_secret("database-password", environ)


def known_values() -> frozenset[str]:
    """Every secret of canario's that this process knows: from its variables, and all that were found so far.

    For hiding them wherever they turn up (`console.journal.scrub`). The keyring is not asked: that may open a dialog.
    """
    return _known(tuple(os.environ.get(variable, "") for variable in SECRETS.values()), frozenset(_FOUND))


def ask_for_all(environments: Iterable[str] = ()) -> None:
    """Look every secret up, so that `known_values` has them all. Asks the keyring, which may block.

    Args:
        environments: names of those whose databases have passwords of their own.
    """
    for name in SECRETS:
        find_secret(name)
    for environment in environments:
        database_password(environment)


@functools.lru_cache(maxsize=8)
def _known(values: tuple[str, ...], found: frozenset[str]) -> frozenset[str]:
    own = f"{SECRETS['database-password']}_"
    theirs = (value for variable, value in os.environ.items() if variable.startswith(own))
    return frozenset(value.strip() for value in (*values, *theirs, *found) if value.strip())


def _find(name: str, variable: str, environ: Mapping[str, str] | None) -> Secret:
    value = (os.environ if environ is None else environ).get(variable, "").strip()
    if value:
        _FOUND.add(value)
        return Secret(name, value, variable)
    backends, problem = usable_backends()
    for backend in backends:
        try:
            found = backend.get_password(SERVICE, name)
        except Exception as error:  # noqa: BLE001 - a backend fails in its own ways, and none may stop a release
            problem = _("The keyring ({backend}) does not answer: {problem}.").format(
                backend=backend.name, problem=clean(str(error) or type(error).__name__, 200)
            )
            continue
        if found:
            _FOUND.add(found.strip())
            return Secret(name, found, backend.name)
    if problem:
        problem = f"{problem} " + _("Set {variable} instead.").format(variable=variable)
    return Secret(name, problem=problem)


def usable_backends() -> tuple[tuple[KeyringBackend, ...], str]:
    """The keyring backends that may be asked, and why there is none."""
    try:
        import keyring
        import keyring.backends.chainer

        active = keyring.get_keyring()
        chained = active.backends if isinstance(active, keyring.backends.chainer.ChainerBackend) else [active]
        refused = [backend for backend in chained if _refused(backend)]
        usable = tuple(backend for backend in chained if not _refused(backend))
    except Exception as error:  # noqa: BLE001 - as above; also a broken configuration of keyring itself
        return (), _("The keyring cannot be loaded: {problem}.").format(
            problem=clean(str(error) or type(error).__name__, 200)
        )
    if usable:
        return usable, ""
    kinds = {type(backend).__module__ for backend in refused}
    if any(kind.startswith("keyrings.alt") for kind in kinds):
        return (), _("The only keyring here keeps secrets in plain text, so it is not used.")
    return (), _("This machine has no keyring.")


def _refused(backend: KeyringBackend) -> bool:
    module = type(backend).__module__
    return module.startswith(("keyrings.alt", "keyring.backends.null", "keyring.backends.fail"))


def looks_secret(key: str, value: object) -> bool:
    """Whether a settings key or its value looks like a secret."""
    return bool(_NAME.search(key)) or (isinstance(value, str) and bool(_VALUE.search(value)))
