"""The site that `make docs` made: what it has, and that its search finds the field's words. `make docs` runs these."""

import json
import os
import re
from pathlib import Path

import pytest

import audioconv as ac

SITE = Path(os.environ.get("AUDIOCONV_SITE", "nowhere"))
LONGEST_PAGE = 3500  # words
pytestmark = pytest.mark.skipif(
    "AUDIOCONV_SITE" not in os.environ, reason="make docs runs it, on the site that it makes"
)


@pytest.fixture(scope="module")
def index():
    text = (SITE / "searchindex.js").read_text(encoding="utf-8")
    return json.loads(text.removeprefix("Search.setIndex(").removesuffix(")"))


@pytest.mark.parametrize(
    "term",
    ["overlap-add", "receptive field", "false alarms an hour", "partition", "impulse response", "dilation", "DET curve",
     "right-angle convolution", "latency", "refractory time"],
)  # fmt: skip
def test_search_finds_a_term_as_an_entry_of_the_glossary(index, term):
    places = [(name, anchor) for name, found in index["indexentries"].items() for _, anchor, _ in found]
    terms = [name for name, anchor in places if anchor.startswith("term-")]
    assert len(terms) > 250
    assert any(term.lower() in name for name in terms)


@pytest.mark.parametrize(
    "word", ["overlap", "recept", "alarm", "convolv", "spectrogram", "wyom", "dask", "onnx", "limit"]
)
def test_search_finds_a_word_in_more_than_one_page(index, word):
    pages = index["terms"].get(word, [])
    assert not isinstance(pages, int)
    assert len(pages) > 1


def test_every_public_name_has_its_page():
    names = {path.stem.rpartition(".")[2] for path in (SITE / "reference" / "api" / "names").glob("*.html")}
    assert set(ac._HOME) <= names


def test_no_page_is_longer_than_a_reader_reads():
    lengths = {}
    for path in SITE.rglob("*.html"):
        article = re.search(r"<article.*?</article>", path.read_text(encoding="utf-8"), re.DOTALL)
        if article:
            lengths[path.name] = len(re.sub(r"<[^>]+>", " ", article[0]).split())
    assert len(lengths) > 200
    too_long = {name: count for name, count in lengths.items() if count > LONGEST_PAGE}
    assert set(too_long) <= {"glossary.html", "genindex.html", "trials.html"}, too_long  # looked up, not read
