"""What `tests.forked` has read before it forks."""

import gc
import os

os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"  # as `console.cli` sets it, before pydantic is read
os.environ["GRPC_VERBOSITY"] = "NONE"


gc.freeze()  # a forked process need not copy what it never changes
