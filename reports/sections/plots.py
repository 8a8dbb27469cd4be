"""Section 10: gradient norms against the lag, between any two steps, and the spectrum of the state Jacobian.

Everything is computed from the derived Jacobians at weights that `numeric.regimes` finds; captions say which.

Read next: `reports.sections.certificate`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import numpy as np

from derive.operands import name_operands
from derive.system import System
from numeric.regimes import SPREAD, Regime, Regimes, regimes
from reports.context import Context
from reports.document import Block, Figure, Heading, Prose
from reports.inline import plain
from reports.notation import SystemNames
from reports.pictures import canvas
from reports.pictures.mathtext import mathtext
from reports.pictures.plots import Curve, heat_maps, norms_plot, spectra_plot

LOOK = {"vanishing": 0, "stable": 1, "exploding": 2}
LARGEST = 24  # of a dimension in the plots
SHOWN = 12  # steps of a heat map
At = Callable[[str], str]  # the state at an index, as LaTeX


def plots(context: Context) -> list[Block]:
    """Three figures for every recurrence whose state is a column, and a reason for every other."""
    system = context.system
    if not system.states:
        return []
    heading = Heading(1, "Gradients in numbers", "plots")
    if not canvas.available():
        return [heading, Prose(canvas.MISSING)]
    names = context.notation.names(name_operands(system))
    try:
        found, refused = regimes(system, sizes_of(system, context.sizes))
    except ValueError as error:  # documented: no recurrence with a state that is a column
        return [heading, Prose(f"Not plotted: {plain(str(error))}.")]
    blocks: list[Block] = [heading]
    for each in found:
        blocks += _recurrence(each, names, several=len(found) > 1)
    for states, reason in refused:
        listed = ", ".join(f"${names.written(name, system.variables[name].axis or '')}$" for name in states)
        blocks.append(Prose(f"Not plotted, {listed}: {plain(reason)}."))
    return blocks


def sizes_of(system: System, given: Mapping[str, int]) -> dict[str, int]:
    """The sizes that were asked for, as far as they can be drawn; dimensions alone, no lengths."""
    lengths = {axis.upper() for axis in system.axes}
    return {name: min(size, LARGEST) for name, size in given.items() if name not in lengths}


def _recurrence(found: Regimes, names: SystemNames, *, several: bool) -> list[Block]:
    axis, states = found.recurrence.axis, found.recurrence.states
    listed = ", ".join(f"${names.written(name, axis)}$" for name in states)
    one = states[0]

    def state(index: str) -> str:
        return names.written(one, index) if len(states) == 1 else f"s_{{{index}}}"

    blocks: list[Block] = [Heading(2, f"Gradients of {listed}")] if several else []
    blocks.append(Prose(_weights(found) + (f" $s$ is the column of {listed}." if len(states) > 1 else "")))
    blocks += [_norms(found, state), _heat(found, state), _spectrum(found, state)]
    return blocks


def _weights(found: Regimes) -> str:
    """Which weights, sizes and seed."""
    sizes = ", ".join(f"${name} = {size}$" for name, size in found.sizes.items())
    steps = len(found.shown[0].spectra.jacobians)
    text = (
        f"Computed from the state Jacobians derived above, at {sizes}, over {steps} steps: weights normal with "
        f"variance 1/columns, biases 0, inputs normal with standard deviation {SPREAD:g}, seed {found.seed}."
    )
    if not found.tried:
        return text + " No matrix multiplies the state, so there is no norm to choose: weights are as drawn."
    text += " The recurrent weights, every one scaled to one spectral norm, are "
    text += ", ".join(f"of norm {regime.norm:.3g} ({regime.name})" for regime in found.shown)
    tried = f"from {found.tried[0]:g} to {found.tried[-1]:g}"
    missing = {"vanishing": "vanish", "stable": "stay", "exploding": "explode"}
    none = " or ".join(missing[name] for name in found.missing)
    return text + (f"; of the norms tried, {tried}, none makes it {none}." if none else ".")


def _title(regime: Regime) -> str:
    norm = f"\nnorm {regime.norm:.3g}" if regime.norm is not None else "\nas drawn"
    return f"{regime.name},{norm}: {regime.growth:.3g} a step" if regime.norm is not None else regime.name + norm


def _norms(found: Regimes, state: At) -> Figure:
    sign, last = ("-", "T") if found.recurrence.direction > 0 else ("+", "1")
    curves = [Curve(_title(r), r.spectra.norms[:, 0], LOOK[r.name]) for r in found.shown]
    label = rf"\lVert \partial {state(last)} / \partial {state(last + sign + 'k')} \rVert"
    picture = norms_plot(curves, mathtext(label))
    far = len(found.shown[0].spectra.jacobians)
    told = "; ".join(
        f"{r.name}: {_number(r.spectra.norms[far // 2, 0])} at lag {far // 2} and "
        f"{_number(r.spectra.norms[far, 0])} at lag {far}, a factor of {r.growth:.3g} a step"
        for r in found.shown
    )
    caption = f"Spectral norm ${label}$ against the lag $k$, on a logarithmic axis: {printed(told)}."
    return Figure(picture.svg, picture.pdf, f"Norm of the state Jacobian over k steps. {told}.", caption)


def _heat(found: Regimes, state: At) -> Figure:
    number = min(SHOWN, len(found.shown[0].spectra.jacobians)) + 1
    panels = [(_title(r), r.spectra.pairs[:number, :number, 0]) for r in found.shown]
    later, earlier = state("t"), state("k")
    label = rf"\lVert \partial {later} / \partial {earlier} \rVert"
    picture = heat_maps(panels)
    corner = number - 1
    corners = [(r.name, _number(v[corner, 0])) for r, (_, v) in zip(found.shown, panels, strict=True)]
    told = "; ".join(f"{name}: {value} in the lower left corner" for name, value in corners)
    order = " Steps are counted in the order in which they are computed, from the end."
    backward = order if found.recurrence.direction < 0 else ""
    caption = (
        f"${label}$ between any two of {corner} steps; 0 is the initial state, the diagonal is 1, and every diagonal "
        f"below it is one lag.{backward} {printed(told[0].upper() + told[1:])}."
    )
    alt = f"Heat map of the norms between {corner} steps, logarithmic, 1 on the diagonal. {told}."
    return Figure(picture.svg, picture.pdf, alt, caption)


def _spectrum(found: Regimes, state: At) -> Figure:
    panels = [(_title(r), r.spectra.eigenvalues[:, 0], LOOK[r.name]) for r in found.shown]
    picture = spectra_plot(panels)
    told = []
    for regime in found.shown:
        radii = regime.spectra.radii[:, 0]
        share = float(np.mean(np.abs(regime.spectra.eigenvalues[:, 0]) > 1))
        told.append(f"{regime.name}: radius from {_number(radii.min())} to {_number(radii.max())}, {share:.0%} outside")
    text = "; ".join(told)
    number = len(found.shown[0].spectra.jacobians)
    before = state("t-1" if found.recurrence.direction > 0 else "t+1")
    caption = (
        f"Eigenvalues of $\\partial {state('t')} / \\partial {before}$ at all {number} steps, with the unit "
        f"circle: {printed(text)}. A radius below 1 bounds no single step: its norm can be larger."
    )
    return Figure(picture.svg, picture.pdf, f"Eigenvalues of the state Jacobian and the unit circle. {text}.", caption)


def _number(value: float) -> str:
    return f"{value:.3g}"


def printed(text: str) -> str:
    """Text in which numbers such as 8.2e-06 are formulas."""
    return re.sub(r"(\d(?:\.\d+)?)e([+-]\d+)", lambda m: rf"${m[1]} \times 10^{{{int(m[2])}}}$", text)
