"""Write what the code says of itself into the documentation; with --check only compare.

docs/cli.md is every command's --help; README.md holds a table of the systems between the markers
`<!-- systems -->` and `<!-- /systems -->`, and what was measured of the base (`base_tables`).
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from pathlib import Path

import base_tables

ROOT = Path(__file__).parent.parent


def helps() -> str:
    """docs/cli.md."""
    os.environ["COLUMNS"] = os.environ["TERMINAL_WIDTH"] = "100"
    from typer.main import get_command

    from mutoscope import cli

    names = sorted(get_command(cli.app).commands)  # type: ignore[attr-defined]
    parts = ["# The command line\n\nWritten by `make docs`; exit codes: 0 done, 1 failed, 2 the"]
    parts[0] += " request was wrong, 130 interrupted.\n"
    for words in ([], *([name] for name in names)):
        shown = io.StringIO()
        with contextlib.redirect_stdout(shown):
            cli.code([*words, "--help"])
        text = "\n".join(line.rstrip() for line in shown.getvalue().strip().splitlines())
        parts.append(f"## {' '.join(['mutoscope', *words])}\n\n```text\n{text}\n```\n")
    return "\n".join(parts)


def systems() -> str:
    """The table of the README."""
    from mutoscope import recipes

    rows = ["| system | paper | where this one departs |", "| --- | --- | --- |"]
    for name in recipes.names():
        card = recipes.find(name).CARD
        paper = f"[{card.title}](https://arxiv.org/abs/{card.arxiv}), {card.authors} {card.year}"
        rows.append(f"| `{name}` | {paper} | {'; '.join(card.departs)} |")
    return "\n".join(rows) + "\n"


def readme() -> str:
    """README.md with its tables as the code and the kept results have them."""
    text = (ROOT / "README.md").read_text()
    for name, block in (("systems", systems()), ("base", base_tables.base())):
        start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, found, rest = text.partition(start)
        _, _, after = rest.partition(end)
        text = f"{before}{start}{block}{end}{after}" if found else text
    return text


def main(arguments: list[str]) -> int:
    """Write, or compare and name what is out of date."""
    wanted = {ROOT / "docs" / "cli.md": helps(), ROOT / "README.md": readme()}
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    if "--check" in arguments:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is not what the code says; run: make docs")
        return int(bool(stale))
    for path in stale:
        path.write_text(wanted[path])
        print(f"wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
