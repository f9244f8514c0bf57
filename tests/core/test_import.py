"""Importing neorlt is light: no heavy library comes with it or with ``--help``."""

import subprocess
import sys

HEAVY = ("jax", "pandas", "matplotlib", "SimpleITK", "highdicom", "lifelines", "skimage", "sklearn", "numpyro")


def loaded_after(code: str) -> set[str]:
    out = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint('\\n'.join(sys.modules))"], capture_output=True, text=True, check=True
    )
    return set(out.stdout.split())


def test_import_loads_nothing_heavy():
    assert not {name for name in HEAVY if name in loaded_after("import neorlt")}


def test_command_line_loads_nothing_heavy():
    assert not {name for name in HEAVY if name in loaded_after("import neorlt.cli")}


def test_spheres_do_without_jax():
    assert "jax" not in loaded_after("from neorlt.jobs.sphere import sphere_command; sphere_command('Lu-177', [1.0])")
