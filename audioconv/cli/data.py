"""audioconv data: what one wants to know of a folder of labelled clips."""

from pathlib import Path
from typing import Annotated

import typer

data = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Look at folders of labelled clips.")


@data.callback()
def _group():
    """So that a single command keeps its name."""


@data.command()
def check(
    folder: Annotated[Path, typer.Argument(help="A folder a label, or manifest.csv: file,label,speaker,split.")],
    speaker: Annotated[
        str | None, typer.Option(metavar="REGEX", help="Finds the speaker in each file name, such as '^(.+)_nohash'.")
    ] = None,
    files: Annotated[bool, typer.Option("--files", help="Name every file, not one of each kind.")] = False,
    threads: Annotated[int | None, typer.Option(min=1, metavar="N", help="Threads; all cores if not given.")] = None,
):
    """Say what is wrong with the clips of a folder.

    Speakers in more than one part, the same recording twice or under two labels, clips that are cut off at full scale,
    silent, or cut within their sound, and labels with few clips. The exit code is 1 if anything was found.
    """
    from audioconv.classify import audit, load_dataset

    clips = load_dataset(folder, speaker=speaker)
    findings = audit(clips, threads=threads)
    for notice in clips.notices:
        typer.echo(notice)
    for finding in findings:
        typer.echo(f"{finding.kind}: {finding.text}")
        if files:
            typer.echo("".join(f"  {file}\n" for file in finding.files), nl=False)
    parts = ", ".join(f"{(clips.splits == split).sum()} {split}" for split in ("train", "val", "test"))
    typer.echo(f"{folder}: {len(clips)} clips of {len(set(clips.labels))} labels ({parts})")
    raise typer.Exit(1 if findings else 0)
