"""Where pictures are drawn: matplotlib without its window system, and the bytes of a figure as SVG and PDF.

matplotlib is an extra and takes a third of a second to import, so it is imported when the first picture is drawn.
Text is drawn as outlines: a picture looks the same on every system, whatever fonts it has. The bytes are the same in
every process: identifiers in the SVG come from a salt and not from a random number, and no file has a date.

Colours are told apart in grey too (dark, middle, light), and every one goes with a line style or a marker.

Read next: `reports.pictures.diagram`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

INK, GREY, FILL, RED = "#1c1b19", "#6f6f6f", "#edf0f6", "#b3261e"
SIZE = 9.0  # points
FONT = "STIXGeneral"
STYLE = {
    "font.family": FONT, "mathtext.fontset": "stix", "font.size": SIZE,
    "svg.fonttype": "path", "svg.hashsalt": "bptt", "pdf.fonttype": 3, "pdf.compression": 6,
    "axes.linewidth": 0.6, "axes.edgecolor": GREY, "axes.labelsize": SIZE, "axes.titlesize": SIZE,
    "axes.spines.top": False, "axes.spines.right": False, "axes.unicode_minus": True,
    "xtick.labelsize": 8, "ytick.labelsize": 8, "xtick.major.width": 0.6, "ytick.major.width": 0.6,
    "lines.linewidth": 1.4, "legend.frameon": False, "legend.fontsize": 8, "text.usetex": False,
    "figure.facecolor": "none", "axes.facecolor": "none", "savefig.facecolor": "none",
    "text.color": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK, "path.simplify": False,
}  # fmt: skip
DATE = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)
MISSING = "No pictures: they need matplotlib, which `pip install 'bptt[report]'` installs."


@dataclass(frozen=True)
class Drawn:
    """A picture: SVG as text, PDF as bytes."""

    svg: str
    pdf: bytes


def available() -> bool:
    """Whether pictures can be drawn."""
    return find_spec("matplotlib") is not None


@contextmanager
def style() -> Iterator[None]:
    """The look of all pictures, whatever a user's matplotlibrc says."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcParams.update(_defaults())
        matplotlib.rcParams.update(STYLE)
        yield


@cache
def _defaults() -> Any:
    import matplotlib

    kept = ("backend", "backend_fallback", "interactive", "toolbar", "timezone", "webagg", "date.", "datapath")
    found = matplotlib.rcParamsDefault
    return {key: value for key, value in found.items() if not key.startswith(kept) and "deprecated" not in key}


def figure(width: float, height: float) -> Any:
    """An empty figure of that many points, without pyplot and its list of open figures; to be used within `style`."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width / 72, height / 72), dpi=72)


def saved(drawing: Any) -> Drawn:
    """The bytes of a figure; to be used within `style`."""
    svg, pdf = io.StringIO(), io.BytesIO()
    drawing.savefig(svg, format="svg", metadata={"Date": None})
    drawing.savefig(pdf, format="pdf", metadata={"CreationDate": None, "ModDate": None, "Creator": None})
    return Drawn(DATE.sub("", svg.getvalue(), count=1), pdf.getvalue())


@dataclass(frozen=True)
class Outline:
    """A text as an outline, its middle at (0, 0).

    Attributes:
        path: of matplotlib.
        width, height: in points.
    """

    path: Any
    width: float
    height: float


def drawable(text: str) -> str:
    """A text in which a character that the font does not have is its code point; matplotlib would complain of it."""
    from matplotlib.font_manager import findfont, get_font

    known = get_font(findfont(FONT)).get_charmap() if not text.isascii() else {}
    return "".join(c if c.isascii() or ord(c) in known else f"U+{ord(c):04X}" for c in text)


@cache
def outlined(text: str, size: float = SIZE) -> Outline:
    """A text, in which a dollar begins a formula and a newline a line; to be used within `style`.

    Drawn as a shape it is laid out once, where matplotlib would do it again for every file.
    """
    from matplotlib.font_manager import FontProperties
    from matplotlib.path import Path
    from matplotlib.textpath import TextPath
    from matplotlib.transforms import Affine2D

    font = FontProperties(family=FONT, size=size)
    lines = [TextPath((0, 0), line, prop=font, size=size) for line in drawable(text).split("\n")]
    boxes = [line.get_extents() for line in lines]
    moves = [Affine2D().translate(-(b.x0 + b.x1) / 2, -1.35 * size * n) for n, b in enumerate(boxes)]
    moved = [Path(move.transform(line.vertices), line.codes) for move, line in zip(moves, lines, strict=True)]
    whole = Path.make_compound_path(*moved)
    box = whole.get_extents()
    centred = Affine2D().translate(-(box.x0 + box.x1) / 2, -(box.y0 + box.y1) / 2).transform(whole.vertices)
    return Outline(Path(centred, whole.codes), float(box.width), float(box.height))


def measured(text: str, size: float = SIZE) -> tuple[float, float]:
    """Width and height of a text in points; to be used within `style`."""
    found = outlined(text, size)
    return found.width, max(found.height, 0.7 * size)
