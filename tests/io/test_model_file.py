"""Model files: what is written comes back, and what is broken or hostile is refused at once."""

import json
import struct
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from audioconv.errors import ArgumentError, ModelFileError
from audioconv.io import model_file
from audioconv.io.plain_text import check_text, printable
from audioconv.io.stored_settings import StoredSettings

ARRAYS = {
    "network.0.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "filters": np.ones((2, 2)),
    "halves": np.array([0.5, 65504.0], np.float16),
    "empty": np.zeros((0, 3), np.float32),
    "one": np.array([3], np.int64),
    "trained_on": np.arange(3, dtype=np.uint64),
    "probe": np.arange(5, dtype=np.int16),
    "channels": np.arange(4, dtype=np.int32),
}


def file_of(path, header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


def header_of(arrays, settings='{"format": 3}'):
    return {"__metadata__": {"audioconv": settings}} | arrays


def test_what_is_saved_comes_back_and_others_read_it(tmp_path):
    path = tmp_path / "m.safetensors"
    model_file.save(path, ARRAYS, {"labels": ["yés"]})
    found, settings = model_file.load(path)
    assert settings == {"format": 3, "labels": ["yés"]} == model_file.load_settings(path)
    for arrays in (found, load_file(path)):
        assert arrays.keys() == ARRAYS.keys()
        assert all(arrays[n].dtype == a.dtype and np.array_equal(arrays[n], a) for n, a in ARRAYS.items())
    found["probe"][0] = 7  # an array of its own
    assert model_file.seems_model(path)
    assert not model_file.seems_model(tmp_path / "nothing")


@given(st.dictionaries(st.text("abc.", min_size=1), st.sampled_from(list(ARRAYS.values()))))
def test_files_of_safetensors_itself_are_read(tmp_path_factory, arrays):
    path = tmp_path_factory.getbasetemp() / "other.safetensors"
    save_file(arrays, path, metadata={"audioconv": '{"format": 3}'})
    found, _ = model_file.load(path)
    assert all(np.array_equal(found[name], array) for name, array in arrays.items())


F32 = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
    ("arrays", "data", "says"),
    [
        ({"a": F32 | {"dtype": "BF16"}}, 8, "array a has dtype 'BF16'; known are F16, F32"),
        ({"a": F32 | {"dtype": 3}}, 8, "dtype 3"),
        ({"a": F32 | {"dtype": ["F32"]}}, 8, "dtype"),
        ({"a": F32 | {"shape": [-2]}}, 8, "shape"),
        ({"a": F32 | {"shape": [True, 2]}}, 8, "shape"),
        ({"a": F32 | {"shape": [2.0]}}, 8, "shape"),
        ({"a": F32 | {"shape": 2}}, 8, "shape 2"),
        ({"a": F32 | {"shape": [1 << 40, 1 << 40]}}, 8, "shape"),
        ({"a": F32 | {"shape": [0, 1 << 61]}}, 8, "shape"),
        ({"a": F32 | {"shape": [1] * 9}}, 8, "shape"),
        ({"a": F32 | {"shape": [1 << 30]}}, 8, "takes 4294967296 bytes, not those from"),
        ({"a": F32 | {"data_offsets": [8, 0]}}, 8, "takes 8 bytes"),
        ({"a": F32 | {"data_offsets": [-8, 0]}}, 8, "data_offsets"),
        ({"a": F32 | {"data_offsets": [0, 8, 16]}}, 8, "data_offsets"),
        ({"a": F32 | {"data_offsets": [4, 12]}}, 12, "begins at byte 4, not at 0"),
        ({"a": F32, "b": F32}, 8, "array b begins at byte 0, not at 8"),
        ({"a": F32 | {"shape": [1 << 24], "data_offsets": [0, 1 << 26]}}, 8, "its arrays take 67108864 bytes, and"),
        ({"a": F32}, 9, "take 8 bytes, and it has 9"),
        ({"a": F32 | {"more": 1}}, 8, "must have dtype, shape and data_offsets"),
        ({"a": [0, 8]}, 8, "must have dtype"),
        ({"a\x1b[31m": F32}, 8, r"array .*x1b.* has no name of letters"),
        ({"a" * 300: F32}, 8, "has no name of letters"),
        ({"": F32}, 8, "has no name of letters"),
        ({f"a{i}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for i in range(5000)}, 0, "has 5000 arrays"),
    ],
)
def test_arrays_that_cannot_be_are_refused(tmp_path, arrays, data, says):
    path = file_of(tmp_path / "m", header_of(arrays), bytes(data))
    with pytest.raises(ModelFileError, match=says) as error:
        model_file.load(path)
    assert len(str(error.value)) < 1000
    assert "\x1b" not in str(error.value)


@pytest.mark.parametrize(
    ("header", "length", "says"),
    [
        (b"{}", 1 << 40, "header should have 1099511627776 bytes, and the file has 10"),
        (b"{}", (1 << 64) - 1, "header should have"),
        (b" " * (5 << 20), None, "its header has 5242880 bytes"),
        (b"[" * 100_000, None, "header is damaged"),
        (b'{"a":' * 100_000, None, "header is damaged"),
        (b"[]", None, "header is list, not an object"),
        (b'{"a": ' + b"1" * 100_000 + b"}", None, "header is damaged"),
        (b'{"\xff": 1}', None, "header is damaged"),
        (b'{"a": 1, "a": 1}', None, "a name comes twice"),
        (b"", None, "header is damaged"),
        (json.dumps({"__metadata__": []}).encode(), None, "holds arrays but no audioconv model"),
        (json.dumps(header_of({}, "{")).encode(), None, "settings is damaged"),
        (json.dumps(header_of({}, "3")).encode(), None, "settings is int, not an object"),
        (json.dumps(header_of({}, "[" * 100_000)).encode(), None, "settings is damaged"),
        (json.dumps(header_of({}, '{"format": 2}')).encode(), None, "has model format 2; this .* reads format 3"),
        (json.dumps(header_of({}, json.dumps({"format": "x" * 100_000}))).encode(), None, "has model format 'x"),
    ],
)
def test_headers_that_cannot_be_are_refused(tmp_path, header, length, says):
    path = file_of(tmp_path / "m", header, length=length)
    for read in (model_file.load, model_file.load_settings):
        start = time.perf_counter()
        with pytest.raises(ModelFileError, match=says) as error:
            read(path)
        assert len(str(error.value)) < 1000
        assert time.perf_counter() - start < 5


def test_a_file_that_is_large_or_none_is_refused(tmp_path):
    with open(tmp_path / "large", "wb") as file:
        file.truncate(1 << 40)  # of holes
    for path, says in (
        ("large", "a model has at most"),
        ("", "no regular file"),
        ("no", "does not exist"),
        ("a\0", "null"),
    ):
        with pytest.raises(ModelFileError, match=says):
            model_file.load(f"{tmp_path}/{path}")
    with pytest.raises(ModelFileError, match="no regular file"):
        model_file.load("/dev/zero")


def test_what_could_not_be_loaded_is_not_saved(tmp_path):
    with pytest.raises(ModelFileError, match="a header of"):
        model_file.save(tmp_path / "m", {}, {"text": "x" * (5 << 20)})
    with pytest.raises(ModelFileError, match="a file of"):
        model_file.save(tmp_path / "m", {"a": np.zeros(1000)}, {}, most_bytes=4000)
    assert not list(tmp_path.iterdir())


@given(st.data())
def test_any_bytes_are_a_model_or_refused(tmp_path_factory, data):
    """Mutations of a real file: bytes changed, cut out, or put in."""
    path = tmp_path_factory.getbasetemp() / "mutant"
    model_file.save(path, ARRAYS, {"labels": ["yes"]})
    mutant = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(mutant) - 1))
        mutant[at : at + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    path.write_bytes(mutant)
    try:
        arrays, settings = model_file.load(path)
    except ModelFileError:
        return
    assert settings["format"] == 3
    assert sum(array.nbytes for array in arrays.values()) < len(mutant)


def test_text_that_could_steer_a_terminal_is_refused_and_shown_harmlessly():
    for text in ("\x1b[2J", "a\nb", "\x07", "\u202eabc", "\u2028", "\x9b31m", "\0"):
        with pytest.raises(ArgumentError, match="label must hold no control characters") as error:
            check_text(text, "label", 10)
        assert str(error.value).isascii()
        assert str(error.value).isprintable()
        assert all(c.isprintable() for c in printable(text))
    for text in ("<b>ja</b>", "да", "naïve", "क्ष", "\u0645\u06cc\u200c", "😀"):
        assert check_text(text, "label", 20) == text == printable(text)
    assert check_text("a\nb", "card", 10, allowed="\n") == "a\nb"
    for value, says in (("x" * 11, "at most 10 characters, not 11"), (b"a", "must be text"), (None, "must be text")):
        with pytest.raises(ArgumentError, match=says):
            check_text(value, "label", 10)


def test_settings_are_checked_when_they_are_asked_for():
    settings = StoredSettings(
        {"n": 10**4000, "x": float("nan"), "flag": 1, "list": [1] * 9, "t": "\x1b", "r": [{"a": "b"}]}, "s"
    )
    for ask in (
        lambda: settings.whole("n", 0, 9), lambda: settings.number("x", 0, 1), lambda: settings.flag("flag"),
        lambda: settings.numbers("list", 0, 1, 8), lambda: settings.text("t"), lambda: settings.records("r", 9),
        lambda: settings.part("n"), lambda: settings.number("missing", 0, 1), lambda: settings.whole("flag", 2, 3),
        lambda: StoredSettings([], "s"), lambda: settings.numbers("n", 0, 1, 8),
    ):  # fmt: skip
        with pytest.raises(ArgumentError) as error:
            ask()
        assert len(str(error.value)) < 300
    assert settings.whole("flag", 0, 1) == 1
    assert settings.numbers("list", 0, 1, 9) == (1,) * 9
