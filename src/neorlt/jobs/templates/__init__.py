"""Commented templates of the files that a user writes."""
