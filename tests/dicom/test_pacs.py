"""A real archive on loopback: store, find, fetch, plan, send back, and what goes wrong on the way."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from neorlt.core.errors import InputError
from neorlt.dicom.pacs import DimseNode, WebNode, parse_node
from neorlt.dicom.read import read_study
from neorlt.dicom.write_dose import write_dose_parametric_map
from neorlt.imaging.volume import Unit, Volume
from neorlt.jobs.pacs import pacs_fetch_command, pacs_find_command, pacs_send_command

PLUGIN = [Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so"), Path("/usr/lib/orthanc/libOrthancDicomWeb.so")]


@dataclass
class Archive:
    dimse: str
    web: str
    port: int
    process: subprocess.Popen[bytes]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _missing(what: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing")
    pytest.skip(f"{what} is missing")


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    """An empty Orthanc with DICOMweb on free ports of the loopback."""
    program = shutil.which("Orthanc")
    plugin = next((p for p in PLUGIN if p.exists()), None)
    if program is None or plugin is None:
        _missing("Orthanc with DICOMweb (Debian packages orthanc, orthanc-dicomweb)")
    http, dicom = _free_port(), _free_port()
    store = tmp_path / "orthanc"
    store.mkdir()
    config = {
        "Name": "test", "StorageDirectory": str(store), "IndexDirectory": str(store), "HttpPort": http, "DicomPort": dicom,
        "DicomAet": "ORTHANC", "RemoteAccessAllowed": False, "AuthenticationEnabled": False, "DicomAlwaysAllowFind": True,
        "DicomAlwaysAllowGet": True, "DicomAlwaysAllowStore": True, "Plugins": [str(plugin)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"}, "StableAge": 1,
    }  # fmt: skip
    (tmp_path / "orthanc.json").write_text(json.dumps(config))
    with (tmp_path / "orthanc.log").open("wb") as log:
        process = subprocess.Popen([str(program), str(tmp_path / "orthanc.json")], stdout=log, stderr=log)
    try:
        for _ in range(150):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{http}/system", timeout=1).read()
                break
            except OSError:
                assert process.poll() is None, (tmp_path / "orthanc.log").read_text()[-2000:]
                time.sleep(0.2)
        yield Archive(f"ORTHANC@127.0.0.1:{dicom}", f"http://127.0.0.1:{http}/dicom-web", dicom, process)
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.needs_orthanc
@pytest.mark.parametrize("way", ["dimse", "web"])
def test_round_trip(made, archive, tmp_path, way) -> None:  # type: ignore[no-untyped-def]
    address = getattr(archive, way)
    total = len(list(made.folder.rglob("*.dcm")))
    assert pacs_send_command(address, made.folder)["sent"] == total
    assert pacs_send_command(address, made.folder)["sent"] == total  # twice is no error
    (found,) = pacs_find_command(address)["studies"]
    assert found["study_uid"] == made.identity.study_uid
    assert found["instances"] == total
    assert "SYN-1" not in json.dumps(found)
    out = tmp_path / "fetched"
    assert pacs_fetch_command(address, found["study_uid"], out)["studies"][0]["instances"] == total
    truth, got = read_study(made.folder), read_study(out)
    for a, b in zip(truth.volumes, got.volumes, strict=True):
        assert np.array_equal(a.array, b.array)
    dose = Volume(np.ones((20, 16, 8)), made.ct_volume.grid, Unit.GY, "DOSE")
    result = write_dose_parametric_map(dose, made.ct, tmp_path / "pm.dcm", made.identity)
    assert pacs_send_command(address, result)["sent"] == 1
    assert pacs_find_command(address)["studies"][0]["instances"] == total + 1


@pytest.mark.needs_orthanc
@pytest.mark.needs_dcmtk
def test_a_study_stored_by_storescu_is_fetched(made, archive, tmp_path) -> None:  # type: ignore[no-untyped-def]
    program = shutil.which("storescu", path=os.defpath)  # not pynetdicom's program of the same name
    if program is None:
        _missing("storescu (Debian package dcmtk)")
    done = subprocess.run(
        [str(program), "-aec", "ORTHANC", "+sd", "+r", "127.0.0.1", str(archive.port), str(made.folder)], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    pacs_fetch_command(archive.dimse, made.identity.study_uid, tmp_path / "out")
    assert len(read_study(tmp_path / "out").volumes) == 4


@pytest.mark.needs_orthanc
@pytest.mark.parametrize("way", ["dimse", "web"])
def test_half_a_series_never_reads_as_a_whole_one(made, archive, tmp_path, way) -> None:  # type: ignore[no-untyped-def]
    for path in (*made.ct[:3], *made.ct[5:]):
        pacs_send_command(archive.dimse, path)
    pacs_fetch_command(getattr(archive, way), made.identity.study_uid, tmp_path / "out")
    with pytest.raises(InputError, match="missing"):
        read_study(tmp_path / "out")


@pytest.mark.needs_orthanc
def test_an_archive_that_sends_less_than_it_announced(made, archive, tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    pacs_send_command(archive.dimse, made.folder)
    original = DimseNode.find

    def more(self: DimseNode, **keys: str):  # type: ignore[no-untyped-def]
        return [type(f)(f.study_uid, f.date, f.modalities, f.description, (f.instances or 0) + 1) for f in original(self, **keys)]

    monkeypatch.setattr(DimseNode, "find", more)
    with pytest.raises(InputError, match="did not arrive whole"):
        pacs_fetch_command(archive.dimse, made.identity.study_uid, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.needs_orthanc
def test_an_archive_that_goes_away_in_the_middle(made, archive, tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """It is stopped after the third object has arrived: nothing is left, and the error says what to do."""
    from pydicom.dataset import FileDataset

    pacs_send_command(archive.dimse, made.folder)
    original = FileDataset.save_as
    count = []

    def stop_after_three(self: FileDataset, *args: object, **options: object) -> None:
        count.append(1)
        if len(count) == 3:
            archive.process.kill()
            archive.process.wait(20)
        original(self, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("pydicom.dataset.Dataset.save_as", stop_after_three)
    with pytest.raises(InputError) as caught:
        pacs_fetch_command(archive.dimse, made.identity.study_uid, tmp_path / "out")
    assert "archive" in str(caught.value) or "whole" in str(caught.value)
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".out*"))


@pytest.mark.needs_orthanc
def test_a_study_that_is_not_there(archive, tmp_path) -> None:  # type: ignore[no-untyped-def]
    for address in (archive.dimse, archive.web):
        with pytest.raises(InputError, match="does not hold|refuses"):
            pacs_fetch_command(address, "1.2.3.4", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_nobody_there(made, tmp_path) -> None:  # type: ignore[no-untyped-def]
    port = _free_port()
    for address in (f"ANY@127.0.0.1:{port}", f"http://127.0.0.1:{port}/dicom-web"):
        for act in (lambda a: pacs_find_command(a), lambda a: pacs_send_command(a, made.ct[0])):
            with pytest.raises(InputError, match="does not answer"):
                act(address)


def test_addresses() -> None:
    assert parse_node("PACS@10.0.0.1:104") == DimseNode("10.0.0.1", 104, "PACS")
    assert parse_node("https://user:secret@host/dicom-web").where == "host/dicom-web"
    assert isinstance(parse_node("http://host/x"), WebNode)
    with pytest.raises(InputError, match="address"):
        parse_node("somewhere")


def test_nothing_to_send(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match="no DICOM file"):
        pacs_send_command("A@b:1", tmp_path)
