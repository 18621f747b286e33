"""canario: the terminal console an on-call operator keeps open while a release goes out on Cloud Run.

`release` and `verdict` decide (pure), `cloud` speaks to Google, `watch` keeps the live picture, `actions` is
the one guarded door to production, `cli` and `app` are its two faces. Importing this package imports nothing.
"""

__version__ = "0.1.0"
