from __future__ import annotations

import json
from pathlib import Path

import pytest

from neorlt.web.app import create_app
from neorlt.web.pages import panes, view_of
from neorlt.web.settings import Settings
from neorlt.web.store import Case, Status

from .conftest import PLAN, Browser

CASE = "/cases/shared-example"


def _row(name: str, kind: str, week: float | None, frame: int = 0) -> dict[str, object]:
    return {
        "name": name, "kind": kind, "title": name, "unit": "Gy", "other_units": [], "week": week, "frame": frame, "highest": 1.0,
        "spacing_mm": [1, 1, 1], "shape": [2, 2, 2], "bytes": 10,
    }  # fmt: skip


@pytest.fixture
def visitor(tmp_path: Path) -> Browser:
    folder = tmp_path / "example"
    (folder / "view").mkdir(parents=True)
    (folder / "plan.json").write_text(json.dumps(PLAN))
    (folder / "report.html").write_text("x")
    rows = [_row("ct-1", "ct", None), _row("dose", "dose", None), _row("../../plan", "pet", 0.0), _row("gone-1", "pet", 0.0)]
    places = {"volumes": rows, "lesions": {"primary": [1.0, 2.0, 3.0]}, "events": []}
    (folder / "view" / "view.json").write_text(json.dumps(places))
    for name in ("ct-1", "dose", "secret"):
        (folder / "view" / f"{name}.nii.gz").write_bytes(name.encode())
    return Browser(create_app(Settings(tmp_path / "root", shared=(("example", folder),)))).open()


def test_only_listed_volumes_are_served(visitor: Browser) -> None:
    assert visitor.client.get(f"{CASE}/volumes/ct-1.nii.gz").content == b"ct-1"
    for name in ("secret", "gone-1", "nothing", "view", "..%2f..%2fplan"):
        assert visitor.client.get(f"{CASE}/volumes/{name}.nii.gz").status_code == 404


def test_own_voxels_are_served_where_they_were_kept(visitor: Browser, tmp_path: Path) -> None:
    import numpy as np

    from neorlt.imaging.blocks import write_blocks

    view = tmp_path / "example" / "view"
    assert visitor.client.get(f"{CASE}/detail/ct-1.nii.gz", params={"x": 0, "y": 0, "z": 0}).status_code == 404
    assert 'id="detail"' not in visitor.client.get(CASE).text
    found = json.loads((view / "view.json").read_text())
    found["volumes"][0]["full"] = {"shape": [40, 40, 4], "affine": np.eye(4).tolist(), "spacing_mm": [1, 1, 1], "bytes": 1}
    (view / "view.json").write_text(json.dumps(found))
    write_blocks(np.arange(6400, dtype=np.float32).reshape(40, 40, 4), 1.0, view / "ct-1.blocks")
    answer = visitor.client.get(f"{CASE}/detail/ct-1.nii.gz", params={"x": -3.0, "y": -3.0, "z": 1.0})
    assert answer.status_code == 200
    assert answer.content[:2] == b"\x1f\x8b"
    assert 'id="detail"' in visitor.client.get(CASE).text
    for query in ({"x": "nan", "y": 0, "z": 0}, {"x": 1e9, "y": 0, "z": 0}):
        assert visitor.client.get(f"{CASE}/detail/ct-1.nii.gz", params=query).status_code == 404
    assert visitor.client.get(f"{CASE}/detail/..%2f..%2fplan.nii.gz", params={"x": 0, "y": 0, "z": 0}).status_code == 404


def test_only_listed_pictures_are_served(visitor: Browser, tmp_path: Path) -> None:
    folder = tmp_path / "example" / "pictures"
    folder.mkdir()
    for name in ("contact-1", "secret-1"):
        (folder / f"{name}.png").write_bytes(name.encode())
    rows = [{"name": name, "title": name, "plane": "axial", "alt": "a", "vessel": "SMV"} for name in ("contact-1", "gone-1", "../../plan")]
    (folder / "pictures.json").write_text(json.dumps(rows))
    assert visitor.client.get(f"{CASE}/pictures/contact-1.png").content == b"contact-1"
    for name in ("secret-1", "gone-1", "..%2f..%2fplan", "pictures"):
        assert visitor.client.get(f"{CASE}/pictures/{name}.png").status_code == 404


def test_a_vessel_without_contours_is_shown_by_its_file_alone(visitor: Browser, tmp_path: Path) -> None:
    path = tmp_path / "example" / "plan.json"
    plan = json.loads(path.read_text())
    assert "whether the tumour touches a vessel is not known" in visitor.client.get(CASE).text
    row = {"vessel": "SMV", "stated_deg": 220.0, "measured": None, "reason": "no region of this vessel was drawn"}
    path.write_text(json.dumps(plan | {"vessel_contacts": [row]}))
    text = visitor.client.get(CASE).text
    assert "No vessel was drawn in the images" in text
    assert "Patient file: 220°." in text
    assert 'class="jump" data-name="the contact' not in text


def test_contours_are_served_where_the_view_lists_them(visitor: Browser, tmp_path: Path) -> None:
    assert visitor.client.get(f"{CASE}/view.json").json()["contours"] is None
    assert 'id="contours"' not in visitor.client.get(CASE).text
    view = tmp_path / "example" / "view"
    (view / "contours.nii.gz").write_bytes(b"labels")
    found = json.loads((view / "view.json").read_text())
    for name, status in (("contours", 200), ("../../plan", 404)):
        rows = {"name": name, "frame": 0, "regions": [], "left_out": ["far away"], "bytes": 6}
        (view / "view.json").write_text(json.dumps(found | {"contours": rows}))
        assert visitor.client.get(f"{CASE}/volumes/contours.nii.gz").status_code == status
        assert ("far away" in visitor.client.get(CASE).text) == (status == 200)


def test_names_that_lead_elsewhere_are_dropped(visitor: Browser) -> None:
    names = [row["name"] for row in visitor.client.get(f"{CASE}/view.json").json()["volumes"]]
    assert names == ["ct-1", "dose", "gone-1"]


def test_page_has_panes_units_and_a_button_for_each_lesion(visitor: Browser) -> None:
    text = visitor.client.get(CASE).text
    assert text.count('class="pane"') == 2
    assert 'data-place="1.0 2.0 3.0"' in text
    assert "data-part=\"unit\"" in text


def test_page_without_images_has_no_viewer(browser: Browser) -> None:
    text = browser.client.get(CASE).text
    assert 'id="viewer"' not in text
    assert browser.client.get(f"{CASE}/view.json").json() == {"volumes": [], "contours": None, "lesions": {}, "events": []}


def test_panes_open_with_baseline_and_what_came_after() -> None:
    images = [_row("pet-1", "pet", -2.0), _row("pet-2", "pet", 30.0), _row("spect-1", "spect", 0.2)]
    rows = [_row("ct-1", "ct", None), *images, _row("dose", "dose", None)]
    found = panes({"volumes": rows})
    assert found["first"] == {"under": "ct-1", "over": "pet-1"}
    assert found["second"] == {"under": "ct-1", "over": "pet-2"}
    without_follow_up = panes({"volumes": [row for row in rows if row["name"] != "pet-2"]})
    assert without_follow_up["second"] == {"under": "ct-1", "over": "dose"}


def test_each_pane_takes_the_ct_of_its_own_frame() -> None:
    rows = [_row("ct-1", "ct", None), _row("ct-2", "ct", None, 1), _row("pet-1", "pet", -2.0), _row("pet-2", "pet", 30.0, 1)]
    found = panes({"volumes": rows})
    assert (found["first"]["under"], found["second"]["under"]) == ("ct-1", "ct-2")


def test_view_of_a_case_without_one_is_empty(tmp_path: Path) -> None:
    case = Case("a" * 32, tmp_path, "me", "t", "", Status.DONE)
    assert view_of(case) == {"volumes": [], "contours": None, "lesions": {}, "events": []}
