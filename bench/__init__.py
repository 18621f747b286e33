"""Measurements, side by side in one run: `make bench`, or `python -m bench`. Nothing here is a test, and no test times.

Every figure stands beside its yardstick, measured in turns with it (A B A B), as medians of the same run on the same
machine: what another machine makes of them is another matter, the ratio less so.
"""
