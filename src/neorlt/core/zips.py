"""What reading a damaged ZIP raises: an upload, a study, a workbook, or arrays of numpy, which lie in one too."""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib

DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, EOFError, RuntimeError, ValueError, struct.error,
           OverflowError)
"""Which of these it is depends on how a member is packed and where the damage lies. A damaged bzip2 stream is an OSError that has no
number."""
