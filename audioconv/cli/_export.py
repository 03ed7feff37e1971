"""audioconv export: a model as files for other machines."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from audioconv._wording import counted
from audioconv.cli.messages import tell
from audioconv.cli.outputs import Force, check_output
from audioconv.errors import ArgumentError, ModelFileError

if TYPE_CHECKING:
    from audioconv.classify import KeywordClassifier
    from audioconv.detect.estimator import DetectorEstimator
    from audioconv.enhance import DenoiserModel
    from audioconv.models import Calibration
    from audioconv.models.export._onnx import OnnxFile
    from audioconv.models.export.onnx_int8 import Cost, Int8Result

    Model: TypeAlias = KeywordClassifier | DetectorEstimator | DenoiserModel

MOST_CLIPS = 120  # of a folder, for int8


def export(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="[MODEL] OUT",
            help="A model file, by default the detector that comes along; and what to write: OUT.onnx or OUT.h.",
        ),
    ],
    int8: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Write the network as int8 (in C: its weights), and say what that costs on the clips of a folder with "
            "a folder a label; ONNX takes ranges from them, too.",
        ),
    ] = None,
    denoiser: Annotated[
        bool, typer.Option("--denoiser", help="The denoiser that comes along, instead of the detector.")
    ] = False,
    force: Force = False,
) -> None:
    """Write a model for other machines, as ONNX or as C.

    Sound goes in, and posteriors come out, or of a denoiser sound without its noise. It is checked against this one
    before it is kept. OUT.onnx is of whole clips, and OUT.step.onnx beside it takes the next samples of a stream, and
    all state, and gives what comes next (ONNX; onnxruntime runs it on servers, phones and in browsers). OUT.h is a
    header of C99 for streams that needs nothing but math.h (microcontrollers, and whatever has a C compiler). Denoisers
    are for sound at 16 kHz.

    \b
    audioconv export words.onnx                    the detector that comes along
    audioconv export --denoiser speech.onnx        the denoiser that comes along
    audioconv export mine.safetensors mine.onnx    a model of yours
    audioconv export mine.safetensors small.onnx --int8 clips/
    audioconv export mine.safetensors mine.h       in C
    """
    if len(paths) > 2:
        raise ArgumentError(f"a model and a file to write are wanted, not {len(paths)}: {', '.join(map(str, paths))}")
    if denoiser and len(paths) == 2:
        raise ArgumentError(f"--denoiser is the one that comes along, and {paths[0]} another model; give one of them")
    source, target = (_shipped(denoiser), *paths)[-2:]
    if target.suffix not in (".onnx", ".h"):
        raise ArgumentError(f"OUT must end in .onnx or .h, not as {target.name!r}")
    for path in [target, target.with_suffix(".step.onnx")][: 2 - (target.suffix == ".h")]:
        check_output(path, force, ModelFileError)
    model = _loaded(source)
    calibration = None if int8 is None else _calibration(model, int8)
    (_export_c if target.suffix == ".h" else _export_onnx)(model, target, calibration, force)


def _shipped(denoiser: bool) -> Path:
    """The file of a model that comes along."""
    if denoiser:
        from audioconv.enhance import denoiser_model

        return denoiser_model.SHIPPED
    from audioconv.detect.kinds import SHIPPED

    return SHIPPED


def _loaded(path: Path) -> "Model":
    from audioconv.io.model_file import stored_kind

    kind = stored_kind(path)  # says what is wrong with it before all that reads models is loaded
    from audioconv.classify import KeywordClassifier
    from audioconv.detect.model_info import DETECTORS
    from audioconv.enhance import DenoiserModel, denoiser_model

    if kind == denoiser_model.KIND:
        return DenoiserModel.load(path)
    return DETECTORS[kind].load(path) if kind in DETECTORS else KeywordClassifier.load(path)


def _calibration(model: "Model", folder: Path) -> "Calibration":
    """Clips of a folder that have labels of the model, drawn by chance; never those of its test part."""
    import numpy as np

    from audioconv.classify import load_dataset
    from audioconv.classify.clips import load_clips
    from audioconv.classify.progress import Notices
    from audioconv.models import Calibration
    from audioconv.models.export.mask_deployment import NO_INT8, MaskDeployment

    deployment = model.deployment()
    if isinstance(deployment, MaskDeployment):
        raise ArgumentError(NO_INT8)
    data = load_dataset(folder)
    labels = [str(label) for label in deployment.labels]
    usable = np.flatnonzero((data.splits != "test") & np.isin(data.labels, labels))
    if len(usable) < 2:
        raise ArgumentError(f"{folder} has no two clips with labels of the model: {', '.join(labels)}")
    usable = np.random.default_rng(0).permutation(usable)[:MOST_CLIPS]
    rate = deployment.sample_rate
    length = deployment.clip_length or rate * 3 // 2
    clips = load_clips([data.files[i] for i in usable], rate, length, Notices(0))
    return Calibration(clips, np.array([labels.index(data.labels[i]) for i in usable]))


def _export_onnx(model: "Model", target: Path, calibration: "Calibration | None", force: bool) -> None:
    from audioconv.models import export_onnx

    made, deployment = export_onnx(model, target, calibration=calibration, overwrite=force), model.deployment()
    _say_onnx(made.clip, "whole clips", deployment.gives)
    if made.step is not None:
        length_ms = 1e3 * made.step.step / deployment.sample_rate
        _say_onnx(made.step, f"a step of {counted(made.step.step, 'sample')}, {length_ms:g} ms", deployment.gives)


def _export_c(model: "Model", target: Path, calibration: "Calibration | None", force: bool) -> None:
    from audioconv.models import export_c

    made = export_c(model, target, calibration=calibration, overwrite=force)
    tell(f"{made.path}: a step of {counted(made.hop, 'sample')}; {made.size / 1e3:,.0f} kB, of which weights "
               f"{made.weights / 1e3:,.0f} kB in a program; queues {made.memory / 1e3:,.0f} kB")  # fmt: skip
    tell(f"  {made.said}" if made.compiler is None else f"  compiled and run by {made.compiler}: {made.said}")
    if (small := made.int8) is not None:
        tell(f"  int8 on {counted(small.clips, 'clip')}: {_accuracy(small)}, posteriors within {small.deviation:.2g}")


def _accuracy(small: "Int8Result | Cost") -> str:
    """Accuracy, if it is known, and agreement with float32."""
    said = f"{100 * small.agreement:.1f} % as float32"
    if small.accuracy is None or small.float_accuracy is None:
        return said
    return f"accuracy {100 * small.accuracy:.1f} % (float32 {100 * small.float_accuracy:.1f} %), {said}"


def _say_onnx(file: "OnnxFile", what: str, gives: str) -> None:
    within = "" if file.int8 is None else ", before int8"
    tell(f"{file.path}: {what}; {file.size / 1e3:,.0f} kB, {file.time_ms:.3g} ms, "
               f"{gives} within {file.deviation:.1g}{within}")  # fmt: skip
    if (small := file.int8) is None:
        return
    tell(
        f"  int8 on {counted(small.clips, 'clip')}: {_accuracy(small)}, posteriors within {small.deviation:.2g}; "
        f"{small.time_ms:.3g} ms (float32 {small.float_time_ms:.3g}), {file.size / small.float_size:.2f} of the size"
    )
