"""The procedure as data: phases, steps and needs; its state; and one module for each kind of step.

A runbook is a TOML file (`model`, `load`); what was done is evidence (`evidence`), kept in the journal and, in short,
in the release annotation; `progress` is the pure function from both to the checklist; `walk` carries steps out. Knows
no screen: `screens/checklist.py` draws what `progress` says and calls `walk`.
"""
