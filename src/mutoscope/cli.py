"""The command line: commands, flags and exit codes.

0 done, 1 failed (a full disk, a missing package, broken weights of our own), 2 the request was
wrong, 130 interrupted. Nothing heavy is imported before a command runs, so that `--help` is
instant; what a command does stands in `mutoscope._cli`.
"""

from __future__ import annotations

import os
import sys
from contextlib import redirect_stdout
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from mutoscope import __version__
from mutoscope._cli import measuring
from mutoscope._cli.leave import INTERRUPTED, SENTENCE, StoppedError, arm, at_once
from mutoscope._cli.options import AsJson, Weights
from mutoscope.errors import MutoscopeError, RequestError

app = typer.Typer(
    name="mutoscope",
    help="Make videos from text, on an ordinary computer.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


@app.command()
def generate(
    prompt: Annotated[str, typer.Argument(help="What shall be seen.")] = "",
    system: Annotated[str, typer.Option(help="Which system.")] = "modelscope",
    negative: Annotated[str | None, typer.Option(help="What shall not be seen.")] = None,
    frames: Annotated[int | None, typer.Option(help="How many frames.")] = None,
    fps: Annotated[float | None, typer.Option(help="Frames a second.")] = None,
    size: Annotated[str | None, typer.Option(metavar="WxH", help="Width x height.")] = None,
    steps: Annotated[int | None, typer.Option(help="Denoising steps.")] = None,
    guidance: Annotated[float | None, typer.Option(help="Guidance scale; 1 is off.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed makes the same clip.")] = 0,
    count: Annotated[int, typer.Option(min=1, help="Clips, side by side in one file.")] = 1,
    sampler: Annotated[str | None, typer.Option(help="How the noise is taken away.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A knob of the system.")
    ] = None,
    condition: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND=SOURCE", help="What steers the clip; more with :key=value,..."),
    ] = None,
    first: Annotated[str | None, typer.Option(metavar="FILE", help="The frame to begin with.")] = (
        None
    ),
    last: Annotated[str | None, typer.Option(metavar="FILE", help="The frame to end on.")] = None,
    image: Annotated[str | None, typer.Option(metavar="FILE", help="A picture to animate.")] = None,
    style: Annotated[str | None, typer.Option(metavar="FILE", help="Whose look to have.")] = None,
    sketch: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="One drawing (FILE:map=false: lines are read off it)."),
    ] = None,
    depth: Annotated[str | None, typer.Option(metavar="FILE", help="Whose depth to have.")] = None,
    motion: Annotated[str | None, typer.Option(metavar="FILE", help="Whose motion to have.")] = (
        None
    ),
    mask: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="White is made anew (FILE:map=false: things in it are)."),
    ] = None,
    stroke: Annotated[
        str | None, typer.Option(metavar="X,Y;X,Y...", help="Where what is there shall go.")
    ] = None,
    camera: Annotated[
        str | None, typer.Option(metavar="AXIS:VALUE,...", help="What the camera shall do.")
    ] = None,
    story: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Instead of PROMPT: a prompt a line, a film of clips."),
    ] = None,
    weights: Weights = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it would cost; make nothing.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The file; its suffix is its format.")
    ] = None,
    as_json: AsJson = False,
    no_metadata: Annotated[
        bool, typer.Option("--no-metadata", help="Keep the record out of the file.")
    ] = False,
) -> None:
    """Make a video of a prompt."""
    start = perf_counter()
    with at_once():
        from mutoscope._cli import generate as command

    asked = {
        "system": system,
        "prompt": prompt,
        "negative": negative,
        "frames": frames,
        "fps": fps,
        "size": None if size is None else _size(size),
        "steps": steps,
        "guidance": guidance,
        "seed": seed,
        "sampler": sampler,
    }
    steering = {
        "first": first, "last": last, "image": image, "style": style, "sketch": sketch,
        "depth": depth, "motion": motion, "mask": mask, "stroke": stroke, "camera": camera,
    }  # fmt: skip
    short = [f"{kind}={source}" for kind, source in steering.items() if source is not None]
    wish = command.Wish(
        asked={name: value for name, value in asked.items() if value is not None},
        settings=settings or (),
        conditions=(*(condition or ()), *short),
        story=story,
        count=count,
        output=output,
        as_json=as_json,
        metadata=not no_metadata,
        weights=weights,
        dry=dry_run,
    )
    command.run(wish, start=start)


@app.command()
def systems(weights: Weights = None, as_json: AsJson = False) -> None:
    """List the systems there are."""
    with at_once():
        from mutoscope._cli import tell

    tell.systems(weights, as_json=as_json)


@app.command()
def info(
    file: Annotated[Path, typer.Argument(help="A video, a picture or a folder of frames.")],
    as_json: AsJson = False,
) -> None:
    """Show what a file is and how it was made."""
    with at_once():
        from mutoscope._cli import tell

    tell.info(file, as_json=as_json)


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="A file that was generated with its record.")],
    weights: Weights = None,
) -> None:
    """Make a file again from its record and say whether it comes out the same."""
    with at_once():
        from mutoscope._cli import verify as command

    raise typer.Exit(command.run(file, weights))


@app.command()
def extract(
    control: Annotated[str, typer.Argument(help="depth, edges, mask, motion or sketch.")],
    clip: Annotated[Path, typer.Argument(help="A video, a picture or a folder of frames.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The file; its suffix is its format.")
    ] = None,
) -> None:
    """Write what a system would see of a clip when given it as a condition."""
    if output is None:
        raise RequestError("say where it shall be: -o FILE")
    with at_once():
        from mutoscope._cli import extract as command

    command.run(control, clip, output)


@app.command()
def world(
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same clips.")] = 0,
    count: Annotated[int, typer.Option(help="How many samples.")] = 8,
    size: Annotated[str, typer.Option(metavar="WxH", help="Width x height.")] = "128x128",
    frames: Annotated[int, typer.Option(min=1, help="Frames a clip.")] = 16,
    fps: Annotated[float, typer.Option(help="Frames a second.")] = 8.0,
    tier: Annotated[str, typer.Option(help="core or wide: how many words.")] = "core",
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "train",
    truth: Annotated[str, typer.Option(help="all, none or depth,flow,...")] = "all",
    form: Annotated[str, typer.Option("--format", help="folder or shards.")] = "folder",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR", help="Where samples go.")
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A contact sheet, as a .png.")
    ] = None,
) -> None:
    """Render captioned clips of the world with their exact truths."""
    with at_once():
        from mutoscope._cli import world as command
        from mutoscope.data.worldexport import Order

    wide = _size(size)
    order = Order(seed=seed, count=count, tier=tier, split=split, size=wide, frames=frames, fps=fps)
    command.run(order, truth, form=form, out=output, sheet=sheet)


@app.command()
def train(
    recipe: Annotated[str, typer.Argument(help="autoencoder, image, modelscope, ...")],
    out: Annotated[Path, typer.Option(help="The folder for everything the run keeps.")],
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what --out holds.")] = False,
    init: Annotated[
        str | None, typer.Option(metavar="zoo", help="Start from the weights that ship.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="How many; else as what ships took.")
    ] = None,
    clip: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The clip, or pictures, that are learned.")
    ] = None,
    prompt: Annotated[str | None, typer.Option(help="What the clip shows.")] = None,
    preview: Annotated[
        list[str] | None, typer.Option(help="A prompt that is tried while tuning.")
    ] = None,
    frames: Annotated[int | None, typer.Option(help="Frames of the clip; 16.")] = None,
    fps: Annotated[float | None, typer.Option(help="Frames a second of it; 8.")] = None,
) -> None:
    """Train a part that ships, or tune a system to a clip."""
    with at_once():
        from mutoscope._cli import train as command

    given = {"clip": clip, "prompt": prompt, "preview": preview, "frames": frames, "fps": fps}
    kept = {name: value for name, value in given.items() if value is not None}
    command.run(recipe, out, resume=resume, init=init, steps=steps, given=kept)


for _command in (
    measuring.evaluate,
    measuring.compare,
    measuring.check,
    measuring.study,
    measuring.totals,
):
    app.command()(_command)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="The address; others than this need keys.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = (
        8000
    ),
    workers: Annotated[
        int | None, typer.Option(min=0, max=64, help="Processes that generate.")
    ] = None,
) -> None:
    """Serve jobs over HTTP, in OpenAI's shape and our own."""
    with at_once():
        from mutoscope._cli import serve as command

    command.run(host, port, workers)


@app.command()
def studio(
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = (
        7860
    ),
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Don't open the page; only say where it is.")
    ] = False,
) -> None:
    """Open a page where clips are made, compared and kept, on this machine only."""
    with at_once():
        from mutoscope._cli import studio as command

    command.run(port, browser=not no_browser)


@app.command()
def keys(
    action: Annotated[str, typer.Argument(help="add, remove, list or secret.")] = "list",
    name: Annotated[str, typer.Argument(help="Whose key.")] = "",
    rate: Annotated[int | None, typer.Option(min=1, help="Requests a minute.")] = None,
    active: Annotated[int | None, typer.Option(min=1, help="Unfinished jobs at once.")] = None,
    priority: Annotated[int, typer.Option(min=0, max=9, help="The highest it may ask for.")] = 0,
) -> None:
    """Make, remove or list the keys of the service; secret is what its webhooks are signed with."""
    with at_once():
        from mutoscope._cli import serve as command

    command.keys(action, name, rate=rate, active=active, priority=priority)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Look at this machine and say what would make it faster."""
    with at_once():
        from mutoscope._cli import doctor as command

    command.run(as_json=as_json)


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()) or len(text) > 20:
        raise RequestError(f"--size is WIDTHxHEIGHT in pixels, like 128x128 (got '{text}')")
    return int(width), int(height)


def main() -> None:
    """Run the command line and leave with its exit code.

    Threads that wait for one another sleep instead of spinning, which has to be said before torch
    is loaded: beside one busy neighbour on two cores a clip took 45 s spinning, 2.5 s sleeping.
    """
    arm()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    sys.exit(code(sys.argv[1:]))


def code(arguments: list[str]) -> int:
    """Run one command line; its exit code. An empty one is answered by the help page, and 2."""
    if not arguments:
        with redirect_stdout(sys.stderr):
            return code(["--help"]) or 2
    try:
        left = app(arguments, prog_name="mutoscope", standalone_mode=False)
    except MutoscopeError as error:
        return _said(str(error), 1 if error.failed else 2)
    except OSError as error:
        return _said(f"failed: {error}", 1)
    except typer.TyperException as error:
        return _said(getattr(error, "format_message", error.__str__)(), 2)
    except StoppedError as error:
        return _said(f"interrupted; {error}", INTERRUPTED)
    except (KeyboardInterrupt, typer.Abort):
        left = INTERRUPTED
    if left == INTERRUPTED:
        return _said(SENTENCE, INTERRUPTED)
    return left or 0


def _said(sentence: str, leave: int) -> int:
    print(f"mutoscope: {sentence}", file=sys.stderr)
    return leave


if __name__ == "__main__":
    main()
