"""Law of place: regions lie inside the body, on tissue of their organ, on their side, and where the uptake is."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neorlt.core.errors import InputError
from neorlt.dicom.identity import Identity, make_uid
from neorlt.dicom.read import read_study
from neorlt.dicom.write_ct import write_ct
from neorlt.dicom.write_nm import write_spect
from neorlt.dicom.write_seg import write_seg
from neorlt.imaging.hot import without_role
from neorlt.imaging.place import check_place, fit_of_places
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.resample import region_on
from neorlt.imaging.study import Administration, Study
from neorlt.imaging.volume import Grid, Unit, Volume

T0 = datetime(2026, 3, 2, 9, 0)
FRAME = make_uid("place")
GRID = Grid((60, 48, 40), np.array([[6.0, 0, 0, -177], [0, 6.0, 0, -141], [0, 0, 6.0, 0], [0, 0, 0, 1]]), FRAME)
# x, y, z in voxels of 6 mm; x grows to the patient's left
BOXES = {
    "liver": ((10, 26), (10, 30), (14, 32)),
    "spleen": ((42, 50), (24, 34), (18, 30)),
    "kidney-left": ((36, 44), (32, 40), (8, 20)),
    "kidney-right": ((16, 24), (32, 40), (8, 20)),
    "primary": ((30, 34), (16, 20), (16, 21)),
}
UPTAKE = {"liver": 2e5, "spleen": 3e5, "kidney-left": 6e5, "kidney-right": 6e5, "primary": 1.2e6}


def _box(name: str) -> np.ndarray[Any, Any]:
    out = np.zeros(GRID.shape, np.float32)
    out[tuple(slice(*span) for span in BOXES[name])] = 1.0
    return out


def _region(name: str, shift_mm: tuple[float, float, float] = (0.0, 0.0, 0.0), source: str = "NIfTI") -> Region:
    affine = np.array(GRID.affine)
    affine[:3, 3] += shift_mm
    kind = RegionKind.LESION if name == "primary" else RegionKind.ORGAN
    return Region(name, kind, _box(name), Grid(GRID.shape, affine, FRAME), source)


def _study(regions: list[Region], noise: float = 0.0, seed: int = 0) -> Study:
    hu = np.full(GRID.shape, -1000.0, np.float32)
    hu[4:56, 4:44] = 40.0
    activity = np.full(GRID.shape, 8e3, np.float32) * (hu > 0)
    for name, level in UPTAKE.items():
        activity = np.where(_box(name) > 0, level, activity)
    rng = np.random.default_rng(seed)
    activity = np.maximum(activity * (1 + noise * rng.standard_normal(GRID.shape)), 0).astype(np.float32)
    spect = Volume(activity, GRID, Unit.BQ_PER_ML, "NM", T0 + timedelta(hours=24), "Lu-177")
    return Study("key", (spect, Volume(hu, GRID, Unit.HU, "CT")), tuple(regions), (Administration("Lu-177", 7400.0, T0),))


def test_regions_that_lie_right_are_not_questioned() -> None:
    assert not any(one.refuses for one in check_place(_study([_region(n) for n in BOXES], noise=0.3)))


@settings(max_examples=25, deadline=None)
@given(st.sampled_from([0, 1, 2]), st.sampled_from([-90.0, -60.0, -42.0, 42.0, 60.0, 90.0]), st.floats(0.0, 0.5))
def test_a_shifted_label_map_is_found(axis: int, shift: float, noise: float) -> None:
    """Property: whatever the direction and the noise, the shift back is found to within a coarse voxel."""
    moved = [0.0, 0.0, 0.0]
    moved[axis] = shift
    regions = [_region(n, (moved[0], moved[1], moved[2])) for n in BOXES]
    study = _study(regions, noise)
    found = check_place(study)
    assert found[0].refuses
    fitted = fit_of_places([r for r in regions if r.kind is RegionKind.ORGAN], study.therapy_images()[0])
    assert fitted is not None
    assert -fitted[1] == pytest.approx(np.array(moved), abs=9.0)


@pytest.mark.parametrize("names", [("liver", "spleen"), ("kidney-left", "kidney-right"), ("liver", "kidney-left", "primary")])
def test_two_organs_are_enough(names: tuple[str, ...]) -> None:
    assert any(one.refuses and "away" in one.sentence for one in check_place(_study([_region(n, (0, -54, 0)) for n in names])))


def test_one_displaced_source_of_two_is_named() -> None:
    good = [_region(n, source="RTSTRUCT") for n in ("liver", "spleen")]
    bad = [_region(n, (-60, 0, 0), "SEG") for n in ("kidney-left", "kidney-right")]
    found = [one for one in check_place(_study(good + bad)) if "away" in one.sentence]
    assert len(found) == 1
    assert "SEG" in found[0].sentence


def test_sides_that_are_exchanged() -> None:
    left, right = _region("kidney-left"), _region("kidney-right")
    swapped = [replace(left, name="Niere rechts"), replace(right, name="Niere links")]
    assert any(one.refuses and "sides" in one.sentence for one in check_place(_study(swapped)))
    assert not any("sides" in one.sentence for one in check_place(_study([left, right])))


@pytest.mark.parametrize(("name", "shift"), [("liver", -150), ("primary", -96), ("spleen", -180)])
def test_a_region_in_the_air(name: str, shift: float) -> None:
    assert any(one.refuses and "outside the body" in one.sentence for one in check_place(_study([_region(name, (0, shift, 0))])))


def test_tissue_and_volume_that_are_not_the_organs_are_said() -> None:
    wrong = replace(_region("liver"), name="lung_left")
    said = [one for one in check_place(_study([wrong, replace(_region("primary"), name="kidney", kind=RegionKind.ORGAN)]))]
    assert any("HU is not that of a lung" in one.sentence and not one.refuses for one in said)
    assert any("outside the range of a kidney" in one.sentence and not one.refuses for one in said)


def test_a_cold_lesion_is_said() -> None:
    cold = replace(_region("primary", (0, 60, 60)), name="met")
    assert any("less than the mean" in one.sentence and not one.refuses for one in check_place(_study([cold])))


def test_a_hot_region_without_a_role_is_said() -> None:
    hot = replace(_region("primary"), name="X7", kind=RegionKind.OTHER)
    assert any("'X7' has no role and holds" in one.sentence and "[roles]" in one.sentence for one in check_place(_study([hot])))
    cold = replace(_region("primary", (0, 60, 60)), name="X8", kind=RegionKind.OTHER)
    assert not any("X8" in one.sentence for one in check_place(_study([cold])))


def _written(folder: Path, shift_mm: tuple[float, float, float]) -> Path:
    who = Identity("P-1", "Place^One", None, "F", 60, 70.0, 1.7, make_uid("place study"), T0, FRAME)
    study = _study([])
    spect, ct = study.volumes
    paths = write_ct(ct, folder / "ct", who, description="CT", series_number=1)
    write_spect(
        spect, folder / "nm.dcm", who, administration=study.administrations[0], acquisition_time=T0 + timedelta(hours=24),
        frame_duration_s=1200, description="SPECT", series_number=2,
    )  # fmt: skip
    drawn = [Region(r.name, r.kind, region_on(r, GRID), GRID) for r in (_region(n, shift_mm) for n in BOXES)]
    write_seg(drawn, paths, folder / "seg.dcm", who, description="SEG", series_number=3)
    return folder


def test_a_study_with_displaced_regions_is_refused_or_trusted_with_a_reason(tmp_path) -> None:  # type: ignore[no-untyped-def]
    folder = _written(tmp_path / "study", (0.0, -60.0, 0.0))
    with pytest.raises(InputError, match=r"do not lie on the uptake.*60 mm away.*\[place\]"):
        read_study(folder)
    (folder / "settings.toml").write_text('[place]\ntrust = true\nreason = "a test"\n')
    study = read_study(folder)
    assert any("a test" in w for w in study.warnings)
    assert any("do not lie on the uptake" in w for w in study.warnings)
    assert read_study(_written(tmp_path / "right", (0.0, 0.0, 0.0))).warnings == ()


@pytest.mark.parametrize("name", ["SMV", "Truncus coeliacus", "Pfortader", "renal vein"])
def test_a_vessel_on_the_tumour_has_its_role(name: str) -> None:
    hot = replace(_region("primary"), name=name, kind=RegionKind.OTHER)
    assert without_role([hot]) == [] and not any(repr(name) in one.sentence for one in check_place(_study([hot])))


@pytest.mark.parametrize("name", ["para-aortic", "aortocaval", "peri-SMV"])
def test_what_lies_beside_a_vessel_is_none(name: str) -> None:
    hot = replace(_region("primary"), name=name, kind=RegionKind.OTHER)
    assert any(f"{name!r} has no role" in one.sentence for one in check_place(_study([hot])))


def test_an_image_that_shows_nothing_places_no_region() -> None:
    study = _study([_region(n) for n in BOXES])
    spect, ct = study.volumes
    dark = replace(study, volumes=(replace(spect, array=np.zeros_like(spect.array)), ct))
    assert fit_of_places([r for r in study.regions if r.kind is RegionKind.ORGAN], dark.volumes[0]) is None
    assert not any("away" in one.sentence for one in check_place(dark))
