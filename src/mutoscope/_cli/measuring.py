"""The commands that measure clips, as `mutoscope.cli` offers them; light, like the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mutoscope._cli.leave import at_once
from mutoscope._cli.options import AsJson, Weights
from mutoscope.errors import RequestError


def evaluate(
    clips: Annotated[
        Path | None, typer.Argument(metavar="FOLDER", help="Videos; or give --system.")
    ] = None,
    prompts: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A CSV with the columns file,prompt; of a system: lines."
        ),
    ] = None,
    system: Annotated[
        list[str] | None,
        typer.Option(help="The system that makes the clips; several are compared."),
    ] = None,
    count: Annotated[
        int | None, typer.Option(min=2, max=10000, help="Prompts of a system; 100 held-out ones.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR", help="For the report.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, max=256, help="Files measured at once; 1.")
    ] = None,
    reference: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Real videos, for distances of a FOLDER.")
    ] = None,
    features: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Of distances: ours, classes, or a file of I3D; ours."),
    ] = None,
    similarity: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="To the prompts: classes, or a CLIP's folder or name."),
    ] = None,
    weights: Weights = None,
    as_json: AsJson = False,
) -> None:
    """Measure how far clips obey their prompts, and how well they are made."""
    if output is None:
        raise RequestError("say where the report shall be: -o DIR")
    if (clips is None) == (not system):
        raise RequestError("give a FOLDER of videos with --prompts CSV, or else --system NAME")
    if system:
        if jobs is not None:
            raise RequestError("--jobs is for a FOLDER; a system makes one clip at a time")
        if any((reference, features, similarity)):
            raise RequestError(
                "--reference, --features and --similarity are for a FOLDER; leave them out"
            )
        with at_once():
            from mutoscope._cli import trial

        trial.run(
            trial.Wish(
                systems=system, prompts=prompts, count=count, out=output, weights=weights,
                as_json=as_json,
            )
        )  # fmt: skip
        return
    if clips is None or prompts is None:
        raise RequestError("say what the videos were asked for: --prompts CSV")
    if count is not None or weights is not None:
        raise RequestError("--count and --weights are for --system; leave them out")
    with at_once():
        from mutoscope._cli import evaluate as command

    wish = command.Wish(
        clips=clips, prompts=prompts, out=output, jobs=jobs or 1, as_json=as_json,
        reference=reference, features=features, similarity=similarity,
    )  # fmt: skip
    command.run(wish)


def compare(
    folders: Annotated[
        list[Path], typer.Argument(metavar="A B...", help="Folders that evaluate wrote.")
    ],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR", help="For the report.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hold measured folders of the same prompts against the first of them, clip by clip."""
    if output is None:
        raise RequestError("say where the report shall be: -o DIR")
    if len(folders) < 2:
        raise RequestError("give two folders or more that mutoscope evaluate wrote")
    with at_once():
        from mutoscope._cli import compare as command

    command.run(folders, output, as_json=as_json)


def totals(
    scores: Annotated[
        Path, typer.Argument(metavar="FILE", help="JSON: names of raw scores, and numbers.")
    ],
    as_json: AsJson = False,
) -> None:
    """Sum up raw scores of VBench or EvalCrafter as those do."""
    with at_once():
        from mutoscope._cli import totals as command

    command.run(scores, as_json=as_json)


def check(
    system: Annotated[str, typer.Argument(metavar="NAME", help="Which system.")],
    count: Annotated[
        int, typer.Option(min=2, max=10000, help="Captions that the largest check asks.")
    ] = 100,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR", help="For checks.json.")
    ] = None,
    weights: Weights = None,
    as_json: AsJson = False,
) -> None:
    """Measure whether a system works as its paper says it must; leaves with 1 where it doesn't."""
    if output is None:
        raise RequestError("say where the rows shall be: -o DIR")
    with at_once():
        from mutoscope._cli import check as command

    wish = command.Wish(system=system, count=count, out=output, weights=weights, as_json=as_json)
    raise typer.Exit(command.run(wish))


def study(
    given: Annotated[
        list[str],
        typer.Argument(metavar="A B", help="Two folders of videos; or: score CSV..."),
    ],
    prompts: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="Columns file,prompt; the files are in both folders."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR", help="For the page and its key.")
    ] = None,
    juice: Annotated[bool, typer.Option("--juice", help="Also ask for reasons.")] = False,
    ties: Annotated[bool, typer.Option("--ties", help='Allow "no difference".')] = False,
    seed: Annotated[int, typer.Option(min=0, help="Which folder is called x.")] = 0,
    key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="To score: what x and y are.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Let people choose between two sets of clips, blind; and score what they said."""
    with at_once():
        from mutoscope._cli import study as command
        from mutoscope.evaluate.studypage import Shape

    if given[0] == "score":
        if len(given) < 2:
            raise RequestError("say which answers: mutoscope study score CSV...")
        command.score([Path(file) for file in given[1:]], key, as_json=as_json)
        return
    if len(given) != 2:
        raise RequestError(f"give two folders of videos (got {len(given)})")
    if prompts is None or output is None:
        raise RequestError(
            "say what was asked for, and where the page shall be: --prompts CSV -o DIR"
        )
    shape = Shape(juice=juice, ties=ties, seed=seed)
    command.make(Path(given[0]), Path(given[1]), prompts, output, shape)
