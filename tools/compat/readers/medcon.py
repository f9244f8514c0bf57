"""(X)MedCon: medcon to NIfTI, stored numbers turned to values (-qs)."""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import probe


def _converted(source):
    with tempfile.TemporaryDirectory() as work:
        given = probe.files(source)
        stack = ["-stacks"] if len(given) > 1 else []
        probe.run("medcon", "-w", "-qs", *stack, "-c", "nifti", "-o", Path(work, "x"), "-f", *given)
        made = [path for path in Path(work).iterdir() if path.name.endswith((".nii", ".nii.gz"))]
        if len(made) != 1:
            raise RuntimeError(f"{len(made)} files")
        array, affine = probe.nifti(made[0])
        return array.copy(), affine


images = probe.images(_converted, "parametric map", "rtdose", "nm", "pet", "nifti", "view")
probe.main(images | probe.seg_as_one(_converted) | probe.label_map(_converted))
