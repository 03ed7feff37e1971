"""What is loaded when: importing audioconv is cheap, and so is asking for help."""

import subprocess
import sys
from pathlib import Path

import pytest

import audioconv as ac
from audioconv.kernels._jit import JIT_ENABLED

ROOT = Path(__file__).resolve().parents[1]

HEAVY = ("numba", "llvmlite", "scipy", "librosa", "sklearn", "matplotlib", "soundfile", "soxr", "safetensors", "rich")


def modules_after(statement):
    done = subprocess.run(
        [sys.executable, "-c", f"{statement}\nimport sys\nprint(*sys.modules, sep='\\n')"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.split("\n")


@pytest.mark.parametrize(
    "statement", ["import audioconv", "import audioconv; dir(audioconv)", "import audioconv.errors, audioconv.stage"]
)
def test_importing_audioconv_loads_nothing_heavy(statement):
    loaded = modules_after(statement)
    assert "audioconv" in loaded
    assert not set(HEAVY) & set(loaded)
    assert "importlib.metadata" not in loaded  # takes longer than the 20 ms that the import may take


@pytest.mark.parametrize("name", ["read", "AudioFileError", "io"])
def test_a_name_loads_only_its_part(name):
    loaded = modules_after(f"import audioconv; audioconv.{name}")
    assert not set(HEAVY) & set(loaded)


def test_the_command_line_loads_nothing_heavy():
    assert not {*HEAVY, "numpy"} & set(modules_after("import audioconv.cli"))


@pytest.mark.parametrize(
    "command", [[], ["filter"], ["record"], ["train"], ["evaluate"], ["predict"], ["listen"], ["bench"], ["doctor"]]
)
def test_help_loads_nothing_heavy(command):
    loaded = modules_after(f"from tests.command import run; assert 'Usage' in run(*{command!r}, '--help').stdout")
    assert not {*HEAVY, "numpy"} - {"rich"} & set(loaded)


# what the commands of everyday work may load, of what takes long; SciPy as a whole is Numba's
TRAINING = {"sklearn", "pandas", "joblib", "matplotlib", "requests", "scipy.signal", "scipy.stats", "scipy.optimize"}
WARM = {
    "filter --gain": (["filter", "{one}", "{out}.wav", "--gain", "-3"], {"numba", "llvmlite", "scipy", "soxr", "rich"}),
    "filter --normalize": (["filter", "{one}", "{out}.wav", "--peak", "-1"], {"numba", "scipy", "soxr", "rich"}),
    "filter --rate": (["filter", "{one}", "{out}.wav", "--rate", "8000"], {"numba", "scipy", "rich"}),
    "filter --highpass": (["filter", "{one}", "{out}.wav", "--highpass", "80"], {"soxr", "rich", "audioconv.nn"}),
    "filter --ir": (["filter", "{one}", "{out}.wav", "--ir", "{one}"], {"soxr", "rich", "audioconv.nn"}),
    "denoise": (["denoise", "{one}", "{out}.wav"], {"rich", "audioconv.detect", "audioconv.report"}),
    "predict": (["predict", "{model}", "{one}"], {"rich", "mutagen", "audioconv.detect", "audioconv.report"}),
    "features": (["features", "{one}", "{out}.npy"], {"rich", "mutagen", "audioconv.nn", "audioconv.classify"}),
    "info": (["info", "{one}"], {"numba", "scipy", "soxr", "audioconv.detect"}),
}
COUNTED = """
import sys
from audioconv.cli import main
compiled = []
if "--count" in sys.argv:
    sys.argv.remove("--count")
    import numba.core.compiler as compiler
    compile_extra = compiler.compile_extra
    def counted(*args, **options):
        compiled.append(args[2].__qualname__)
        return compile_extra(*args, **options)
    compiler.compile_extra = counted
try:
    main()
finally:
    print("LOADED", *sys.modules, file=sys.stderr)
    print("COMPILED", *compiled, file=sys.stderr)
"""


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """A second of speech."""
    folder = tmp_path_factory.mktemp("one")
    samples, rate = ac.read(ROOT / "data/recordings/speech.flac", 0, 1)
    ac.write(folder / "one.wav", samples, rate)
    return folder / "one.wav"


def run_alone(arguments, *more, code=0, said=""):
    done = subprocess.run(
        [sys.executable, "-c", COUNTED, *arguments, *more], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    lines = {line.split()[0]: line.split()[1:] for line in done.stderr.splitlines()}
    return set(lines["LOADED"]), lines["COMPILED"]


def arguments_of(command, one, tmp_path):
    model = ROOT / "audioconv/classify/keywords.safetensors"
    return [word.format(one=one, out=tmp_path / "out", model=model) for word in WARM[command][0]]


@pytest.mark.parametrize("command", WARM)
def test_a_command_loads_nothing_that_it_does_not_use(command, one, tmp_path):
    loaded, _ = run_alone(arguments_of(command, one, tmp_path))
    assert "audioconv.cli" in loaded
    assert loaded & (TRAINING | WARM[command][1]) == set()
    others = {name for name in loaded if name.startswith("audioconv.cli._")}
    assert others == {f"audioconv.cli._{command.split()[0]}"}


# an error is said before what takes seconds to load; of a file that is not there, and of a model of another kind
WRONG = {
    "listen --file": ["listen", "--file", "{none}"],
    "listen": ["listen", "{none}"],
    "listen, another kind": ["listen", "{denoiser}"],
    "info": ["info", "{none}.safetensors"],
    "adapt": ["adapt", "{none}", "{folder}", "--out", "{folder}/out"],
    "adapt, no folder": ["adapt", "{model}", "{none}", "--out", "{folder}/out"],
    "predict": ["predict", "{none}", "{one}"],
    "evaluate": ["evaluate", "{none}", "{folder}"],
    "evaluate, no folder": ["evaluate", "{none}"],
    "events": ["events", "{one}", "--model", "{none}"],
    "events, another kind": ["events", "{one}", "--model", "{model}"],
    "export": ["export", "{none}", "{folder}/out.onnx"],
    "train": ["train", "{none}", "--out", "{folder}/out"],
    "serve": ["serve", "--web", "--model", "{none}"],
    "denoise": ["denoise", "{none}", "{folder}/out.wav"],
    "filter": ["filter", "{none}", "{folder}/out.wav", "--highpass", "80"],
}


@pytest.mark.parametrize("command", WRONG)
def test_an_error_comes_before_what_takes_seconds_to_load(command, one, tmp_path):
    places = {
        "none": tmp_path / "none",
        "folder": tmp_path,
        "one": one,
        "model": ROOT / "audioconv/classify/keywords.safetensors",
        "denoiser": ROOT / "audioconv/enhance/denoiser.safetensors",
    }
    given = [word.format(**places) for word in WRONG[command]]
    loaded, _ = run_alone(given, code=2, said="takes it" if "kind" in command else "does not exist")
    assert loaded & (TRAINING | {"numba", "scipy", "soxr", "rich"}) == set()


@pytest.mark.skipif(not JIT_ENABLED, reason="nothing is compiled")
@pytest.mark.parametrize("command", ["filter --ir", "denoise", "predict"])
def test_a_warm_command_compiles_nothing(command, one, tmp_path):
    arguments = arguments_of(command, one, tmp_path)
    run_alone(arguments)
    again = [] if command == "predict" else ["--force"]
    assert run_alone(arguments, *again, "--count")[1] == []


def test_every_public_name_is_there():
    import audioconv

    for name in audioconv.__all__:
        assert getattr(audioconv, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = audioconv.no_such_name
