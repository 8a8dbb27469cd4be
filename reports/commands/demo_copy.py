"""`bptt demo copy`: sequences copied with and without attention, error against length.

Read next: `reports.options`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from numeric.demos.copying import Curve, Settings, experiment
from reports.commands.bars import bar, gauge
from reports.commands.failure import Failure
from reports.commands.output import print_json, print_text, table
from reports.commands.progress import progress

WIDTH = 24  # of a bar


def copy(settings: Mapping[str, int], *, as_json: bool) -> int:
    """Train both networks and compare them; 1 if attention is no better at the greatest length of training.

    Args:
        settings: of `numeric.demos.copying.Settings`, by name.
        as_json: JSON alone.

    Raises:
        Failure: if a setting makes no sense, or training fails.
    """
    with progress() as say:
        try:
            chosen = Settings(**settings)
            curves = experiment(
                chosen, lambda attention, fraction: say(f"learning {attention} attention {gauge(fraction)}")
            )
        except ValueError as error:
            raise Failure(str(error)) from error
    if as_json:
        rows = [
            {**asdict(c), "errors": [{"length": n, "error": e} for n, e in c.errors.items()], "chance": _chance(chosen)}
            for c in curves
        ]
        print_json({"settings": asdict(chosen), "curves": rows})
    else:
        print_text(_text(chosen, curves))
    without, having = ([e for n, e in curve.errors.items() if n <= chosen.longest] for curve in curves)
    return 0 if having[-1] < without[-1] else 1


def _chance(settings: Settings) -> float:
    return 1 - 1 / settings.symbols


def _text(settings: Settings, curves: Sequence[Curve]) -> str:
    networks = [
        (f"{curve.attention} attention", f"{curve.hidden}", f"{curve.parameters:,}", f"{curve.seconds:.0f}")
        for curve in curves
    ]
    without, having = curves
    rows = [
        (f"{length}{'*' if length > settings.longest else ' '}", *_cell(without, length), *_cell(having, length))
        for length in without.errors
    ]
    return "\n\n".join(
        [
            f"Sequences of {settings.symbols} symbols, to be put out as they came in; "
            f"{settings.steps:,} steps on lengths 1 … {settings.longest}",
            table([("network", "units", "parameters", "seconds"), *networks], "lrrr"),
            f"Wrong symbols ({_chance(settings):.0%} by chance)",
            table([("length ", "without attention", "", "with attention", ""), *rows], "rrlrl"),
            "* longer than any sequence of training",
        ]
    )


def _cell(curve: Curve, length: int) -> tuple[str, str]:
    return f"{curve.errors[length]:.1%}", bar(curve.errors[length], WIDTH)
