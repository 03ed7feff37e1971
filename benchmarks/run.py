"""Run benchmarks by name, or all: python benchmarks/run.py [startup|convolve|stream|train|keywords] ...

Each prints a table and writes benchmarks/results/NAME.json. Figures move from machine to machine; ratios hold.
"""

import argparse
import importlib
import json
import os
import platform
from pathlib import Path

NAMES = ("startup", "convolve", "stream", "train", "keywords")
RESULTS = Path(__file__).parent / "results"

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], help="which; all if none is given")
    parser.add_argument("--split", default="val", choices=("val", "test"), help="keywords: the part to score")
    options = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    for name in options.names or NAMES:
        rows = importlib.import_module(name).main(options)
        machine = {"processor": platform.processor(), "cores": os.cpu_count(), "python": platform.python_version()}
        (RESULTS / f"{name}.json").write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")
