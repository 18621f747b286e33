"""Adapters to Cloud Run, Logging, Monitoring and Audit Logs, over the real google-cloud async clients.

Beside the simulator, the only place that knows `google.*` and gRPC; it speaks in `console.release` types and raises
`console.errors`. It must not know screens, settings files, guardrails or the journal. Importing `console.cloud`,
`console.cloud.client`, `.run`, `.logs` or `.metrics` imports neither google nor grpc: those come in a thread, when
`Cloud.connect` and the first call of each API need them (a test reads `sys.modules`).
"""

from __future__ import annotations

import os

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # before anything imports grpc, or it writes over the screen
