"""The pure core: what a service, a split, a plan, a window and a guardrail are. No I/O, no clock of its own.

Everything here is a frozen value or a pure function of values. It must not know gRPC, Textual, settings files or
the journal; it may use the standard library, pydantic and `console.words` / `console.errors`.
"""
