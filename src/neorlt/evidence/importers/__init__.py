"""Import of records from files: the format is sniffed from the content, never from the name."""

from neorlt.evidence.importers.formats import FORMATS, import_bytes, import_file, lacking, sniff

__all__ = ["FORMATS", "import_bytes", "import_file", "lacking", "sniff"]
