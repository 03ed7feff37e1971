"""audioconv data: public data sets of labelled clips, fetched; and checks of a folder of clips."""

from pathlib import Path
from typing import Annotated

import typer

from audioconv._wording import counted
from audioconv.cli.datasets import Speaker
from audioconv.cli.messages import byte_bar, say, tell
from audioconv.cli.outputs import Json, print_json

data = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Check data sets (folders of clips), or fetch public ones.\n\n\b\naudioconv data check clips/\n"
    "audioconv data fetch speech-commands-v2",
)


@data.command("list")
def show_catalogue(as_json: Json = False) -> None:
    """Name the public data sets that can be fetched.

    \b
    audioconv data list
    """
    from audioconv.classify.catalogue import CATALOGUE

    if as_json:
        entries = CATALOGUE.values()
        print_json(
            [{"name": e.name, "megabytes": e.megabytes, "licence": e.licence, "title": e.title} for e in entries]
        )
        return
    for entry in CATALOGUE.values():
        tell(f"{entry.name:19}{entry.megabytes:5} MB  {entry.licence:12}  {entry.title}", hanging=43)


@data.command()
def fetch(
    name: Annotated[str, typer.Argument(help="One that `audioconv data list` names.")],
    to: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where; ./NAME if not given.")] = None,
    archive: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The archive, if it was downloaded by other means.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the archive in the cache folder.")] = False,
) -> None:
    """Download a public data set and unpack it.

    The archive is checked, and manifest.csv written. A download that was stopped goes on where it was. Official splits
    are honoured.

    \b
    audioconv data fetch speech-commands-v2 --to words/
    """
    from audioconv.arrays import choice
    from audioconv.classify._fetch import fetch as fetch_set
    from audioconv.classify.catalogue import CATALOGUE

    entry = CATALOGUE[choice(name, "NAME", tuple(CATALOGUE))]
    folder = Path(name) if to is None else to
    if (folder / "manifest.csv").exists():
        tell(f"{folder} is there already, with its manifest")
        return
    try:
        with byte_bar(entry.name) as show:
            clips, digest = fetch_set(entry, folder, archive=archive, keep=keep, progress=show)
    except KeyboardInterrupt:
        say("interrupted; what came is kept, and the same command goes on from there")
        raise typer.Exit(130) from None
    if entry.sha256 is None:
        say(f"its owner may change this archive, so it could not be checked; SHA-256 {digest}")
    tell(f"{folder}: {counted(clips, 'clip')}, {entry.licence}")


@data.command()
def check(
    folder: Annotated[Path, typer.Argument(help="A folder a label, or manifest.csv: file,label,speaker,split.")],
    speaker: Speaker = None,
    clip: Annotated[
        float, typer.Option("--clip", min=0.01, metavar="S", help="Length of the clips that will be trained on.")
    ] = 1.0,
    files: Annotated[bool, typer.Option("--files", help="Name every file, not one of each kind.")] = False,
    as_json: Json = False,
    threads: Annotated[int | None, typer.Option(min=1, metavar="N", help="Threads; all cores if not given.")] = None,
) -> None:
    """Check the clips of a folder, and name what is wrong.

    Files that cannot be read, speakers in more than one part, the same recording twice or under two labels, clips that
    are cut off at full scale, silent, or cut within their sound: the exit code is 1 then. Labels with few clips, and
    clips that are much longer or shorter than a word, are remarks: with these alone it is 0.

    \b
    audioconv data check clips/ --files
    """
    from audioconv.classify import audit, load_dataset
    from audioconv.io.plain_text import printable

    clips = load_dataset(folder, speaker=speaker, missing=True)
    findings = audit(clips, clip_s=clip, threads=threads)
    counts = {split: int((clips.splits == split).sum()) for split in ("train", "val", "test")}
    is_faulty = any(finding.is_fault for finding in findings)
    if as_json:
        found = [{**finding._asdict(), "is_fault": finding.is_fault} for finding in findings]
        labels = sorted(set(clips.labels.tolist()))
        print_json({"folder": folder, "clips": len(clips), "labels": labels, "parts": counts, "findings": found})
        raise typer.Exit(is_faulty)
    for notice in clips.notices:
        tell(printable(notice))
    for finding in findings:
        tell(printable(f"{'' if finding.is_fault else 'remark: '}{finding.kind}: {finding.text}"))
        if files:
            typer.echo("".join(f"  {file}\n" for file in finding.files), nl=False)
    parts = ", ".join(f"{count} {split}" for split, count in counts.items())
    tell(f"{folder}: {counted(len(clips), 'clip')} of {counted(len(set(clips.labels)), 'label')} ({parts})")
    raise typer.Exit(is_faulty)
