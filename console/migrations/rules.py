"""All rules by their id. docs/migrations.md lists them; a test holds the two together."""

from __future__ import annotations

from console.migrations.rules_additive import ADDITIVE
from console.migrations.rules_blocking import BLOCKING
from console.migrations.rules_incompatible import INCOMPATIBLE
from console.migrations.rules_losing import LOSING
from console.migrations.rules_unknown import UNKNOWN
from console.migrations.verdict import Rule

RULES: dict[str, Rule] = {rule.id: rule for rule in (*ADDITIVE, *BLOCKING, *LOSING, *INCOMPATIBLE, *UNKNOWN)}
"""In the order in which the page lists them: mildest verdict first."""
