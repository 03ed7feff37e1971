"""Write constraints-lowest.txt, the lower bounds in pyproject.toml as exact versions; --check only compares."""

import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTED_EXTRAS = "live", "test"  # programs that look at code, such as ruff, are not part of what runs
HEAD = "# The lower bounds in pyproject.toml. Written by .ci/lowest.py; `make test-lowest` tests them.\n"


def main():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = set(project["dependencies"]).union(*(project["optional-dependencies"][extra] for extra in TESTED_EXTRAS))
    text = HEAD + "".join(f"{line.replace('>=', '==', 1)}\n" for line in sorted(wanted))
    path = ROOT / "constraints-lowest.txt"
    if "--check" not in sys.argv:
        path.write_text(text, encoding="utf-8", newline="\n")
    elif path.read_text(encoding="utf-8") != text:
        sys.exit("constraints-lowest.txt is not what pyproject.toml says: run python .ci/lowest.py")


if __name__ == "__main__":
    main()
