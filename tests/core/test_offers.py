"""Each room names what it offers; every name is there, and none hides a module of the room."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

import neorlt
from neorlt.core.offers import offered_names

SOURCE = Path(neorlt.__file__).parent
ROOMS = sorted(path.parent.name for path in SOURCE.glob("*/__init__.py") if path.parent.name != "cli")


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_offers_what_it_names(room):
    module = importlib.import_module(f"neorlt.{room}")
    names = offered_names(module.__file__)
    assert sorted(names) == sorted(module.__all__) == list(module.__all__)
    for name in module.__all__:
        assert getattr(module, name).__doc__ or name.isupper()
        assert not (SOURCE / room / f"{name}.py").exists() and not (SOURCE / room / name).exists()
    with pytest.raises(AttributeError, match="nothing_of_this_name"):
        module.nothing_of_this_name  # noqa: B018
