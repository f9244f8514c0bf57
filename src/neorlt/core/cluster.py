"""A dask cluster that the user started: one way to reach it, for every door with ``--dask``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from neorlt.core.errors import InputError, MissingExtraError

WAIT_S = 20


def need_dask() -> Any:
    """The client's class.

    Raises
    ------
    MissingExtraError
        If dask.distributed is not installed.
    """
    try:
        from distributed import Client
    except ImportError:
        raise MissingExtraError("dask.distributed", extra="dask") from None
    return Client


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """A client of the scheduler at ``address`` (``tcp://...``), closed at the end.

    Raises
    ------
    MissingExtraError
        If dask.distributed is not installed.
    InputError
        If no scheduler answers at the address.
    """
    open_client = need_dask()
    try:
        client = open_client(address, timeout=WAIT_S, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise InputError("no dask scheduler answers", found=str(error)[:120], where=address,
                         remedy="start one with: dask scheduler; and workers with: dask worker") from None
    try:
        yield client
    finally:
        client.close()
