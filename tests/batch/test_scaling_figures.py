"""What an archive takes is worked out of what was measured, as docs/scaling.md says."""

import json
from pathlib import Path

import pytest

RESULT = Path(__file__).resolve().parents[2] / "benchmarks" / "results" / "scaling.json"
pytestmark = pytest.mark.skipif(not RESULT.exists(), reason="results of benchmarks are not installed")
MB_A_SECOND, LINK_MB, SHORT_S, LONG_S = 0.064, 1250, 0.5, 7200


def test_an_archive_takes_as_long_as_what_saturates_first():
    found = json.loads(RESULT.read_text())
    rows, cores = found["rows"], found["machine"]["cores"]
    ways = {row["way"]: row for row in rows["ways"]}
    (handed_out,) = (row["files a second"] for row in rows["handing out"])
    long_file = next(row for name, row in ways.items() if name.startswith("audioconv filter, one file of "))
    sound_s = float(long_file["way"].split(" of ")[1].split()[0]) * 3600
    by_processors = {
        SHORT_S: ways["audioconv, 2 processes"]["files a second"] * SHORT_S * cores / 2,
        LONG_S: sound_s / long_file["seconds"] * cores,
    }
    assert [row["machines"] for row in rows["archives"]] == [1, 16, 256] * 2
    for row in rows["archives"]:
        file_s = LONG_S if row["archive of"] == "files of 2 h" else SHORT_S
        speeds = {
            "processors": row["machines"] * by_processors[file_s],
            "handing out files": handed_out * file_s,
            "a link of 10 Gbit/s to the storage": LINK_MB / MB_A_SECOND,
        }
        speed = min(speeds.values())
        assert speed > 0
        assert speeds[row["limit"]] == pytest.approx(speed, rel=0.01)  # hours of the long file are rounded
        assert row["hours"] == pytest.approx(100_000 / speed, rel=0.01)
        assert row["storage, MB/s"] == pytest.approx(MB_A_SECOND * speed, rel=0.01)
