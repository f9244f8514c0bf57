"""Write ``.importlinter`` from the table in ``docs/architecture.md``; ``--check`` says whether it is what the table gives."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE, CONTRACTS, SOURCE = ROOT / "docs" / "architecture.md", ROOT / ".importlinter", ROOT / "src" / "neorlt"
ROW = re.compile(r"^\| (`\w+`(?:, `\w+`)*) \|[^|]*\| ([^|]+) \|$", re.MULTILINE)


def read_table(text: str) -> dict[str, set[str]]:
    """Room to the rooms that it may import; ``all`` stands for every other one."""
    found: dict[str, set[str]] = {}
    for names, allowed in ROW.findall(text):
        words = set() if allowed.strip() == "nothing" else {word.strip() for word in allowed.split(",")}
        for name in re.findall(r"`(\w+)`", names):
            found[name] = words
    return found


def contracts(text: str, rooms: set[str]) -> str:
    """The file that import-linter reads.

    Raises
    ------
    ValueError
        If a room has no row, a row no room, or a row names something that is no room.
    """
    table = read_table(text)
    if set(table) != rooms:
        raise ValueError(f"rooms without a row: {sorted(rooms - set(table))}; rows without a room: {sorted(set(table) - rooms)}")
    parts = ["# Written by tools/import_contracts.py from the table in docs/architecture.md: do not edit.",
             "[importlinter]\nroot_package = neorlt\ninclude_external_packages = False"]
    for room, allowed in table.items():
        unknown = allowed - rooms - {"all"}
        if unknown:
            raise ValueError(f"{room} may import {sorted(unknown)}, which is no room")
        forbidden = [] if "all" in allowed else [name for name in table if name not in allowed and name != room]
        if forbidden:
            lines = "".join(f"\n    neorlt.{name}" for name in forbidden)
            parts.append(f"[importlinter:contract:{room}]\n"
                         f"name = {room} imports only what its row of the import table allows\n"
                         f"type = forbidden\nallow_indirect_imports = True\n"
                         f"source_modules =\n    neorlt.{room}\nforbidden_modules ={lines}")
    parts.append("[importlinter:contract:circles]\nname = no circles between rooms, nor inside one\ntype = acyclic_siblings\n"
                 "ancestors =\n    neorlt")
    return "\n\n".join(parts) + "\n"


def main() -> int:
    rooms = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    wanted = contracts(TABLE.read_text(encoding="utf-8"), rooms)
    if "--check" in sys.argv:
        if not CONTRACTS.is_file() or CONTRACTS.read_text(encoding="utf-8") != wanted:
            print(".importlinter is not what docs/architecture.md gives: run tools/import_contracts.py", file=sys.stderr)
            return 1
        return 0
    CONTRACTS.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
