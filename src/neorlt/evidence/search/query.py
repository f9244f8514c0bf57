"""A query printed without brackets, and the ways in which it can be read."""

from __future__ import annotations

import re

from neorlt.core.errors import InputError

_TOKEN = re.compile(r"\"[^\"]*\"|“[^”]*”|\bAND\b|\bOR\b|[^\s\"“”]+(?:\s+(?!AND\b|OR\b)[^\s\"“”]+)*")


def tokens(printed: str) -> list[str]:
    """Terms and operators of a query, in turn.

    Raises:
        InputError: brackets are there already, or terms and operators do not alternate.

    """
    if "(" in printed or ")" in printed:
        raise InputError("the query has brackets already", found=printed, remedy="run it as it stands")
    found = [f'"{token[1:-1]}"' if token[0] in '"“' else token.strip() for token in _TOKEN.findall(printed)]
    alternate = len(found) % 2 == 1 and all((token in ("AND", "OR")) == bool(i % 2) for i, token in enumerate(found))
    if not alternate:
        raise InputError("terms and operators do not alternate", found=printed, remedy="write: term OR term AND term")
    return found


def readings(printed: str) -> dict[str, str]:
    """Every reading of a printed query, by name; equal readings are given once.

    ``grouped`` takes the terms between ANDs as one group, as authors of reviews mostly mean it; ``and-first`` is the
    usual precedence of logic; ``left-to-right`` is how PubMed itself runs words typed without brackets.
    """
    parts = tokens(printed)
    if len(set(parts[1::2])) < 2:
        return {"grouped": " ".join(parts)}
    groups: list[list[str]] = [[parts[0]]]
    for operator, term in zip(parts[1::2], parts[2::2], strict=True):
        if operator == "AND":
            groups.append([term])
        else:
            groups[-1].append(term)
    grouped = " AND ".join(f"({' OR '.join(group)})" if len(group) > 1 else group[0] for group in groups)

    products: list[list[str]] = [[parts[0]]]
    for operator, term in zip(parts[1::2], parts[2::2], strict=True):
        if operator == "AND":
            products[-1].append(term)
        else:
            products.append([term])
    and_first = " OR ".join(f"({' AND '.join(product)})" if len(product) > 1 else product[0] for product in products)

    left, pairs = parts[0], list(zip(parts[1::2], parts[2::2], strict=True))
    for place, (operator, term) in enumerate(pairs, start=1):
        left = f"{left} {operator} {term}" if place == len(pairs) else f"({left} {operator} {term})"
    found: dict[str, str] = {}
    for name, text in (("grouped", grouped), ("and-first", and_first), ("left-to-right", left)):
        if text not in found.values():
            found[name] = text
    return found


def compare(results: dict[str, set[str]]) -> dict[str, object]:
    """Sizes of the result sets, what all share, and what each reading alone finds."""
    everything = set().union(*results.values()) if results else set()
    shared = set.intersection(*results.values()) if results else set()
    return {
        "found": {name: len(ids) for name, ids in results.items()},
        "in_any": len(everything),
        "in_all": len(shared),
        "only_in": {
            name: sorted(ids - set().union(*(other for key, other in results.items() if key != name))) for name, ids in results.items()
        },
    }
