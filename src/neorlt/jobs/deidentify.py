"""``neorlt deidentify``: a study without identities."""

from __future__ import annotations

import secrets
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.uid import UID

from neorlt.core.errors import InputError
from neorlt.core.progress import track
from neorlt.core.run import result_folder
from neorlt.dicom.deidentify import Deidentifier
from neorlt.dicom.scan import scan

PICTURES = ("1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.77", "1.2.840.10008.5.1.4.1.1.104")
"""Secondary captures, photographs and encapsulated documents: they show names in their pixels or pages."""


def deidentify_command(study: Path, out: Path, *, key: str | None = None) -> dict[str, Any]:
    """Write a study without identities to ``out`` and say what was taken out.

    Parameters
    ----------
    study, out
        The study's folder, and the folder to write to.
    key
        Secret of the pseudonyms (eight characters or more). Without it a random one is drawn and thrown away.

    Returns
    -------
    dict
        ``files`` written, ``removed`` (how often each attribute was taken out), ``left_out`` (objects not written, by
        kind), ``warnings``.

    Raises
    ------
    InputError
        If the study cannot be read, an object cannot be cleaned, or ``out`` holds something else.
    """
    found = scan(Path(study))
    if key is not None and len(key) < 8:
        raise InputError("the key is too short", expected="eight characters or more", where="--key", remedy="give a longer one")
    cleaner = Deidentifier(key if key is not None else secrets.token_hex(16))
    left_out: Counter[str] = Counter()
    files = 0
    with result_folder(out, "deidentify", options={"key": "given" if key else "random, not kept"}) as folder:
        for number, series in enumerate(track(found.series, "de-identifying", total=len(found.series)), start=1):
            if series.sop_class.startswith(PICTURES):
                left_out[UID(series.sop_class).name] += len(series.instances)
                continue
            for n, instance in enumerate(series.instances, start=1):
                try:
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        clean = cleaner.clean(dcmread(instance.path))
                        path = folder / f"series-{number:03d}" / f"{n:05d}.dcm"
                        path.parent.mkdir(exist_ok=True)
                        clean.save_as(path, enforce_file_format=True)
                except Exception as error:  # whatever cannot be cleaned must not be written
                    raise InputError(
                        "an object cannot be de-identified",
                        found=type(error).__name__,
                        where=instance.name,
                        remedy="take the file out, or export it again",
                    ) from error
                files += 1
    return {
        "files": files,
        "removed": dict(sorted(cleaner.removed.items())),
        "left_out": dict(sorted(left_out.items())),
        "warnings": [
            "Pixels are unchanged: look for burned-in text, and mind that a head can be recognised from its CT.",
            *(f"{n} x {kind} left out: such objects show names in their pixels." for kind, n in sorted(left_out.items())),
        ],
    }
