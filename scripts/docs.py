"""Write what the code says of itself into the documentation; with --check only compare.

docs/cli.md is every command's --help; README.md holds a table of the systems between the markers
`<!-- systems -->` and `<!-- /systems -->`, what was measured of the base (`base_tables`), and how
far systems obey (`check_tables`), of which docs/systems.md and the cards in the zoo hold more.
docs/shown.md is what they make of real clips (`shown_page`).
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from pathlib import Path

import base_tables
import check_tables
import shown_page

from mutoscope import checks

ROOT = Path(__file__).parent.parent
AHEAD = (
    "**No weights of `{name}` ship yet, and nothing of it has been measured**: what is told here is"
    " the recipe; `mutoscope train {name}` learns it."
)


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

    rows = ["| system | paper | its weights |", "| --- | --- | --- |"]
    for name in recipes.names():
        card = recipes.find(name).CARD
        paper = f"[{card.title}](https://arxiv.org/abs/{card.arxiv}), {card.authors} {card.year}"
        rows.append(f"| `{name}` | {paper} | {weights(name)} |")
    return "\n".join(rows) + "\n"


def weights(name: str) -> str:
    """What a system's own weights are, and where they come from."""
    from mutoscope import recipes, zoo

    found = recipes.find(name)
    if name in zoo.names():
        size = f"{zoo.files(name)[0].stat().st_size / 1e6:.1f} MB"
        base = zoo.facts(name).get("base")
        return f"{size} on those of `{base}`" if base else size
    if isinstance(found, recipes.Tunable):
        return "learned from your clip"
    if isinstance(found, recipes.Teachable):
        return f"not learned yet: `mutoscope train {name}`"
    return "none of its own"


def departures() -> str:
    """Where each system departs from its paper, as its card says."""
    from mutoscope import recipes

    cards = [recipes.find(name).CARD for name in recipes.names()]
    return "\n".join(f"- `{card.name}`: {'; '.join(card.departs)}." for card in cards) + "\n"


def readme() -> str:
    """README.md with its tables as the code and the kept results have them."""
    text = (ROOT / "README.md").read_text()
    blocks = {"systems": systems(), "obeyed": check_tables.obeyed(), "base": base_tables.base()}
    for name, block in blocks.items():
        text = check_tables.put(text, name, block)
    return text


def checked() -> dict[Path, str]:
    """docs/systems.md and the cards as checks found their systems, and docs/shown.md."""
    page, found = ROOT / "docs" / "systems.md", check_tables.kept()
    shown = shown_page.kept(ROOT / "docs" / "media" / "shown")
    blocks = check_tables.joined(
        {name: AHEAD.format(name=name) for name in checks.TABLE if weights(name).startswith("not")},
        {name: check_tables.measured(one) for name, one in found.items()},
        {name: shown_page.sheet(name, one) for name, one in shown.items()},
    )
    cards = {name: ROOT / "src" / "mutoscope" / "zoo" / name / "README.md" for name in checks.TABLE}
    told = {
        path: check_tables.carded(path.read_text(), found.get(name))
        for name, path in cards.items() if path.exists()
    }  # fmt: skip
    if page.exists():
        text = check_tables.put(page.read_text(), "departures", departures())
        told[page] = check_tables.listed(text, blocks)
    return told | ({ROOT / "docs" / "shown.md": shown_page.page(shown)} if shown else {})


def main(arguments: list[str]) -> int:
    """Write, or compare and name what is out of date."""
    wanted = {ROOT / "docs" / "cli.md": helps(), ROOT / "README.md": readme(), **checked()}
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
