"""The judge: request outcomes in, a verdict with reasons out. Pure; standard library only.

`base` has the words every judge speaks (Counts, Tick, Verdict, the Judge protocol); each judge is a module of its
own. A judge has no clock: time is the second of log timestamp that each tick carries.
"""
