"""Where an environment's database and its replicas are, with the password that belongs to them. Asks the keyring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from console.errors import UsageError
from console.migrations.database import Address
from console.migrations.urls import read_url
from console.words import _

if TYPE_CHECKING:
    from console.settings import Environment


def addresses_of(
    environment: Environment, url: str | None = None, replicas: Sequence[str] = ()
) -> tuple[Address, tuple[Address, ...]]:
    """Where the database and its replicas are. Blocks.

    Args:
        environment: whose.
        url: another database than the environment's.
        replicas: other replicas.

    Raises:
        UsageError: no database is named.
        SettingsError: a URL cannot be read.
    """
    from console.secrets import database_password

    own = environment.database
    if url is not None:
        address, urls = read_url(url), tuple(replicas)
    elif own is not None:
        address, urls = read_url(own.url, cloud_sql=own.cloud_sql, iam=own.iam), tuple(replicas) or own.replicas
    else:
        raise UsageError(
            _("No database is set for {environment}.").format(environment=environment.name),
            remedy=_("Write url under [environments.{environment}.database], or give --database URL.").format(
                environment=environment.name
            ),
        )
    if address.engine == "sqlite" or address.iam:
        return address, tuple(read_url(one) for one in urls)
    password = database_password(environment.name).value or ""
    return replace(address, password=password), tuple(replace(read_url(one), password=password) for one in urls)
