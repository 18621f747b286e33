"""The kinds of step: one module with one class each. A new kind is a new module here; nothing else changes."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from console.runbook.kinds.base import StepKind


@cache
def kinds() -> dict[str, type[StepKind]]:
    """Every kind by its name, found by importing this folder's modules."""
    found: dict[str, type[StepKind]] = {}
    for module in pkgutil.iter_modules(__path__):
        if module.name == "base":
            continue
        loaded = importlib.import_module(f"{__name__}.{module.name}")
        for value in vars(loaded).values():
            if isinstance(value, type) and issubclass(value, StepKind) and value.__module__ == loaded.__name__:
                found[value.name] = value
    return found
