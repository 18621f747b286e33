"""Database migrations that cannot hurt the code that still runs: SQL judged statement by statement, then applied.

The judge (`lint`, and all it stands on: `split`, `tokens`, `grammar*`, `rules`, `verdict`, `facts`) is pure: text and
facts in, verdicts out. It opens no file, no connection and no clock, and must know nothing of settings, screens,
Textual or the cloud. Everything that talks to a database stands beside it and asks it, never the other way round.
"""
