"""Style of a table of more columns than a paper is wide: printed, each row becomes a block of named values."""

from __future__ import annotations

STACKED_CSS = """
@media print {
  .stacked, .stacked caption, .stacked tbody, .stacked tr, .stacked th, .stacked td { display: block; }
  .stacked thead { display: none; }
  .stacked tr { columns: 3; column-gap: 6mm; break-inside: avoid; border-bottom: 0.6pt solid var(--line); padding: 1.5mm 0 2.5mm; }
  .stacked tbody th { column-span: all; border: 0; }
  .stacked tbody td { border: 0; padding: 0.4mm 0; min-width: 0; break-inside: avoid; overflow-wrap: anywhere; }
  .stacked tbody td::before { content: attr(data-head) ": "; font-weight: 600; }
}
"""
"""For a table of the class ``stacked`` whose cells name their column in ``data-head``."""
