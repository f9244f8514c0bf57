"""Definitions that no door reaches, and dependencies that nothing imports.

A public definition of a room is reached when a command, the page, the room's own ``__init__`` (what it offers to Python), a proof of
``validation/``, a tool, or the code of something reached names it. What is wanted but has
no door yet stands in ``tools/pending_doors.toml`` with the capability that will open it; a new one that stands nowhere is refused, and
so is a row whose definition is gone or has a door by now.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE, PENDING = ROOT / "src" / "neorlt", ROOT / "tools" / "pending_doors.toml"
DOORS = ("cli", "web")
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
MODULE_OF = {"python-gdcm": "gdcm", "scikit-image": "skimage", "scikit-learn": "sklearn", "warp-lang": "warp",
             "python-multipart": "multipart", "dicomweb-client": "dicomweb_client"}
LOADED_BY_OTHERS = {
    "python-gdcm": "pydicom decodes compressed pixels with it",
    "python-multipart": "FastAPI reads uploads with it",
}
"""Dependencies that no line imports, and why they are there."""


def words(node: ast.AST) -> set[str]:
    """Identifiers that code names, as a name, an attribute, an import or a text (for tables of names)."""
    found: set[str] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            found.add(part.id)
        elif isinstance(part, ast.Attribute):
            found.add(part.attr)
        elif isinstance(part, ast.alias):
            found.add(part.name.rpartition(".")[2])
        elif isinstance(part, ast.JoinedStr) and isinstance(part.values[0], ast.Constant):
            found.add(f"{part.values[0].value}*")  # getattr(rules, f"grade_{term}")
        elif isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value.isidentifier():
            found.add(part.value)
    return found


def is_checking(node: ast.AST) -> bool:
    """An ``if TYPE_CHECKING:`` block: it reaches nothing."""
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def unreached() -> list[str]:
    """Public definitions, as ``room.module.name``, that no door reaches."""
    definitions: dict[str, list[tuple[str, set[str]]]] = defaultdict(list)
    body: dict[str, set[str]] = {}
    roots: set[str] = set()
    for path in sorted(SOURCE.rglob("*.py")):
        module = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        rest: set[str] = set()
        for node in tree.body:
            if isinstance(node, Definition):
                definitions[node.name].append((module, words(node)))
            elif is_checking(node) and path.name == "__init__.py":
                roots |= words(node)
            elif not is_checking(node) and not isinstance(node, ast.Import | ast.ImportFrom) and "__all__" not in words(node):
                rest |= words(node)
        body[module] = rest
        if module.split(".")[0] in DOORS or module in ("jobs.registry", "jobs.info"):
            roots |= words(tree)
    for folder in ("tools", "validation"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            roots |= words(ast.parse(path.read_text(encoding="utf-8")))
    # What a module does when it is loaded counts once anything of it is reached.
    reached, waiting, loaded = set(), set(roots), set()
    while waiting:
        name = waiting.pop()
        if name in reached:
            continue
        reached.add(name)
        if name.endswith("_*") and name[:-1].isidentifier():
            waiting |= {other for other in definitions if other.startswith(name[:-1])} - reached
        for module, inner in definitions.get(name, ()):
            waiting |= inner - reached
            if module not in loaded:
                loaded.add(module)
                waiting |= body[module] - reached
    return sorted(
        f"{module}.{name}" for name, places in definitions.items() if name not in reached and not name.startswith("_")
        for module, _ in places if module.split(".")[0] not in DOORS
    )


def unused_dependencies() -> list[str]:
    """Declared dependencies of the program that no line of it imports."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = [*project["dependencies"], *(d for extra in project["optional-dependencies"].values() for d in extra)]
    imported = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.partition(".")[0])
    names = [re.split(r"[<>=\[;,~! ]", text)[0] for text in declared]
    return [name for name in names if MODULE_OF.get(name, name.replace("-", "_")) not in imported and name not in LOADED_BY_OTHERS]


def main() -> int:
    pending = tomllib.loads(PENDING.read_text(encoding="utf-8")) if PENDING.is_file() else {}
    rows = {name: capability for capability, names in pending.get("definitions", {}).items() for name in names}
    wanted = pending.get("dependencies", {})
    found, unused = unreached(), unused_dependencies()
    faults = [f"{name}: no door reaches it; give it one, remove it, or name its capability in tools/pending_doors.toml"
              for name in found if name not in rows]
    faults += [f"{name}: stands in tools/pending_doors.toml, but has a door or is gone: take the row out"
               for name in rows if name not in found]
    faults += [f"{name}: a dependency that nothing imports; use it or take it out" for name in unused if name not in wanted]
    faults += [f"{name}: stands in tools/pending_doors.toml, but is imported or not declared" for name in wanted if name not in unused]
    if "--list" in sys.argv:
        print("\n".join([*found, *unused]))
    elif faults:
        print("\n".join(faults), file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
