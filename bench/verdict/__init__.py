"""How fast and how rightly the judge judges, against the ways a canary is judged today: `python -m bench.verdict`."""
