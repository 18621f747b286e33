"""Recorded logs judged by the console's own judge: `files` and `entries` read them, `judging` says the verdicts.

Starts without Textual and without a Google client; reads files and standard input, nothing else.
"""
