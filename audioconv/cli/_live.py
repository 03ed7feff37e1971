"""audioconv live: sound from the microphone through responses and chains to the loudspeakers."""

from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audioconv._wording import counted
from audioconv.cli.messages import detection_line, level_bar, loudness_texts, say, tell
from audioconv.cli.outputs import print_json
from audioconv.errors import ArgumentError, AudioFileError

if TYPE_CHECKING:
    from rich.table import Table

    from audioconv.detect import DetectorMonitor
    from audioconv.stream import Chain, Live


def live(
    model: Annotated[
        Path | None,
        typer.Argument(help="With --listen: a detector of train --for stream; by default the one that comes along."),
    ] = None,
    ir: Annotated[Path | None, typer.Option("--ir", help="Impulse response.")] = None,
    chain: Annotated[Path | None, typer.Option(help="Stages in a TOML file, as audioconv.read_chain takes it.")] = None,
    gain: Annotated[
        float | None, typer.Option(metavar="DB", help="Gain in dB, from -200 to 200; 0 plays the input as it is.")
    ] = None,
    listen: Annotated[bool, typer.Option("--listen", help="Print the words in the input, as they are said.")] = False,
    channels: Annotated[
        int, typer.Option(min=1, metavar="N", help="Channels of the input; a result of one is played on all.")
    ] = 1,
    device: Annotated[
        str | None, typer.Option(help="Sound card by number or name; IN,OUT for one each. See --list-devices.")
    ] = None,
    list_devices: Annotated[bool, typer.Option("--list-devices", help="Show the sound cards, and end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --list-devices: print JSON, for programs.")] = False,
    rate: Annotated[
        int | None, typer.Option(min=1, metavar="HZ", help="Sample rate; the card's own if not given.")
    ] = None,
    block: Annotated[int, typer.Option(min=1, metavar="N", help="Samples a block.")] = 64,
    seconds: Annotated[float | None, typer.Option(min=0, metavar="S", help="End after so long.")] = None,
    meter: Annotated[bool, typer.Option("--meter", help="Show levels, load and dropouts.")] = False,
) -> None:
    """Play the microphone through impulse responses and chains.

    In this order: --chain, --ir, --gain; --listen hears what comes in. The sound card runs compiled code alone. Ctrl-C
    ends it, and says how it went. Beware of loudspeakers that the microphone hears.

    \b
    audioconv live --ir hall.flac --meter
    audioconv live --listen --device 2
    """
    from audioconv.stream._devices import default_sample_rate, devices, named
    from audioconv.stream.sound_card import live

    if list_devices:
        if as_json:
            print_json([device._asdict() for device in devices()])
            return
        typer.echo("\n".join(map(_in_words, devices())) or "there are no sound devices")
        return
    if model is not None and not listen:
        raise ArgumentError(f"{model} would hear nothing: a model is for --listen")
    if ir is None and chain is None and gain is None and not listen:
        raise ArgumentError("there is nothing to do: at least one of --chain, --ir, --gain and --listen is wanted")
    if gain is not None and not -200 <= gain <= 200:
        raise ArgumentError(f"--gain must be between -200 and 200 dB, not {gain:g}")
    for file in (model, ir, chain):  # before a sound card is looked for
        if file is not None and not file.exists():
            raise AudioFileError(f"{file} does not exist")
    cards = () if device is None else tuple(named(part) for part in device.split(","))
    card: Any = None if not cards else cards[0] if len(cards) == 1 else cards
    sample_rate = rate or default_sample_rate(card)
    first = [_monitor(model, sample_rate, channels)] if listen else []
    stage, mapping = _stage(chain, ir, gain or 0.0, sample_rate, channels, first)
    words = _detectors(stage)
    with live(stage, block, sample_rate=sample_rate, device=card) as playing:
        delay_ms = 1000 * sum(playing.latency_s)
        say(f"{playing.sample_rate:g} Hz, {counted(playing.input_channels, 'channel')} in, "
            f"{playing.output_channels} out, blocks of {block}, "
            f"{delay_ms:.1f} ms from input to output{mapping}; Ctrl-C ends it")  # fmt: skip
        with suppress(KeyboardInterrupt):  # the usual end
            _show(playing, stage, seconds, words, meter)
        done = playing.statistics
    _print_words(words)
    for text in loudness_texts(stage):
        tell(text)
    tell(f"{done.frames / playing.sample_rate:.1f} s in {counted(done.blocks, 'block')}; "
               f"dropouts {done.dropouts}, late blocks {done.late_blocks}, "
               f"load {100 * done.load_mean:.1f} % (longest block "
               f"{100 * done.load_worst:.0f} %)")  # fmt: skip


def _in_words(device: Any) -> str:
    """A device as a line: `*` stands for the one that hears and plays if none is named, `<` and `>` for each alone."""
    mark = "*" if device.default_input and device.default_output else ">" if device.default_output else ""
    mark = mark or ("<" if device.default_input else " ")
    return (f"{mark} {device.index} {device.name}, {device.driver} ({device.input_channels} in, "
            f"{device.output_channels} out, {device.sample_rate:g} Hz)")  # fmt: skip


def _monitor(model: Path | None, sample_rate: int, channels: int) -> "DetectorMonitor":
    """The stage that hears words."""
    from audioconv.detect import KeywordDetector

    detector = KeywordDetector.load() if model is None else KeywordDetector.load(model)
    say(f"listening for {', '.join(map(str, detector.classes_))}")
    return detector.monitor(sample_rate=sample_rate, channels=channels)


def _stage(
    chain: Path | None, ir: Path | None, gain: float, sample_rate: int, channels: int, first: "list[DetectorMonitor]"
) -> "tuple[Chain, str]":
    """The chain, with these stages first, and how the channels of the response are used."""
    from audioconv.stream import Chain, Gain, read_chain, read_response

    stages: list[Any] = [*first] if chain is None else [*first, read_chain(chain, sample_rate, channels)]
    mapping = ""
    if stages and stages[-1].rate_out not in (None, sample_rate):
        raise ArgumentError(f"{chain} changes the sample rate to {stages[-1].rate_out} Hz, which a sound card cannot: "
                            f"leave its stage of type resample out")  # fmt: skip
    if ir is not None:
        response = read_response(ir, sample_rate, stages[-1].out_channels if stages else channels)
        stages.append(response.stage)
        mapping = f", {response.mapping}"
        if response.sample_rate != sample_rate:
            say(f"{ir} is resampled from {response.sample_rate} to {sample_rate} Hz")
    return Chain([*stages, Gain(gain, channels=stages[-1].out_channels if stages else channels)]), mapping


def _detectors(stage: "Chain") -> "list[DetectorMonitor]":
    """The stages that hear words."""
    return [each for each in stage.stages if hasattr(each, "detections")]


def _show(playing: "Live", stage: "Chain", seconds: float | None, words: "list[DetectorMonitor]", meter: bool) -> None:
    """Words as they are told, and meters if they are wanted, until the end, ten times a second."""
    import time

    from rich.console import Console
    from rich.live import Live

    end = float("inf") if seconds is None else time.monotonic() + seconds
    shown = Live(console=Console(stderr=True), transient=True, auto_refresh=False) if meter else nullcontext()
    with shown as screen:
        while playing.active and (left := end - time.monotonic()) > 0:
            _print_words(words)
            if screen is not None:
                screen.update(_meters(playing, stage), refresh=True)
            time.sleep(min(0.1, left))


def _print_words(words: "list[DetectorMonitor]") -> None:
    for monitor in words:
        for found in monitor.detections():
            typer.echo(detection_line(found))


def _meters(playing: "Live", stage: "Chain") -> "Table":
    from rich.table import Table

    from audioconv.stream import Compressor, LoudnessMeter

    done = playing.statistics
    table = Table.grid(padding=(0, 2))
    for name, level_db in zip(("in", "out"), playing.take_peaks_db(), strict=True):
        level = f"{level_db:6.1f} dB" if level_db > -200 else "  silent"
        table.add_row(name, level_bar(level_db), level, "clips" if level_db > 0 else "")
    for each in stage.stages:
        if isinstance(each, LoudnessMeter):
            measures = each.momentary_lufs, each.short_term_lufs, each.integrated_lufs
            momentary, short_term, integrated = (f"{value:.1f}" for value in measures)
            table.add_row("loudness", f"{momentary} LUFS, in 3 s {short_term}, in all {integrated}, "
                          f"true peak {each.true_peak_db:.1f} dBTP")  # fmt: skip
        if isinstance(each, Compressor):
            table.add_row("compressed", f"by {each.gain_reduction_db:.1f} dB")
    table.add_row("load", f"{100 * done.load_mean:.1f} %, longest block {100 * done.load_worst:.0f} %")
    table.add_row("lost", f"{done.dropouts} dropouts, {done.late_blocks} late blocks of {done.blocks}")
    return table
