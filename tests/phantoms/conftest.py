"""One written christie study for the whole room: writing takes about ten seconds."""

import pytest

SEED = 0


@pytest.fixture(scope="session")
def christie(tmp_path_factory):
    """Paths that ``write_example`` returns, and the folder."""
    from neorlt.phantoms.example import write_example

    out = tmp_path_factory.mktemp("example") / "christie"
    return write_example("christie", out, seed=SEED), out


@pytest.fixture(scope="session")
def study(christie):
    """The written study, read back from its DICOM files."""
    from neorlt.dicom.read import read_study

    return read_study(christie[1] / "study")
