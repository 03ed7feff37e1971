"""How the site is made: `make docs`, then open build/docs/index.html."""

import os
import re
import sys
import tomllib
from pathlib import Path

os.environ.setdefault("NUMBA_DISABLE_JIT", "1")  # names and docstrings are looked at, nothing is computed
DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
sys.path.insert(0, str(DOCS / "_ext"))
sys.path.insert(0, str(ROOT))
_project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REPOSITORY = _project["urls"]["Homepage"]

project = "audioconv"
version = release = _project["version"]
author = copyright = "the audioconv authors"

extensions = [
    "figures",
    "glossary",
    "myst_parser",
    "numpydoc",
    "plain_docstrings",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_ext", "examples/*.ipynb", "examples/*.py", "examples/*.json", "sg_execution_times.rst"]
templates_path = ["_templates"]
default_role = "code"
nitpicky = True  # every name in a page leads somewhere
suppress_warnings = ["config.cache"]

myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist"]

autosummary_generate = True
autodoc_typehints = "none"  # docstrings say shapes and units, which types do not
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

# Examples are shown as they are; the tests run them.
sphinx_gallery_conf = {
    "examples_dirs": str(ROOT / "examples"),
    "gallery_dirs": "examples",
    "filename_pattern": r"(?!)",
    "ignore_pattern": r"demo\.py",
    "within_subsection_order": "ExampleTitleSortKey",
    "nested_sections": False,
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    "download_all_examples": False,
    "min_reported_time": 1e9,
    "write_computation_times": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "audioconv"
html_show_sourcelink = False
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_theme_options = {
    "github_url": REPOSITORY,
    "header_links_before_dropdown": 8,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {"index": [], "tutorial": []}


def links_to_repository(app, docname, source):
    """What a page names outside of this folder is shown by the repository."""
    here = (DOCS / docname).parent

    def whole(match):
        path = (here / match[1]).resolve()
        if path.is_relative_to(DOCS) or not path.exists():  # which Sphinx looks at
            return match[0]
        kind = "tree" if path.is_dir() else "blob"
        return f"]({REPOSITORY}/{kind}/main/{path.relative_to(ROOT).as_posix()}{match[2] or ''})"

    source[0] = re.sub(r"\]\((\.\./[^)#\s]*)(#[^)\s]*)?\)", whole, source[0])


def setup(app):
    import api

    api.write(DOCS / "reference" / "api")
    app.connect("source-read", links_to_repository)
