"""Figures of the report, one concern a file; each takes a part of the plan document and returns SVG text or PNG bytes."""
