"""`canario report`: a release's story as a file that needs nothing else."""

from __future__ import annotations

from pathlib import Path

from console.chronicle import Source
from console.commands.output import SCHEMA, say, say_json, warn
from console.commands.running import Place, session_at
from console.errors import ExitCode
from console.report import write_report
from console.words import _


async def report(place: Place, release: str, out: Path, *, as_json: bool) -> int:
    """Write the report of `release` (the latest where empty) into the folder `out`.

    Raises:
        UsageError: there is no such release; names those that exist.
        CanarioError: it cannot be read or written.
    """
    async with session_at(place) as session:
        await session.watcher.refresh()
        written = await write_report(Source.of(session), place.settings, release, out)
    for problem in written.problems:
        warn(problem)
    if as_json:
        say_json(
            {
                "schema": SCHEMA,
                "release": written.release,
                "html": str(written.html),
                "markdown": str(written.markdown),
                "problems": written.problems,
            }
        )
    else:
        say(_("The report of {release}:").format(release=written.release))
        say(f"  {written.html}")
        say(f"  {written.markdown}")
    return ExitCode.DONE
