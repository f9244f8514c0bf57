"""Drugs that a cycle may be given with to make it act more."""

SENSITISERS = ("none", "capecitabine", "captem", "5-fu")
"""As a scheme names them; their places here are the codes of the response model: 0 is none."""
