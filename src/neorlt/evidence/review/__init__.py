"""A review is a folder: one SQLite file and a protocol in TOML."""

from neorlt.evidence.review.folder import ReviewFolder
from neorlt.evidence.review.protocol import Protocol, read_protocol

__all__ = ["Protocol", "ReviewFolder", "read_protocol"]
