"""Plots of section 10: gradient norms against the lag, between any two steps as a heat map, and eigenvalues of a step.

Curves differ in line style and marker as well as in colour, and colours in lightness. The heat map is light where a
derivative is small and dark where it is large, on a logarithmic scale.

Read next: `reports.sections.plots`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reports.pictures import canvas
from reports.pictures.canvas import GREY, INK, Drawn

Floats = NDArray[np.float64]
WIDTH = 430.0  # points
LOOKS = (
    ("#1f5a92", "--", "v"), (INK, "-", "o"), ("#c0392b", ":", "^"), ("#5b8c2a", "-.", "s"), ("#8a3b9c", "--", "D"),
    ("#b07d12", "-", "x"), ("#1a7f86", ":", "P"), (GREY, "-.", "*"),
)  # fmt: skip
SMALLEST = 1e-12  # of a norm that is drawn
DECADES = 4  # of the colours, above and below 1


@dataclass(frozen=True)
class Curve:
    """Norms by lag, from 0.

    Attributes:
        label: for the legend.
        norms: (T + 1,).
        look: which of `LOOKS`.
    """

    label: str
    norms: Floats
    look: int = 0


def _decade(value: float, _: object = None) -> str:
    """A power of ten as plain text: a formula would be laid out for each, and again for every file."""
    return f"{value:g}".replace("-", "−")


def norms_plot(curves: Sequence[Curve], ylabel: str) -> Drawn:
    """Norms against the lag, on one logarithmic axis."""
    with canvas.style():
        drawing = canvas.figure(WIDTH, 190)
        axes = drawing.add_axes((0.12, 0.17, 0.56, 0.78))
        axes.set_yscale("log")
        axes.axhline(1.0, color="#b8b8b8", lw=0.7, zorder=0)
        for curve in curves:
            colour, line, marker = LOOKS[curve.look % len(LOOKS)]
            lags = np.arange(len(curve.norms))
            shown = np.where((curve.norms > SMALLEST) & np.isfinite(curve.norms), curve.norms, np.nan)
            axes.plot(
                lags,
                shown,
                color=colour,
                ls=line,
                marker=marker,
                ms=3.6,
                markevery=4,
                label=canvas.drawable(curve.label),
                clip_on=True,
            )
        axes.yaxis.set_major_formatter(_decade)
        axes.yaxis.set_minor_formatter("")
        axes.set_xlabel("lag $k$")
        axes.set_ylabel(canvas.drawable(ylabel))
        axes.margins(x=0.02)
        drawing.legend(loc="center left", bbox_to_anchor=(0.69, 0.56), handlelength=3.2, labelspacing=0.9)
        return canvas.saved(drawing)


def heat_maps(panels: Sequence[tuple[str, Floats]]) -> Drawn:
    """Norms of ∂s_t/∂s_k for all t and k, one panel for each choice of weights, one scale of colours for all.

    Args:
        panels: title and norms (n, n), 0 where k is later than t.
    """
    from matplotlib.colors import LogNorm

    with canvas.style():
        drawing = canvas.figure(WIDTH, 172)
        scale = LogNorm(10.0**-DECADES, 10.0**DECADES)
        image: Any = None
        for place, (title, values) in enumerate(panels):
            axes = drawing.add_axes((0.075 + 0.275 * place, 0.2, 0.235, 0.58))
            size = len(values)
            rows = np.tril(np.ones((size, size), bool))
            clipped = np.clip(values, 10.0**-DECADES, 10.0**DECADES)
            edges = np.arange(size + 1) - 0.5
            image = axes.pcolormesh(
                edges, edges, np.ma.array(clipped, mask=~rows), norm=scale, cmap="YlGnBu", edgecolors="face", lw=0.2
            )
            axes.set_aspect("equal")
            axes.invert_yaxis()
            axes.set_title(title, fontsize=8, pad=4)
            axes.set_xlabel("$k$", labelpad=1)
            if not place:
                axes.set_ylabel("$t$", labelpad=1)
            ticks = [0, (size - 1) // 2, size - 1]
            axes.set_xticks(ticks)
            axes.set_yticks(ticks)
        bar = drawing.colorbar(image, cax=drawing.add_axes((0.895, 0.2, 0.016, 0.58)), extend="both")
        bar.ax.set_title("norm", fontsize=8, pad=7)
        bar.set_ticks([10.0**n for n in range(-DECADES, DECADES + 1, 2)])
        bar.ax.yaxis.set_major_formatter(_decade)
        bar.ax.minorticks_off()
        bar.outline.set_linewidth(0.5)
        return canvas.saved(drawing)


def spectra_plot(panels: Sequence[tuple[str, NDArray[np.complex128], int]]) -> Drawn:
    """Eigenvalues of the Jacobians of all steps in the complex plane, with the unit circle.

    Args:
        panels: title, eigenvalues of any shape, and which of `LOOKS`.
    """
    with canvas.style():
        drawing = canvas.figure(WIDTH, 172)
        angle = np.linspace(0, 2 * np.pi, 73)
        for place, (title, values, look) in enumerate(panels):
            axes = drawing.add_axes((0.09 + 0.31 * place, 0.2, 0.25, 0.62))
            colour, _, marker = LOOKS[look % len(LOOKS)]
            flat = values[np.isfinite(values)].ravel()
            limit = 1.12 * max(1.0, float(np.abs(flat).max(initial=0.0)))
            axes.plot(np.cos(angle), np.sin(angle), color=INK, lw=0.9)
            axes.plot([-limit, limit], [0, 0], color="#d0d0d0", lw=0.5, zorder=0)
            axes.plot([0, 0], [-limit, limit], color="#d0d0d0", lw=0.5, zorder=0)
            axes.plot(flat.real, flat.imag, ls="", marker=marker, ms=3, mew=0.6, mfc="none", color=colour)
            axes.set_aspect("equal")
            axes.set_xlim(-limit, limit)
            axes.set_ylim(-limit, limit)
            axes.set_title(title, fontsize=8, pad=4)
            axes.set_xlabel("real part", labelpad=1)
            if not place:
                axes.set_ylabel("imaginary part", labelpad=1)
        return canvas.saved(drawing)
