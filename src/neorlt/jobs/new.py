"""``neorlt new``: commented templates of the files that a user writes; the same templates document every key."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from neorlt.core.errors import InputError
from neorlt.core.output import write_atomic

KINDS = {
    "patient": ("patient.toml", "update.toml"),
    "scheme": ("scheme.toml",),
    "settings": ("settings.toml", "calibration.toml"),
    "names": ("names.json",),
    "trial": ("trial.toml",),
    "review": (),
}
"""What can be started, and its files; a review is a whole folder."""

_KEY = re.compile(r'^(?P<off># )?(?P<key>[A-Za-z_0-9]+|"[^"]+") = (?P<value>.+?)\s+# (?P<text>.+)$')
_TABLE = re.compile(r"^(?P<off># )?\[\[?(?P<name>[A-Za-z_0-9.]+)\]\]?(?:\s+#.*)?$")


@dataclass(frozen=True)
class Key:
    """One key of a template: where it stands, an example, what it says, and what is assumed where it is left out."""

    table: str
    name: str
    example: str
    text: str
    off: bool
    """Whether the template leaves it out."""
    left_out: str | None
    """What stands in its place then; None where it is needed or unknown."""


def template(name: str) -> str:
    """The text of a template."""
    return resources.files("neorlt.jobs.templates").joinpath(name).read_text(encoding="utf-8")


def keys(name: str) -> Iterator[Key]:
    """The keys of a template in their order, each once."""
    table, seen = "", set()
    for line in template(name).splitlines():
        if found := _TABLE.match(line):
            table = found["name"]
        elif (found := _KEY.match(line)) and (table, found["key"]) not in seen:
            seen.add((table, found["key"]))
            text, _, rest = found["text"].partition("(left out: ")
            yield Key(table, found["key"].strip('"'), found["value"], text.strip().rstrip(";").strip(), found["off"] is not None,
                      rest.rstrip(")") or None)


def read_back(name: str, text: str, folder: Path) -> Any:
    """Read a text as the program reads the file of this name; ``folder`` takes it.

    Raises
    ------
    InputError
        As the file's own reader raises.
    """
    path = folder / name
    path.write_text(text, encoding="utf-8")
    if name in ("settings.toml", "calibration.toml"):
        from neorlt.dicom.settings import read_settings
        from neorlt.jobs.study import read_uncertainty

        found = read_settings(folder)
        read_uncertainty(folder)
        return found
    if name == "names.json":
        from neorlt.dicom.read_labels import read_label_names

        return read_label_names(path)
    if name == "scheme.toml":
        from neorlt.planning.scheme import read_scheme

        return read_scheme(path, 1.8)
    if name == "trial.toml":
        from neorlt.trials.design import read_design

        return read_design(path)
    from neorlt.planning.patient import patient_from, read_patient

    if name == "patient.toml":
        return read_patient(path)
    from neorlt.planning.updates import read_update

    return read_update(path, patient_from(tomllib.loads(template("patient.toml")), "patient.toml"))


def new_command(kind: str, folder: Path) -> dict[str, Any]:
    """Write the templates of a kind into a folder, which is made where it is absent; nothing is overwritten.

    Raises
    ------
    InputError
        For an unknown kind, or where one of the files is there already.
    """
    if kind not in KINDS:
        raise InputError("there is no template of this kind", expected=", ".join(KINDS), found=kind, remedy="name one of these")
    folder = Path(folder)
    there = [name for name in KINDS[kind] if (folder / name).exists()]
    if there:
        raise InputError("the file is there already", where=str(folder / there[0]), remedy="name another folder; nothing is overwritten")
    if kind == "review":
        from neorlt.evidence.review import ReviewFolder

        ReviewFolder.create(folder).store.connection.close()
        return {"kind": kind, "files": [str(folder / "protocol.toml")], "next": f"neorlt evidence search {folder}"}
    for name in KINDS[kind]:
        write_atomic(folder / name, template(name))
    return {"kind": kind, "files": [str(folder / name) for name in KINDS[kind]], "next": _NEXT[kind].format(folder=folder)}


_NEXT = {
    "patient": "neorlt predict {folder}/patient.toml",
    "scheme": "neorlt predict patient.toml --scheme {folder}/scheme.toml",
    "settings": "put settings.toml into the study's folder, calibration.toml too where the images hold counts",
    "names": "neorlt plan STUDY --regions LABELS.nii.gz --names {folder}/names.json --out DIR",
    "trial": "neorlt trial {folder}/trial.toml",
}
