"""S-value tables that the user has (OpenDose, MIRDcalc, OLINDA and the like as CSV): read, checked, scaled to the patient's masses.

None is shipped. Two layouts are told apart by their header: a *matrix* (first column targets, one column a source; OLINDA,
MIRDcalc) and a *list* (columns for target, S-value and, unless a ``# source:`` line names it, source; OpenDose). Lines before the
header of the form ``# key: value`` may give ``nuclide``, ``phantom``, ``unit`` and ``source``. Masses come from a ``mass_g`` column
or from a second CSV of ``organ,mass_g``: without them neither the energy can be checked nor the patient's mass be put in.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neorlt.core.errors import InputError
from neorlt.core.tissue import SOFT_TISSUE_G_PER_CM3
from neorlt.core.written import number, read_text
from neorlt.dosimetry.organ_names import disjoint, words_of
from neorlt.dosimetry.s_values import GY_PER_MBQ_H, RegionSValues
from neorlt.nuclides.chains import charged_mev, emitters
from neorlt.nuclides.nuclide import get_nuclide, normalise_name
from neorlt.nuclides.spheres import s_from_energy, sphere_s_values

Floats = NDArray[np.float64]
RECIPROCITY_NAMED = 0.15
"""Pairs whose two directions differ by more than this are named: reciprocity is exact only in a uniform medium (MIRD 11)."""
RECIPROCITY_REFUSED = 0.5
"""A table whose median pair differs by more than this has its axes or columns mixed up."""
ENERGY_EXCESS = 0.03
"""No source may deposit more than it emits, beyond what another evaluation of the decay data explains."""
SELF_DEFICIT = 0.10
"""An organ above 20 g absorbs nearly all electrons: a self-dose this far below them has another unit or mass."""
LEAST_MASS_FOR_SELF_G = 20.0
_UNITS = {"mgy/mbqs": 1.0, "gy/bqs": 1e9, "gy/mbqs": 1e3, "mgy/mbqh": 1 / 3600.0, "gy/gbqs": 1.0}
_TARGET = {"target", "targetregion", "targetorgan", "rt", "targettissue"}
_SOURCE = {"source", "sourceregion", "sourceorgan", "rs", "sourcetissue"}
_MASS = {"massg", "mass", "targetmassg", "organmassg"}
_ORGAN = {"organ", "region", "target", "name"}


@dataclass(frozen=True, eq=False)
class SValueTable:
    """A checked table.

    ``s_mgy_per_mbq_s`` ``(target, source)``, NaN where the file is silent; ``mass_g`` ``(target,)``, NaN where unknown.
    ``notes`` says what the checks found.
    """

    nuclide: str
    label: str
    targets: tuple[str, ...]
    sources: tuple[str, ...]
    s_mgy_per_mbq_s: Floats
    mass_g: Floats
    notes: tuple[str, ...] = ()

    def value(self, target: str, source: str, target_mass_g: float) -> float | None:
        """S in mGy/(MBq·s) for the patient's mass of the target, or None where the table does not speak of the pair.

        Self-dose: electrons and alphas with the inverse mass, photons with its power 2/3; cross-dose is kept (MIRD 11).
        """
        i, j = _find(target, self.targets), _find(source, self.sources)
        if i is None or j is None or not np.isfinite(self.s_mgy_per_mbq_s[i, j]):
            return None
        value = float(self.s_mgy_per_mbq_s[i, j])
        if _plain(target) != _plain(source):
            # A paired organ's table row answers for itself only, not for one side from the other.
            return None if self.targets[i] == self.sources[j] else value
        reference = float(self.mass_g[i])
        charged = min(value, _charged_self(self.nuclide, reference))
        ratio = reference / target_mass_g
        return float(charged * ratio + (value - charged) * ratio ** (2.0 / 3.0))


def _charged_self(nuclide: str, mass_g: float) -> float:
    """Self S of electrons and alphas of an organ, mGy/(MBq·s): a sphere of its mass."""
    electron, alpha = charged_mev(nuclide)
    phi = float(sphere_s_values(nuclide, mass_g, SOFT_TISSUE_G_PER_CM3, with_daughters=True).phi_electron[0])
    return float(s_from_energy(electron * phi + alpha, mass_g))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _find(name: str, names: tuple[str, ...]) -> int | None:
    """Where an organ stands, whatever the spelling; one kidney is also found under ``kidneys``, its own row first.

    The same letters, then the same words in any order and spelling ("Left kidney C+M+P" is kidney-left), with ``wall`` where only
    that is listed, and at last the pair of organs.
    """
    plain = [_plain(n) for n in names]
    if _plain(name) in plain:
        return plain.index(_plain(name))
    words, listed = words_of(name), [words_of(n) for n in names]
    both = words - {"left", "right"}
    for wanted in (words, words | {"wall"}, both, both | {"wall"}):
        if wanted in listed:
            return listed.index(wanted)
    return None


def read_s_table(path: str | Path, *, nuclide: str | None = None, masses: str | Path | None = None) -> SValueTable:
    """Read and check a table.

    Parameters
    ----------
    path
        CSV with comma, semicolon or tab; JSON of OpenDose (one file a source, named ``lu177_liver.json``: rows of target, S in
        mGy/(MBq·s), standard error, mass in g); or a folder of such JSON files.
    nuclide
        Where the file does not name it (``# nuclide: Lu-177``).
    masses
        CSV of ``organ,mass_g`` where the table has no mass column.

    Raises
    ------
    InputError
        For a file of another form, an unknown unit, a missing nuclide or mass, negative values, broken reciprocity, or energy
        that the nuclide does not have.
    """
    path = Path(path)
    where = path.name
    if path.is_dir() or path.suffix.lower() == ".json":
        text, digest = _from_opendose(path, nuclide)
    else:
        text, digest = _text(path)
    notes, rows = _lines(text)
    if len(rows) < 2:
        raise InputError("the S-value table is empty", where=where, remedy="give a CSV with a header line and organs below it")
    name = nuclide or notes.get("nuclide") or notes.get("radionuclide") or notes.get("isotope")
    if name is None:
        raise InputError("the S-value table does not name its nuclide", where=where, remedy="add a first line '# nuclide: Lu-177'")
    name = get_nuclide(normalise_name(name)).name
    header = [_plain(_before_unit(h)) for h in rows[0]]
    listed = any(h in _TARGET for h in header) and _value_column(header) is not None
    if "msv" in str(notes.get("unit", "")).lower():
        # betas and photons have a radiation weighting factor of 1 (ICRP 103)
        notes["unit"] = re.sub("msv", "mGy", notes["unit"], flags=re.IGNORECASE)
    targets, sources, values, mass = _from_list(rows, header, notes, where) if listed else _from_matrix(rows, header, where)
    unit = notes.get("unit") or next((u for u in map(_unit_in, rows[0]) if u is not None), None)
    factor = _UNITS.get(_unit_key(unit)) if unit else (1.0 if not listed else None)
    if factor is None:
        raise InputError(
            "the unit of the S-values is unknown", expected=", ".join(_UNITS), found=str(unit), where=where,
            remedy="add a first line '# unit: mGy/MBq.s'",
        )  # fmt: skip
    if masses is not None:
        mass = _masses(Path(masses), targets)
    if np.any(values < 0):
        raise InputError("an S-value is below 0", where=where, remedy="correct the table")
    phantom = notes.get("phantom") or notes.get("model") or "phantom not named"
    layout = "list" if listed else "matrix"
    label = f"{where} ({layout}, {phantom}, SHA-256 {digest[:12]})"
    table = SValueTable(name, label, targets, sources, values * factor, mass)
    return SValueTable(name, label, targets, sources, table.s_mgy_per_mbq_s, mass, _checked(table, where))


def _text(path: Path) -> tuple[str, str]:
    text = read_text(path, "the table of S-values")
    return text, hashlib.sha256(path.read_bytes()).hexdigest()


def _from_opendose(path: Path, nuclide: str | None) -> tuple[str, str]:
    """OpenDose's JSON as a list of the form that :func:`read_s_table` reads, and the hash of what was read."""
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not files:
        raise InputError("the folder holds no JSON of S-values", where=path.name, remedy="give the folder with OpenDose's JSON files")
    lines, names, digest = [], set(), hashlib.sha256()
    for file in files:
        text, _ = _text(file)
        digest.update(text.encode())
        isotope, _, source = file.stem.replace("-", "").partition("_")
        try:
            content = json.loads(text)
            rows = [(str(row[0]), float(row[1]), float(row[3])) for row in content] if isinstance(content, list) else None
        except (ValueError, TypeError, IndexError, KeyError) as error:
            raise InputError(
                "the JSON is not one of OpenDose's S-values", expected="rows of target, S, standard error and mass", found=repr(error),
                where=file.name, remedy="export the table of one source again",
            ) from error  # fmt: skip
        if not rows or not source:
            raise InputError(
                "the JSON does not tell its source", expected="a file named as lu177_liver.json, with rows", found=file.name,
                where=file.name, remedy="name the file by nuclide and source",
            )  # fmt: skip
        names.add(get_nuclide(normalise_name(nuclide or isotope)).name)
        spelt = next((target for target, _, _ in rows if words_of(target) == words_of(source.replace("_", " "))), source.replace("_", " "))
        lines += [f'"{target}","{spelt}",{value!r},{mass!r}' for target, value, mass in rows]
    if len(names) != 1:
        raise InputError("the files are of several nuclides", found=", ".join(sorted(names)), where=path.name, remedy="keep those of one")
    head = [f"# nuclide: {names.pop()}", "# unit: mGy/MBq.s", "# phantom: OpenDose", "target,source,S,mass_g"]
    return "\n".join([*head, *lines]), digest.hexdigest()


def _lines(text: str) -> tuple[dict[str, str], list[list[str]]]:
    notes: dict[str, str] = {}
    body = []
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            key, _, value = line.lstrip("# ").partition(":")
            notes[key.strip().lower()] = value.strip()
        elif line.strip(" ,;\t"):
            body.append(line)
    delimiter = max(",;\t", key=lambda d: body[0].count(d)) if body else ","
    return notes, [[cell.strip() for cell in row] for row in csv.reader(body, delimiter=delimiter)]


def _before_unit(text: str) -> str:
    return re.split(r"[(\[]", text, maxsplit=1)[0]


def _unit_in(text: str) -> str | None:
    found = re.search(r"[(\[](.*)[)\]]\s*$", text)
    return found[1] if found and _unit_key(found[1]) in _UNITS else None


def _unit_key(unit: str) -> str:
    """``mGy/(MBq·s)``, ``mGy MBq-1 s-1`` and ``mGy/MBq-s`` are all ``mgy/mbqs``."""
    plain = unit.lower().replace("^", "").replace("−", "-")
    plain = re.sub(r"(bq|s|h)-1", r"\1", plain).replace("per", "/")
    parts = re.findall(r"[a-z]+", plain.replace("/", " "))
    return f"{parts[0]}/{''.join(parts[1:])}" if parts else ""


def _value_column(header: list[str]) -> int | None:
    for wanted in ("svalue", "svalues", "s", "total", "svaluetotal", "scoefficient"):
        if wanted in header:
            return header.index(wanted)
    return None


def _number(cell: str, where: str) -> float:
    try:
        return number(cell) if cell else float("nan")
    except ValueError as error:
        raise InputError("a cell of the S-value table is not a number", found=str(error), where=where, remedy="correct it") from error


def _first(header: list[str], names: set[str]) -> int | None:
    return next((i for i, h in enumerate(header) if h in names), None)


def _from_list(
    rows: list[list[str]], header: list[str], notes: Mapping[str, str], where: str
) -> tuple[tuple[str, ...], tuple[str, ...], Floats, Floats]:
    at_target, at_source, at_mass = (_first(header, names) for names in (_TARGET, _SOURCE, _MASS))
    at_value = _value_column(header)
    if at_source is None and "source" not in notes:
        raise InputError("the S-value list does not name its source", where=where, remedy="add a source column or a line '# source: liver'")
    assert at_target is not None  # seen by the caller
    assert at_value is not None
    found: dict[tuple[str, str], float] = {}
    mass: dict[str, float] = {}
    for row in rows[1:]:
        target, source = row[at_target], notes["source"] if at_source is None else row[at_source]
        if (target, source) in found:
            raise InputError("a pair of organs stands twice in the table", found=f"{target} from {source}", where=where, remedy="keep one")
        found[target, source] = _number(row[at_value], where)
        if at_mass is not None:
            mass[target] = _number(row[at_mass], where)
    targets, sources = tuple(dict.fromkeys(t for t, _ in found)), tuple(dict.fromkeys(s for _, s in found))
    values = np.array([[found.get((t, s), np.nan) for s in sources] for t in targets])
    return targets, sources, values, np.array([mass.get(t, np.nan) for t in targets])


def _from_matrix(rows: list[list[str]], header: list[str], where: str) -> tuple[tuple[str, ...], tuple[str, ...], Floats, Floats]:
    at_mass = _first(header, _MASS)
    columns = [i for i in range(1, len(header)) if i != at_mass and header[i]]
    if len(columns) < 1 or any(len(row) < len(header) for row in rows[1:]):
        raise InputError(
            "the table is neither a matrix nor a list of S-values",
            expected="first column targets and one column a source; or columns target, source, S",
            found=", ".join(rows[0][:6]), where=where, remedy="export it in one of these forms",
        )  # fmt: skip
    values = np.array([[_number(row[i], where) for i in columns] for row in rows[1:]])
    mass = np.array([np.nan if at_mass is None else _number(row[at_mass], where) for row in rows[1:]])
    return tuple(row[0] for row in rows[1:]), tuple(rows[0][i] for i in columns), values, mass


def _masses(path: Path, targets: tuple[str, ...]) -> Floats:
    _, rows = _lines(_text(path)[0])
    header = [_plain(_before_unit(h)) for h in rows[0]] if rows else []
    at_organ, at_mass = _first(header, _ORGAN), next((i for i, h in enumerate(header) if h in _MASS), None)
    if at_organ is None or at_mass is None:
        raise InputError("the file of masses has no columns organ and mass_g", where=path.name, remedy="give organ,mass_g")
    known = {_plain(row[at_organ]): _number(row[at_mass], path.name) for row in rows[1:]}
    return np.array([known.get(_plain(t), np.nan) for t in targets])


def _checked(table: SValueTable, where: str) -> tuple[str, ...]:
    """What the checks of reciprocity and energy found; refuses what cannot be."""
    both = [(_find(s, table.targets), j) for j, s in enumerate(table.sources)]
    own = [(i, j) for i, j in both if i is not None and _plain(table.targets[i]) == _plain(table.sources[j])]
    if missing := [table.targets[i] for i, _ in own if not table.mass_g[i] > 0]:
        remedy = "add a mass_g column or give the masses in a second CSV"
        raise InputError("organs have no mass", found=", ".join(missing[:6]), where=where, remedy=remedy)
    differences = []
    for a, (i, j) in enumerate(own):
        for k, m in own[a + 1 :]:
            pair = table.s_mgy_per_mbq_s[i, m], table.s_mgy_per_mbq_s[k, j]
            if all(np.isfinite(pair)) and min(pair) > 0:
                differences.append((abs(float(np.log(pair[0] / pair[1]))), table.targets[i], table.targets[k]))
    notes = [f"S-values of {table.nuclide} from {table.label}"]
    if differences:
        median = float(np.expm1(np.median([d for d, _, _ in differences])))
        if median > RECIPROCITY_REFUSED:
            raise InputError(
                "the S-values break reciprocity", expected=f"both directions of a pair within {RECIPROCITY_REFUSED:.0%} at the median",
                found=f"{median:.0%} apart", where=where, remedy="check that rows are targets and columns are sources",
            )  # fmt: skip
        far = [f"{a}/{b}" for d, a, b in differences if np.expm1(d) > RECIPROCITY_NAMED]
        named = f"; above {RECIPROCITY_NAMED:.0%}: {', '.join(far[:8])}" if far else ""
        notes.append(f"reciprocity: {len(differences)} pairs, median difference {median:.1%}{named}")
    electron, alpha = charged_mev(table.nuclide)
    emitted = electron + alpha + sum(n * get_nuclide(name).photon_energy_mev for name, n in emitters(table.nuclide))
    apart = list(disjoint(table.targets))
    held = table.s_mgy_per_mbq_s * table.mass_g[:, None] / float(s_from_energy(1.0, 1.0))
    for j, source in enumerate(table.sources):
        worst = int(np.nanargmax(np.where(np.isfinite(held[:, j]), held[:, j], -1.0)))
        apart_sum = (float(np.nansum(held[apart, j])), "all targets that lie apart")
        for absorbed, place in (apart_sum, (float(held[worst, j]), table.targets[worst])):
            if absorbed > emitted * (1 + ENERGY_EXCESS):
                raise InputError(
                    "the S-values hold more energy than the nuclide emits", expected=f"at most {emitted:.4f} MeV per decay",
                    found=f"{absorbed:.4f} MeV from {source} in {place}", where=where, remedy="check the unit, the nuclide and the masses",
                )  # fmt: skip
    for i, j in own:
        least = _charged_self(table.nuclide, float(table.mass_g[i]))
        if table.mass_g[i] >= LEAST_MASS_FOR_SELF_G and table.s_mgy_per_mbq_s[i, j] < (1 - SELF_DEFICIT) * least:
            raise InputError(
                "a self-dose is below what the electrons alone give",
                expected=f"about {least:.3g} mGy/(MBq s) for {table.mass_g[i]:.0f} g",
                found=f"{table.targets[i]}: {table.s_mgy_per_mbq_s[i, j]:.3g}",
                where=where, remedy="check the unit, the nuclide and the masses",
            )  # fmt: skip
    left = [table.targets[i] for i in range(len(table.targets)) if i not in apart]
    inside = f" (counted within others and left out of the sum: {', '.join(left[:8])}{' …' if len(left) > 8 else ''})" if left else ""
    notes.append(f"energy: no source of {len(table.sources)} deposits more than {emitted:.4f} MeV per decay{inside}")
    return tuple(notes)


def used_for(table: SValueTable, names: Sequence[str], mass_g: Sequence[float]) -> tuple[str, ...]:
    """Sentences on the regions that the table's own values are used for, each with the name it stands under, and those not found."""
    found, missing = [], []
    for name, mass in zip(names, mass_g, strict=True):
        if table.value(name, name, float(mass)) is None:
            missing.append(name)
        else:
            row = _find(name, table.targets)
            found.append(f"{name} ({table.targets[row]})" if row is not None else name)
    notes = [f"used for: {', '.join(found) or 'no region'}"]
    if missing:
        notes.append(f"not found in the table, ours used: {', '.join(missing)}")
    return tuple(notes)


def with_table(s: RegionSValues, table: SValueTable, names: Sequence[str], mass_g: Floats) -> RegionSValues:
    """Put a user's S-values in the place of ours wherever the table speaks of both regions.

    Parameters
    ----------
    s
        Ours, targets and first sources in the order of ``names``.
    names, mass_g
        Names and the patient's masses of the regions, ``(region,)``.
    """
    values = s.s_gy_per_mbq_h.copy()
    named: list[str | None] = [None] * len(names)
    for i, target in enumerate(names):
        for j, source in enumerate(names):
            found = table.value(target, source, float(mass_g[i]))
            if found is not None:
                values[i, j] = found * GY_PER_MBQ_H
                if i == j:
                    named[i] = f"S-values from {table.label}, scaled to {mass_g[i]:.0f} g; other sources by voxel kernel"
    return replace(s, s_gy_per_mbq_h=values, named=tuple(named))
