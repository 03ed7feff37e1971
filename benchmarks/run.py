"""Run benchmarks by name, or all: python benchmarks/run.py [NAME] ...

Each prints tables and writes benchmarks/results/NAME.json. Figures move from machine to machine; ratios hold.

    startup   import, help, first calls with an empty cache
    convolve  whole signals, against SciPy, NumPy, PyTorch and FFTW in C; and memory
    short     small calls, against NumPy, SciPy and librosa
    lengths   each method against the length of the kernel, measured and predicted; `picture.py` draws both
    choice    how well `auto` chooses among the methods
    registers  how register tiles fit other processors: spills in what LLVM emits
    direct    sums of products, against what multiply-adds in registers give
    fft       single transforms, against FFTW
    upfirdn   up- and down-sampling, against SciPy
    convolve2d  a spectrogram, against OpenCV, SciPy and PyTorch
    denoise   the spectral gate, against noisereduce; needs AUDIOCONV_DATA
    neural_denoise  speech by the network, the gate, noisereduce and RNNoise; needs AUDIOCONV_DATA
    stream    streams block by block and in one call, against zita-convolver and pedalboard; a chain
    stages    dynamics, echoes, equaliser and loudness, against pedalboard, SciPy and pyloudnorm
    scaling   many files by processes and by Dask, against plain loops; memory; what an archive takes
    live      a sound card while Python is busy; needs jackd
    layers    layers of networks, against PyTorch
    batches   augmentation and features of an epoch, against audiomentations, soxr and librosa
    train     steps of training of four networks, against PyTorch; and memory
    crowded   steps of training while another process has one of two cores, against PyTorch
    infer     inference of the same, against PyTorch and ONNX Runtime
    detector  streams that a core follows: the detector of words, and the clip model that slides
    clips     eight keywords in clips, other words, noise; needs AUDIOCONV_DATA
    keywords  words in a stream of noise; needs AUDIOCONV_DATA
    words     words in streams, and in hours of speech without them; needs AUDIOCONV_DATA
    shipped   the detector that comes along; needs AUDIOCONV_DATA
    export    the models that come along in ONNX and C; needs AUDIOCONV_DATA
    adapt     words from few clips, for classifiers; needs AUDIOCONV_DATA
    events    sound events in time, by sed_eval and psds_eval; needs AUDIOCONV_DATA
    classifiers  recognition rates of the models on four data sets; needs AUDIOCONV_DATA

PyTorch, pedalboard, OpenCV, noisereduce, RNNoise and scores of speech (`pip install torch pedalboard
opencv-python-headless noisereduce pyrnnoise pesq pystoi audiomentations`), FFTW
(gcc and Debian's libfftw3-dev) and zita-convolver (g++ and Debian's libzita-convolver-dev) are taken if they are there;
so are sed_eval and psds_eval (`pip install sed_eval psds_eval "pandas<3"`), and openWakeWord and microWakeWord
(`pip install pyopen-wakeword pymicro-wakeword`; Debian's espeak-ng and flite).
"""

import argparse
import importlib
import json
import os
import platform
from pathlib import Path

for tuned in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):  # before NumPy is loaded: peers run as they come
    os.environ.pop(tuned, None)

NAMES = (
    "startup",
    "convolve",
    "short",
    "lengths",
    "choice",
    "registers",
    "direct",
    "fft",
    "upfirdn",
    "convolve2d",
    "denoise",
    "neural_denoise",
    "stream",
    "stages",
    "scaling",
    "live",
    "layers",
    "batches",
    "train",
    "crowded",
    "infer",
    "detector",
    "clips",
    "keywords",
    "words",
    "shipped",
    "export",
    "adapt",
    "events",
    "classifiers",
)
RESULTS = Path(__file__).parent / "results"


def _numbers(text):
    return [int(number) for number in text.split(",")]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], help="which; all if none is given")
    parser.add_argument(
        "--split",
        default="val",
        choices=("val", "test", "folds", "few"),
        help="keywords, words, classifiers: the part to score; folds, few: classifiers alone, without the test part",
    )
    parser.add_argument(
        "--seeds", type=_numbers, help="classifiers, clips, words, events: of the trainings of each, such as 0,1,2"
    )
    parser.add_argument(
        "--only",
        default="",
        help="classifiers: of those rows whose data and model hold this text; words: this part; events: models",
    )
    parser.add_argument(
        "--model", nargs="+", metavar="FILE", help="clips, words, adapt: models to take instead of trainings"
    )
    parser.add_argument("--keep", metavar="FOLDER", help="clips, words, events: where to keep the models")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="clips, words, adapt, events, neural_denoise, scaling, short: seconds, to see that all of it runs",
    )
    options = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    for name in options.names or NAMES:
        rows = importlib.import_module(name).main(options)
        if not rows:  # what it needs is not there, as it said
            continue
        machine = {"processor": platform.processor(), "cores": os.cpu_count(), "python": platform.python_version()}
        (RESULTS / f"{name}.json").write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")
