"""nibabel: load."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import nibabel
import probe


def _with_unit(kind):
    def asked(folder):
        path = folder / probe.PLACES[kind]
        said = bytes(nibabel.load(path).header["descrip"]).decode().strip("\0 ")
        return probe.image(*probe.nifti(path), said.removeprefix("neorlt ") or None)

    return {kind: asked}


probe.main(_with_unit("nifti") | _with_unit("view") | probe.label_map(probe.nifti))
