"""Cloud SQL by Google's connector, with IAM login: an extra (`pip install canario[cloudsql]`), imported only here."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from console.migrations.errors import DatabaseError
from console.text import clean
from console.words import _

if TYPE_CHECKING:
    from console.migrations.database import Address


def connect_cloud_sql(address: Address, driver: str, options: Mapping[str, Any]) -> Any:
    """A connection of `driver` through the connector, which brings TLS and checks the instance by itself.

    Args:
        address: with `cloud_sql`.
        driver: `pymysql` or `psycopg`.
        options: the driver's own.

    Raises:
        DatabaseError: the extra is not installed, or the instance cannot be reached.
    """
    try:
        connector = import_module("google.cloud.sql.connector")
    except ImportError as error:
        raise DatabaseError(
            _("Cloud SQL needs the connector, which is not installed."),
            remedy=_("Install canario with it: uv tool install 'canario[cloudsql]'."),
        ) from error
    kept = {name: value for name, value in options.items() if name not in ("dbname", "database", "user", "password")}
    login: dict[str, Any] = {"user": address.user, "db": address.database, "enable_iam_auth": address.iam}
    if not address.iam:
        login["password"] = address.password
    try:
        return connector.Connector(refresh_strategy="lazy").connect(address.cloud_sql, driver, **login, **kept)
    except Exception as error:
        raise DatabaseError(
            _("Cloud SQL {instance} cannot be reached: {problem}.").format(
                instance=address.cloud_sql, problem=clean(str(error) or type(error).__name__, 300)
            ),
            remedy=_("Look at the instance's name, at `gcloud auth application-default login`, and at the IAM roles."),
        ) from error
