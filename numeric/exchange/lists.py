"""Arrays without names, in the order of Keras' ``get_weights``: kernel, recurrent kernel and bias, layer by layer.

Shapes tell how they belong together, and nearly always which layers are bidirectional: such a layer has two kernels of
one shape, and the layer above reads both outputs.

Read next: `numeric.exchange.fitting`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from numeric.exchange.names import Array

NAMES = ("kernel", "recurrent_kernel", "bias")


def named_list(arrays: Sequence[Array], ways: Sequence[int] | None = None) -> dict[str, Array]:
    """The arrays under names: ``0/forward/kernel``.

    Args:
        arrays: of all layers, in order.
        ways: 1 or 2 for each layer, where it is known how many directions it has; else it is found out.

    Raises:
        ValueError: in one line, if the shapes are not those of layers, or could be those of two networks.
    """
    cells = _cells(arrays)
    if ways is None:
        readings = list(_readings([(c[0].shape[0], c[1].shape[0]) for c in cells]))
        if len(readings) != 1:
            shapes = ", ".join(str(cell[0].shape) for cell in cells)
            what = f"{len(readings)} networks, bidirectional or deep" if readings else "no network"
            raise ValueError(
                f"kernels of the shapes {shapes} belong to {what}; give the arrays names: 0/forward/kernel"
            )
        ways = readings[0]
    if sum(ways) != len(cells):
        raise ValueError(
            f"these are the arrays of {len(cells)} cells, expected {sum(ways)}, one for a layer and direction"
        )
    places = [(n, text) for n, way in enumerate(ways) for text in (("",), ("forward/", "backward/"))[way - 1]]
    return {
        f"{number}/{text}{name}": array
        for (number, text), cell in zip(places, cells, strict=True)
        for name, array in zip(NAMES, cell, strict=False)
    }


def _cells(arrays: Sequence[Array]) -> list[Sequence[Array]]:
    """Threes, or, where no cell has a bias, twos."""
    for size in (3, 2):
        cells = [arrays[start : start + size] for start in range(0, len(arrays), size)]
        if cells and all(_is_cell(cell, size) for cell in cells):
            return cells
    shapes = ", ".join(str(array.shape) for array in arrays)
    raise ValueError(f"the shapes {shapes} are not those of kernel, recurrent kernel and bias of layers")


def _is_cell(cell: Sequence[Array], size: int) -> bool:
    if len(cell) != size or any(array.ndim != 2 for array in cell[:2]):
        return False
    kernel, recurrent = cell[:2]
    width = recurrent.shape[1]
    blocks = width / max(1, recurrent.shape[0])
    biases = [(width,)] + ([(2, width)] if blocks == 3 else [])
    return kernel.shape[1] == width and blocks in (1, 3, 4) and all(bias.shape in biases for bias in cell[2:])


def _readings(sizes: Sequence[tuple[int, int]], width: int | None = None) -> Iterator[list[int]]:
    """All ways to read cells of (inputs, units) as layers of one or two directions; the outputs are concatenated."""
    if not sizes:
        yield []
        return
    inputs, units = sizes[0]
    if width is not None and inputs != width:
        return
    for rest in _readings(sizes[1:], units):
        yield [1, *rest]
    if len(sizes) > 1 and sizes[1] == sizes[0]:
        for rest in _readings(sizes[2:], 2 * units):
            yield [2, *rest]
