"""Rows of text in aligned columns."""

from collections.abc import Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lines of columns, two spaces apart; numbers stand right."""
    every = [tuple(header), *map(tuple, rows)]
    columns = list(zip(*every, strict=True))
    widths = [max(map(len, column)) for column in columns]
    right = [bool(rows) and all(cell.isdecimal() for cell in column[1:]) for column in columns]
    lines = (
        "  ".join(cell.rjust(w) if r else cell.ljust(w) for cell, w, r in zip(row, widths, right, strict=True)).rstrip()
        for row in every
    )
    return "\n".join(lines)
