"""What a browser sees of the simulated GitHub, at the addresses that its answers name as `html_url`: one page.

The pull request with its labels, reviews, comments and checks, and the workflow runs. It changes nothing.
"""

from __future__ import annotations

import html

from aiohttp import web

from console.simulator.github import GitHub
from console.simulator.github_json import when
from console.simulator.github_state import NUMBER, Run


async def page(github: GitHub) -> web.Response:
    """The page as things stand."""
    await github.sync()
    pull = github.pull
    state = (
        f"merged as {pull.merge_sha[:7]} by {pull.merged_by}" if pull.merged_at else "open" if pull.open else "closed"
    )
    parts = [
        f"<h1>{_text(pull.title)} <small>#{NUMBER}</small></h1>",
        f"<p><b>{_text(state)}</b> · {_text(pull.author)} · {_text(', '.join(pull.labels))}</p>",
        f"<pre>{_text(pull.body)}</pre>",
        "<h2>Reviews</h2>",
        *(f"<p>{_text(r.user)}: {_text(r.state)} {_text(r.body)}</p>" for r in pull.reviews),
        "<h2>Comments</h2>",
        *(f"<p>{_text(c.user)}</p><pre>{_text(c.body)}</pre>" for c in pull.comments),
        "<h2>Actions</h2><table>",
        *(_row(run) for run in reversed(github.runs)),
        "</table>",
    ]
    return web.Response(text=_PAGE.format(body="".join(parts)), content_type="text/html")


def _row(run: Run) -> str:
    cells = (
        when(run.created) or "",
        run.workflow.name,
        run.event,
        run.branch,
        run.sha[:7],
        run.actor,
        run.status,
        run.conclusion or "",
    )
    return f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in cells)}</tr>"


def _text(words: str) -> str:
    return html.escape(words)


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>acme/wa-orchestrator</title>
<meta http-equiv="refresh" content="3"><style>body{{font:15px system-ui;max-width:60rem;margin:2rem auto}}
pre{{white-space:pre-wrap;background:#f4f4f4;padding:.6rem}}td{{padding:.1rem .6rem}}</style></head>
<body>{body}</body></html>
"""
