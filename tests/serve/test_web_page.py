"""The live page in headless Chromium: it hears what the detector hears, and draws what is played through a chain."""

import asyncio
import base64
import threading

import numpy as np
import pytest

import audioconv as ac
from audioconv.serve import WebService
from tests import chromium
from tests.spoken_words import GAP_S, LABELS, write_words

TIME_S = 0.3  # within which words are told to have been said
BEGIN_S, HEAR_S = 60, 30  # to wait at most, on a busy machine
HELPERS = """
const byId = (id) => document.getElementById(id), text = (id) => byId(id).textContent;
const rows = () => [...document.querySelectorAll('#detections tr')];
const words = () => rows().map((row) => [...row.cells].map((cell) => cell.textContent));
const choose = (name) => { byId('chain').value = name; byId('chain').dispatchEvent(new Event('change')); };
const drop = (name, coded) => {
  const given = new DataTransfer();
  given.items.add(new File([Uint8Array.from(atob(coded), (x) => x.charCodeAt(0))], name));
  document.dispatchEvent(new DragEvent('drop', { dataTransfer: given, cancelable: true }));
};
"""

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(chromium.command() is None, reason="Chromium is not installed"),
]


@pytest.fixture(scope="module")
def service():
    """A service of the detector that comes along, and the address of its page."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()

    def there(coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(60)

    service = WebService(ac.KeywordDetector.load())
    try:
        yield service, there(service.start(port=0))
    finally:
        there(service.stop())
        loop.call_soon_threadsafe(loop.stop)


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """A file of words."""
    path = tmp_path_factory.mktemp("said") / "words.wav"
    write_words(path)
    return path


@pytest.fixture
def page(service, said, tmp_path):
    """The page in a browser whose microphone hears the words."""
    with chromium.page(tmp_path / "profile", chromium.microphone(said)) as page:
        page.open(service[1])
        page.run(HELPERS)
        assert page.wait("text('status').startsWith('ready')", BEGIN_S), (page.run("text('status')"), page.logged)
        yield page
        assert (page.errors, page.logged) == ([], [])


def heard(page):
    """(word, from, to) in the order in which they came."""
    return [(word, float(start), float(end)) for word, start, end, _, _ in reversed(page.run("words()"))]


def test_words_of_the_microphone_are_listed_while_it_plays_through_chains(page, service, said):
    wanted = service[0]._estimator.detect(ac.read(said).samples)
    assert [str(word.label) for word in wanted] == LABELS
    page.run("choose('room'); byId('microphone').click()")
    assert page.wait("text('status') === 'listening'", BEGIN_S), page.run("text('status')")
    assert page.wait("words().length >= 2", HEAR_S), page.run("[text('delay-parts'), text('dropped'), words()]")
    assert page.wait("text('delay').endsWith(' ms')", HEAR_S)
    page.run("choose('denoise')")
    assert page.wait("text('status') === 'playing through: denoise'", HEAR_S), page.run("text('status')")
    page.wait(f"words().length >= {len(wanted)}", HEAR_S)
    page.wait("false", GAP_S)  # for what should not come
    delay_ms, level = page.run("parseFloat(text('delay'))"), page.run("text('level-db')")
    page.run("byId('stop').click()")
    assert page.wait("text('status') === 'stopped'", HEAR_S)
    found = heard(page)
    assert [label for label, *_ in found] == LABELS
    times = [(word.start_s, word.end_s) for word in wanted]
    np.testing.assert_allclose([[start, end] for _, start, end in found], times, atol=TIME_S)
    assert 32 < delay_ms < 2000  # the chain's own latency at least
    assert level.endswith(" dB")
    row = "byId('picture').getContext('2d').getImageData(0, byId('picture').height / 2, byId('picture').width, 1).data"
    assert max(page.run(f"[...{row}].filter((_, i) => i % 4 === 0)")) > 150  # red, which is where it is loud
    assert page.run("byId('microphone').disabled") is False


def test_a_dropped_file_is_played_to_its_end(page, service, tmp_path):
    path = tmp_path / "yes.wav"
    word = np.pad(ac.read("data/keywords/yes/f3-en-us_1.flac").samples, (8000, 8000))
    ac.write(path, word / np.abs(word).max() / 2, 16000)
    coded = base64.b64encode(path.read_bytes()).decode()
    page.run(f"drop('yes.wav', '{coded}')")
    assert page.wait("text('status') === 'playing yes.wav'", BEGIN_S), page.run("text('status')")
    assert page.wait("text('status') === 'stopped'", HEAR_S), page.run("text('status')")
    (found,) = service[0]._estimator.detect(word / np.abs(word).max() / 2)
    ((label, *times),) = heard(page)
    assert label == found.label
    assert times == pytest.approx([found.start_s, found.end_s], abs=0.05)  # the same sound but for its resampling
    page.run("drop('no.wav', btoa('no sound'))")
    assert page.wait("text('status') === 'this browser cannot decode no.wav'", HEAR_S), page.run("text('status')")


def test_its_spectra_are_those_of_a_fourier_transform(page, rng):
    x = rng.standard_normal(2048)
    x[100:] *= 1e-3
    code = f"import('./spectrum.js').then(({{ Spectrum }}) => [...new Spectrum(2048).decibels({x.tolist()})])"
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(2048) / 2048)
    wanted = 20 * np.log10(1e-8 + 4 / 2048 * np.abs(np.fft.rfft(window * x)))
    np.testing.assert_allclose(page.run(code), wanted, atol=1e-4)
    rows = page.run("import('./spectrum.js').then(({ logRows }) => logRows(3, 1000, 1000, 1, 512))")
    assert rows == [[1, 8], [8, 64], [64, 512]]


def test_who_has_no_token_sees_no_page(page, service):
    page.call("Page.navigate", url=service[1].rsplit("/", 2)[0] + "/")
    assert page.wait("document.body.textContent.startsWith('there is nothing here')", BEGIN_S)
    page.logged.clear()  # that it was not found
