"""An empty Orthanc with DICOMweb on free ports of the loopback, for tests, proofs and benchmarks that need a real archive."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PLUGIN = (Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so"), Path("/usr/lib/orthanc/libOrthancDicomWeb.so"))


@dataclass(frozen=True)
class Archive:
    """Its addresses, its process, and the port where a C-MOVE to ``MOVER`` arrives."""

    dimse: str
    web: str
    port: int
    process: subprocess.Popen[bytes]
    move_port: int

    @property
    def rest(self) -> str:
        """Address of Orthanc's own interface."""
        return self.web.removesuffix("/dicom-web")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_here() -> bool:
    """Whether Orthanc and its DICOMweb plugin are installed."""
    return shutil.which("Orthanc") is not None and any(path.exists() for path in PLUGIN)


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Archive]:
    """Start it with ``folder`` for its files; yields it when it answers, and ends it."""
    program, plugin = shutil.which("Orthanc"), next(path for path in PLUGIN if path.exists())
    http, dicom, mover = free_port(), free_port(), free_port()
    store = folder / "orthanc"
    store.mkdir(parents=True)
    config = {
        "Name": "test", "StorageDirectory": str(store), "IndexDirectory": str(store), "HttpPort": http, "DicomPort": dicom,
        "DicomAet": "ORTHANC", "RemoteAccessAllowed": False, "AuthenticationEnabled": False, "DicomAlwaysAllowFind": True,
        "DicomAlwaysAllowGet": True, "DicomAlwaysAllowStore": True, "Plugins": [str(plugin)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"}, "StableAge": 1,
        "DicomModalities": {"mover": ["MOVER", "127.0.0.1", mover]},
    }  # fmt: skip
    (folder / "orthanc.json").write_text(json.dumps(config))
    with (folder / "orthanc.log").open("wb") as log:
        process = subprocess.Popen([str(program), str(folder / "orthanc.json")], stdout=log, stderr=log)
    try:
        for _ in range(150):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{http}/system", timeout=1).read()
                break
            except OSError:
                assert process.poll() is None, (folder / "orthanc.log").read_text()[-2000:]
                time.sleep(0.2)
        yield Archive(f"ORTHANC@127.0.0.1:{dicom}", f"http://127.0.0.1:{http}/dicom-web", dicom, process, mover)
    finally:
        process.terminate()
        process.wait(20)
