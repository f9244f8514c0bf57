"""The page from end to end in a headless Chromium."""

from __future__ import annotations

import io
import json
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from neorlt.evidence.page import write_evidence
from neorlt.evidence.prisma import shipped_flow
from neorlt.evidence.studies import shipped_review
from neorlt.web.app import create_app
from neorlt.web.evidence import Evidence
from neorlt.web.settings import Settings

from .browser import Watched, axe, misfits
from .live import example_site, running

pytestmark = pytest.mark.needs_chromium


@pytest.fixture(scope="module")
def address(chromium: Any, example_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with example_site(tmp_path_factory.mktemp("server"), example_folder) as found:
        yield found


@pytest.fixture
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.getbasetemp() / "screenshots"
    folder.mkdir(exist_ok=True)
    return folder


def _open_case(watched: Watched, address: str) -> Any:
    page = watched.page
    page.goto(address)
    page.get_by_role("link", name="example", exact=True).click()
    page.wait_for_selector("#viewer[data-ready=true]")
    return page


@pytest.fixture(scope="module")
def opened(chromium: Any, address: str) -> Iterator[Any]:
    """The example case, opened once with its first prediction: drawing it without a graphics card takes its time."""
    watched = Watched(chromium)
    page = _open_case(watched, address)
    page.locator("#predicted table").wait_for()
    yield page
    watched.close()


def _back(page: Any, address: str) -> Any:
    """The case's page, loaded again only where a test went elsewhere."""
    if not page.url.endswith("/cases/shared-example"):
        page.goto(f"{address}/cases/shared-example")
        page.wait_for_selector("#viewer[data-ready=true]")
        page.locator("#predicted table").wait_for()
    return page


def _value(page: Any, pane: int, word: str) -> float:
    """The number behind a word in the line that says what lies under the cross."""
    text = page.locator("[data-part=read]").nth(pane).inner_text()
    found = re.search(rf"{re.escape(word)}[^:;]*: (-?[\d.,]+) \S+$", text)
    assert found, text
    return float(found.group(1).replace(",", ""))


def _dose_at(folder: Path, lesion: str) -> float:
    """Dose of the volume's nearest voxel at a lesion's centre, read by another reader than the page's."""
    sitk = pytest.importorskip("SimpleITK")
    place = json.loads((folder / "view" / "view.json").read_text())["lesions"][lesion]
    image = sitk.ReadImage(str(folder / "dose" / "absorbed_dose_gy.nii.gz"))
    lps = (-place[0], -place[1], place[2])
    return float(image[image.TransformPhysicalPointToIndex(lps)])


def test_board_opens_jumps_changes_compares_signs_and_prints(
    opened: Any, address: str, example_folder: Path, pictures: Path
) -> None:
    page = _back(opened, address)
    page.screenshot(path=pictures / "1-case.png", full_page=True)

    # Jump: both panes stand on the lesion, and the dose read there is that of the result.
    for lesion in ("tumour-2", "tumour-1"):
        page.get_by_role("button", name=f"Show {lesion}").click()
        assert f"The cross is on {lesion}" in page.locator("#viewer-said").inner_text()
        assert _value(page, 1, "Absorbed dose") == pytest.approx(_dose_at(example_folder, lesion), rel=0.02)
    page.locator("#images").screenshot(path=pictures / "2-lesion.png")

    # Change a scheme with the slider, by keyboard: from 4 cycles to 2.
    page.get_by_role("slider", name=re.compile("^Cycles")).focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    caption = page.locator("#predicted caption")
    page.locator("#predicted caption", has_text="2 × 7.4 GBq Lu-177").wait_for()

    # Compare two schemes: beside the plan's four cycles, in common draws.
    page.get_by_role("combobox", name="Beside").select_option(value="1")
    page.locator("#predicted caption", has_text="beside B").wait_for()
    assert "quality-adjusted months" in page.locator("#predicted .lead").inner_text()
    assert page.locator("#predicted tbody tr").count() == 2
    assert page.locator("#predicted .u-wrap").count() == 1
    assert "100 draws" in caption.inner_text()
    page.locator("#whatif").screenshot(path=pictures / "3-what-if.png")

    # Sign; the trail names the signer and the report's hash.
    page.get_by_label("Your name").fill("Dr Synthetic")
    page.get_by_role("button", name="Sign").click()
    page.locator("#trail li", has_text="Dr Synthetic").wait_for()
    entry = page.request.get(f"{address}/cases/shared-example/audit.json").json()[-1]
    assert entry["name"] == "Dr Synthetic"
    assert entry["report_sha256"][:12] in page.locator("#trail").inner_text()

    # Print: the report has no script, opens by its link and comes out as pages.
    page.get_by_role("link", name="Report to print").click()
    page.wait_for_load_state()
    page.emulate_media(media="print")
    page.screenshot(path=pictures / "4-report.png", full_page=True)
    paper = page.pdf(format="A4")
    (pictures / "5-printed.pdf").write_bytes(paper)
    assert paper.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", paper)) >= 2
    page.emulate_media(media="screen")


def test_panes_are_linked_and_keys_move_the_cross(opened: Any, address: str) -> None:
    page = _back(opened, address)
    places = [page.locator("[data-part=read]").nth(i) for i in (0, 1)]

    def where(i: int) -> list[str]:
        return re.findall(r"(\d+) mm (\w+)", places[i].inner_text())

    start = where(0)
    page.locator("canvas.planes").first.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    moved = where(0)
    # The right arrow leads to the right of the picture: to the patient's left.
    x = {side: sign for side, sign in (("left", 1), ("right", -1))}
    assert int(moved[0][0]) * x[moved[0][1]] - int(start[0][0]) * x[start[0][1]] == 10
    assert where(1) == moved
    page.get_by_label("Linked").uncheck()
    page.locator("canvas.planes").first.focus()
    page.keyboard.press("PageUp")
    assert where(0) != moved
    assert where(1) == moved


def _pixels(page: Any) -> Any:
    """The first pane without its rim, where the focus is marked: int (rows, columns, 3)."""
    shot = page.locator("canvas.planes").first.screenshot()
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(int)[12:-12, 12:-12]


def _green(page: Any) -> int:
    """Pixels in the colour of a lesion's outline (page.css)."""
    return int((np.abs(_pixels(page) - [56, 255, 122]).max(-1) < 30).sum())


def test_contours_are_drawn_hollow_and_can_be_switched_off(opened: Any, address: str) -> None:
    page = _back(opened, address)
    page.get_by_role("button", name="Show tumour-1").click()
    shown = _green(page)
    # The tumour is 44 mm wide in three planes of 280 pixels for about 300 mm: filled it would be some 4000 pixels.
    assert 150 < shown < 3000
    assert "in tumour-1" in page.locator("[data-part=read]").first.inner_text()
    page.get_by_label("Contours").uncheck()
    assert _green(page) == 0
    page.get_by_label("Contours").check()
    assert _green(page) == shown


def test_a_line_can_be_measured_without_moving_the_cross(opened: Any, address: str) -> None:
    page = _back(opened, address)
    canvas = page.locator("canvas.planes").first
    box, before, read = canvas.bounding_box(), _pixels(page), page.locator("[data-part=read]").first.inner_text()

    def draw() -> None:
        page.mouse.move(box["x"] + 60, box["y"] + 100)
        page.mouse.down()
        page.mouse.move(box["x"] + 160, box["y"] + 100, steps=4)
        page.mouse.up()
        assert (_pixels(page) != before).any()
        assert page.locator("[data-part=read]").first.inner_text() == read

    page.get_by_label("Measure").check()
    box = canvas.bounding_box()
    draw()
    # A line does not stay on other planes than those it was drawn in.
    canvas.focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowDown")
    assert (_pixels(page) == before).all()
    box = canvas.bounding_box()
    draw()
    page.get_by_label("Measure").uncheck()
    assert (_pixels(page) == before).all()


def test_scale_is_read_in_suv_bq_per_ml_and_gy(opened: Any, address: str) -> None:
    page = _back(opened, address)
    pane = page.locator(".pane").first
    view = page.request.get(f"{address}/cases/shared-example/view.json").json()
    pet = next(row for row in view["volumes"] if row["kind"] == "pet")
    (other,) = pet["other_units"]
    suv = _value(page, 0, "PET")
    assert "SUV" in pane.locator("[data-part=scale-unit]").inner_text()
    pane.get_by_label("Unit").select_option(label="Bq/ml")
    page.locator("canvas.planes").first.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowRight")
    assert _value(page, 0, "PET") == pytest.approx(suv / other["factor"], rel=0.01)
    assert "Bq/ml" in pane.locator("[data-part=scale-unit]").inner_text()
    assert "Gy" in page.locator(".pane").nth(1).locator("[data-part=scale-unit]").inner_text()


def test_slider_moves_are_answered(opened: Any, address: str, capsys: pytest.CaptureFixture[str]) -> None:
    page = _back(opened, address)
    seconds = []
    for weeks in ("9", "10", "11", "12"):
        start = time.perf_counter()
        page.get_by_role("slider", name=re.compile("^Weeks between cycles")).fill(weeks)
        page.locator("#predicted caption", has_text=f"every {weeks} weeks").wait_for()
        seconds.append(time.perf_counter() - start)
    with capsys.disabled():
        print(f" slider moves: {', '.join(f'{s:.2f} s' for s in seconds)} ", end="")
    # The goal of 1 s is held elsewhere, in processor time; here a busy machine is given time, and the figures are printed.
    assert min(seconds) < 20.0


def test_page_is_accessible_and_fits_its_window(chromium: Any, address: str, pictures: Path) -> None:
    # The checker is put into the page, which the page's policy rightly forbids: it is set aside for this visit.
    watched = Watched(chromium, bypass_csp=True)
    page = _open_case(watched, address)
    page.locator("#predicted table").wait_for()
    for details in page.locator("details").all():
        details.evaluate("one => { one.open = true; }")
    found = {}
    for path in (None, "/", "/evidence"):
        if path is not None:
            page.goto(address + path)
        for width in (1280, 820):
            page.set_viewport_size({"width": width, "height": 1000})
            page.wait_for_timeout(600)
            over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            if over > 0:
                found[f"{path} {width} wide"] = [f"{over} px too wide"]
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                if wrong := axe(page):
                    found[f"{path} {width} {scheme}"] = wrong
                if path is None:
                    page.screenshot(path=pictures / f"page-{width}-{scheme}.png", full_page=True)
    assert found == {}
    watched.close()


SCREENS = {"laptop": (1366, 768), "projector": (1024, 768), "wide projector": (1920, 1080), "phone": (390, 844)}
LONGEST = "Wednesday-8-" + 68 * "m"
"""A title of eighty characters and no gap, as the form allows it."""


def test_letters_have_room_on_laptop_projector_and_phone(
    chromium: Any, example_folder: Path, tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("neorlt.web.jobs.Jobs._run", lambda self, case: ("failed", "Not computed in this test."))
    table = shipped_review()
    write_evidence(table, shipped_flow(table), Evidence(tmp_path)._folder)
    found = {}
    with running(create_app(Settings(tmp_path, shared=(("example", example_folder),)))) as address:
        for screen, (width, height) in SCREENS.items():
            watched = Watched(chromium, width, height, **({"is_mobile": True, "has_touch": True} if screen == "phone" else {}))
            page = watched.page

            def look(name: str, page: Any = page, screen: str = screen, width: int = width) -> None:
                page.wait_for_timeout(400)
                page.screenshot(path=pictures / f"{screen.replace(' ', '-')}-{name}.png", full_page=True)
                if wrong := misfits(page, width):
                    found[f"{screen}: {name}"] = wrong

            page.goto(address)
            page.get_by_label("Title (a pseudonym").fill(LONGEST)
            page.get_by_label("patient.toml").set_input_files({"name": "p.toml", "mimeType": "text/plain", "buffer": b'id = "x"'})
            page.get_by_role("button", name="Plan", exact=True).click()
            page.get_by_text("Not computed in this test").wait_for()
            look("failed")
            page.goto(address)
            # However long the title, the state of its case is in view.
            state = page.get_by_role("row", name=LONGEST[:11]).get_by_role("cell").last
            assert state.bounding_box()["x"] + 60 < width
            look("cases")
            page.goto(f"{address}/evidence")
            look("evidence")
            page.goto(f"{address}/cases/shared-example/report.html")
            look("report")
            page.goto(f"{address}/cases/shared-example")
            page.wait_for_selector("#viewer[data-ready=true]")
            page.locator("#predicted table").wait_for()
            page.get_by_label("Your name").fill(LONGEST)
            page.get_by_role("button", name="Sign").click()
            page.locator("#trail li", has_text=LONGEST).first.wait_for()
            if screen == "phone":  # beside one another both would be 170 px wide
                page.get_by_label("Two panes").check()
                page.wait_for_timeout(400)
                boxes = [page.locator(".viewer").nth(i).bounding_box() for i in (0, 1)]
                assert min(box["width"] for box in boxes) > 330
            look("case")
            watched.close()
    assert found == {}


def test_keys_of_the_timeline_look_as_its_marks(chromium: Any, address: str) -> None:
    watched = Watched(chromium)
    page = watched.page
    page.goto(f"{address}/cases/shared-example", wait_until="domcontentloaded")
    shapes = page.evaluate("""() => {
      const colour = (one) => getComputedStyle(one)[one.ownerSVGElement ? "stroke" : "backgroundColor"];
      const marks = [...document.querySelectorAll(".timeline svg *")].filter((one) => colour(one) !== "none" && !one.matches(".track"));
      return [...document.querySelectorAll(".timeline .key i")].map((key) => {
        const box = key.getBoundingClientRect(), same = marks.filter((mark) => colour(mark) === colour(key));
        const wide = same.map((mark) => parseFloat(getComputedStyle(mark).strokeWidth));
        return { upright: box.height > 1.5 * box.width, width: box.width, wide };
      });
    }""")
    assert len(shapes) >= 3
    assert all(shape["upright"] for shape in shapes)
    drawn = [shape for shape in shapes if shape["wide"]]
    assert drawn
    assert all(abs(shape["width"] - shape["wide"][0]) < 1 for shape in drawn)
    # Left before the case is drawn: what was still on its way is no fault of the page.
    watched.context.close()


def test_dark_and_light_can_be_chosen_and_are_kept(chromium: Any, address: str) -> None:
    watched = Watched(chromium, color_scheme="light")
    page = watched.page
    page.goto(address)
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Dark").click()
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.reload()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark != before
    watched.close()


def test_keyboard_reaches_everything_and_the_skip_link_comes_first(opened: Any, address: str) -> None:
    page = _back(opened, address)
    # Start at the top of the document, as after loading.
    page.evaluate(
        "() => { const one = document.createElement('span'); one.tabIndex = -1; document.body.prepend(one); one.focus(); one.remove(); }"
    )
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "To the content"
    wanted = page.evaluate(
        "[...document.querySelectorAll('a[href], button, input, select, canvas.planes, summary')]"
        ".filter((e) => e.checkVisibility() && !e.disabled).length"
    )
    page.evaluate("window.reached = new Set([document.activeElement])")
    for _ in range(wanted + 30):
        page.keyboard.press("Tab")
        page.evaluate("window.reached.add(document.activeElement)")
    missed = page.evaluate(
        "[...document.querySelectorAll('a[href], button, input, select, canvas.planes, summary')]"
        ".filter((e) => e.checkVisibility() && !e.disabled && !reached.has(e)).map((e) => e.outerHTML.slice(0, 90))"
    )
    assert missed == []


def _bright(page: Any, box: dict[str, float]) -> np.ndarray:
    """Centre of the marker's hot colours inside a box of the page, in page pixels (x, y)."""
    import io

    from PIL import Image

    picture = np.asarray(Image.open(io.BytesIO(page.screenshot(clip=box))).convert("RGB")).astype(int)
    # Warm and bright: the body is grey, the cross is blue.
    hot = (picture[..., 0] > 150) & (picture[..., 0] - picture[..., 2] > 20)
    assert hot.sum() > 10, "the marker is not on the picture"
    rows, columns = np.nonzero(hot)
    return np.array([box["x"] + columns.mean(), box["y"] + rows.mean()])


def _centre(page: Any, stage: Any, letter: str) -> np.ndarray:
    box = stage.locator(".mark", has_text=re.compile(f"^{letter}$")).locator("visible=true").bounding_box()
    return np.array([box["x"] + box["width"] / 2, box["y"] + box["height"] / 2])


def _marker_folder(folder: Path, flipped: bool, **options: int) -> Path:
    """A plan folder whose PET holds one bright block at the patient's left, front and head side."""
    from datetime import datetime

    from neorlt.imaging.region import Region, RegionKind
    from neorlt.imaging.study import Administration, Study
    from neorlt.imaging.view import write_view
    from neorlt.imaging.volume import Grid, Unit, Volume

    from .conftest import PLAN

    folder.mkdir()
    shape = (40, 32, 36)
    affine = np.diag([5.0, 5.0, 5.0, 1.0])
    affine[:3, 3] = [-97.5, -77.5, -87.5]
    if flipped:  # the same places, stored from left to right, from back to front and from head to foot
        affine = affine @ np.array([[-1, 0, 0, 39], [0, -1, 0, 31], [0, 0, -1, 35], [0, 0, 0, 1.0]])
    grid = Grid(shape, affine, "1.2.3")
    # DICOM: x grows to the patient's left, y to the back, z to the head.
    place = grid.index_to_mm(np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1))
    marker = np.all(np.abs(place - np.array([60.0, -40.0, 50.0])) < 13.0, axis=-1)
    body = ((place[..., 0] / 90) ** 2 + (place[..., 1] / 70) ** 2 < 1) & (np.abs(place[..., 2]) < 80)
    time_ = datetime(2030, 1, 1, 10, 0)
    study = Study(
        "key",
        (
            Volume(np.where(body, 40.0, -1000.0).astype(np.float32), grid, Unit.HU, "CT"),
            Volume(np.where(marker, 9000.0, 0.0).astype(np.float32), grid, Unit.BQ_PER_ML, "PT", time_, "Ga-68"),
        ),
        (Region("marker", RegionKind.LESION, marker.astype(np.float32), grid, "test"),),
        (Administration("Ga-68", 150.0, time_),),
        weight_kg=70.0,
    )
    write_view(study, folder / "view", **options)
    (folder / "plan.json").write_text(json.dumps(PLAN))
    (folder / "report.html").write_text("<!doctype html><title>x</title>")
    return folder


@pytest.mark.parametrize("flipped", [False, True], ids=["stored-as-lps", "stored-flipped"])
def test_marker_at_the_patients_left_is_on_the_side_of_the_left_letter(
    chromium: Any, tmp_path: Path, pictures: Path, flipped: bool, shared_folder: Path
) -> None:
    folder = _marker_folder(tmp_path / "example", flipped)
    for name in ("world.npz", "run.json"):  # the page asks for a first prediction
        shutil.copy(shared_folder / name, folder)
    with running(create_app(Settings(tmp_path / "root", shared=(("example", folder),)))) as address:
        watched = Watched(chromium)
        page = _open_case(watched, address)
        page.get_by_label("Two panes").uncheck()
        stage = page.locator("[data-part=stage]").first
        # (letter whose side the marker is on, letter of the other side), across and upright.
        wanted = [
            ("axial", ("L", "R"), ("A", "P")),
            ("coronal", ("L", "R"), ("H", "F")),
            ("sagittal", ("A", "P"), ("H", "F")),
            ("mip", ("L", "R"), ("H", "F")),
        ]
        for view, across, upright in wanted:
            page.locator("#plane").select_option(value=view)
            stage.evaluate("one => one.scrollIntoView({ block: 'start' })")
            page.wait_for_timeout(300)
            page.screenshot(path=pictures / f"orientation-{view}-{flipped}.png")
            marker = _bright(page, stage.bounding_box())
            for axis, (near, far) in enumerate((across, upright)):
                close, away = _centre(page, stage, near)[axis], _centre(page, stage, far)[axis]
                middle = (close + away) / 2
                # Clearly on that side, not somewhere near the middle.
                assert (marker[axis] - middle) / (close - middle) > 0.2, (view, near, far)
        # In one picture with all planes, each tile says the same.
        page.locator("#plane").select_option(value="multi")
        page.wait_for_timeout(300)
        page.screenshot(path=pictures / f"orientation-multi-{flipped}.png")
        for view, near, far in (("axial", "L", "R"), ("coronal", "L", "R"), ("sagittal", "A", "P")):
            tile = stage.locator(f".tile[data-plane={view}]")
            marker = _bright(page, tile.bounding_box())
            close, away = _centre(page, tile, near)[0], _centre(page, tile, far)[0]
            assert abs(marker[0] - close) < abs(marker[0] - away), view
        # From the left side, the front of the patient is on the left of the projection.
        page.locator("#plane").select_option(value="mip")
        page.get_by_role("slider", name=re.compile("^Turn the projection")).first.fill("90")
        page.wait_for_timeout(200)
        box = stage.bounding_box()
        assert _centre(page, stage, "A")[0] < _centre(page, stage, "P")[0]
        assert _bright(page, box)[0] < box["x"] + box["width"] / 2
        watched.close()


def test_own_voxels_are_shown_in_both_panes_which_stay_linked(chromium: Any, tmp_path: Path, shared_folder: Path) -> None:
    """The pane that was ready first moved the cross of the other, which had no image yet: neither showed its own voxels."""
    folder = _marker_folder(tmp_path / "example", False, max_voxels=6000)
    for name in ("world.npz", "run.json"):
        shutil.copy(shared_folder / name, folder)
    with running(create_app(Settings(tmp_path / "root", shared=(("example", folder),)))) as address:
        watched = Watched(chromium)
        page = _open_case(watched, address)
        page.get_by_label("Own voxels round the cross").check()
        said = page.locator("#viewer-said")
        page.wait_for_function("() => !document.getElementById('viewer-said').textContent.includes('fetched')")
        assert "they follow it" in said.inner_text()
        assert page.locator(".pane[data-voxels=own]").count() == 2
        page.locator("canvas.planes").first.focus()
        page.keyboard.press("PageUp")
        read = [page.locator("[data-part=read]").nth(i).inner_text() for i in (0, 1)]
        assert read[0] == read[1] and "SUV" in read[0]
        watched.close()
