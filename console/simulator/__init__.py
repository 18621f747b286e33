"""A local Cloud Run, Cloud Logging and Cloud Monitoring that speak the real protocol, in a process of their own.

It serves on loopback only, with Google's own message classes, so that the same adapters drive it as drive Google
(DESIGN.md, decision 1). It must not know the console: no screens, actions or settings. Importing this package
imports nothing; `main` runs the server, `console.simulator.process` starts it as a child.
"""

from __future__ import annotations

from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the simulator until SIGINT or SIGTERM; `python -m console.simulator` and `canario simulate` call this.

    Args:
        argv: options as on a command line (`--scenario`, `--now`, `--speed`, `--seed`, `--state`, `--port`);
            those of the process where None.

    Returns:
        Exit code: 0 stopped, 1 could not start, 2 options wrong.
    """
    from console.simulator.options import run

    return run(argv)
