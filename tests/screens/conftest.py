"""Fixtures of the screens' tests."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.quiet import quiet_pilot

sys.path.insert(0, str(Path(__file__).parent))

__all__ = ["quiet_pilot"]
