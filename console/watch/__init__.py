"""The feeds and the live picture: what is true right now, published as an immutable Snapshot a few times a second.

Reads `cloud`, feeds `verdict`, and never moves anything. It must not know screens, actions or settings files.
"""
