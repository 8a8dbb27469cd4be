"""`compile`: a system as a NumPy kernel, forward and backward over batch and time.

The source is generated once for a system, a dtype and a choice of outputs, and is worth reading: `Kernel.source`.
Arrays are copied on the way in and on the way out, so that neither a later call nor a change of the caller's arrays
touches what a `Run` stands for.

Read next: `numeric.initialisers`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from derive.system import System
from numeric.arrays import Arrays, Sizes, converted, gradient_shape, shape_text, sizes_of
from numeric.checkpoint import Chunks, in_chunks
from numeric.emit import Module
from numeric.functions import functions
from numeric.native.assemble import Assembled, assemble
from numeric.options import Options, options
from numeric.padding import Lengths, carried_over, filled, hidden, masks_of, with_masks
from numeric.passes import Pass
from numeric.results import Floats, Gradients, Padded, Run
from numeric.room import SMALL, Room, root
from numeric.schedule import forward_only, schedule

SHAPES = 64  # choices of shapes whose sizes are remembered
CHUNK = 2**18  # numbers that a chunk of a run that keeps nothing may have: less is not worth a call


class Kernel:
    """A compiled system.

    Attributes:
        system: what was compiled.
        plan: its schedule after all passes.
        source: the generated module.
        dtype: of all arrays but indices.
        options: with which it was compiled.
        native: the C text of its loops; empty where all is NumPy.
        reason: why something, or all, is NumPy although C was asked for; empty where nothing is.
    """

    def __init__(self, system: System, made: Assembled, options: Options) -> None:
        plan, module = made.plan, made.module
        self.system, self.plan, self.source, self.options = system, plan, module.source, options
        self.native, self.reason = made.native, made.reason
        self.dtype = np.dtype(options.dtype)
        self._module, self._room = module, Room(self.dtype)
        self._sizes: dict[object, Sizes] = {}
        real = {name for name, variable in system.variables.items() if variable.classes is None}
        self._indexed = not real.issuperset(system.inputs)
        self._graded = {
            "parameter": system.parameters,
            "input": tuple(name for name in system.inputs if name in real),
            "initial": tuple(name for name in system.boundaries if name in real),
        }
        self._copied = frozenset(module.leaves)  # its functions copy the others where they keep them
        _, self._forward, self._backward = functions(module, system.name, self._room, made.loops)
        if options.checkpoint is not None:
            chunks = in_chunks(system, made, self._room, options.checkpoint or None, keep=True)
            self.source, self._copied = chunks.made.module.source, frozenset(chunks.made.module.leaves)
            self._forward, self._backward = chunks.forward, chunks.backward

    @cached_property
    def _inference(self) -> tuple[Callable[..., Any], Module, Chunks | None]:
        """The forward pass that saves nothing, and how it runs in chunks where the system allows that."""
        made = assemble(forward_only(schedule(self.system, self.plan.outputs)), self.options)
        forward = functions(made.module, self.system.name, self._room, made.loops)[1]
        try:
            return forward, made.module, in_chunks(self.system, made, self._room, None, keep=False)
        except ValueError:
            return forward, made.module, None

    def _unsaved(self, sizes: Sizes) -> tuple[Callable[..., Any], Module, bool]:
        """The forward pass that saves nothing, its module, and whether it runs in chunks, none of them small."""
        forward, module, chunks = self._inference
        if chunks is None:
            return forward, module, False
        steps = sizes.steps(chunks.how.axis)
        moving = (var.shape for var in chunks.plan.variables.values() if var.axis is not None)
        numbers = sizes.batch * sum(math.prod(map(sizes.number, shape)) for shape in moving)  # of a step
        every = max(math.isqrt(steps - 1) + 1, CHUNK // max(numbers, 1))
        return (forward, module, False) if every >= steps else (replace(chunks, every=every).forward, module, True)

    def __repr__(self) -> str:
        return f"Kernel({self.system.name}, {self.dtype})"

    def forward(
        self,
        parameters: Arrays,
        inputs: Arrays,
        initial: Arrays | None = None,
        steps: Mapping[str, int] | None = None,
        lengths: Lengths | None = None,
        keep: bool = True,
    ) -> Run:
        """Compute the outputs.

        Args:
            parameters: parameters and constants: (), (n,) or (n, m) by name.
            inputs: sequences (T, B, …), indices (T, B), time-free inputs (B, …).
            initial: given boundary values (B, …), or (k, B, …) oldest first for a lag of k; absent ones are zero.
            steps: lengths of axes along which no input runs.
            lengths: (B,) by axis: how many steps of each sequence are true; the others, at the end, are padding.
                They contribute nothing, states carry through them in either direction (`derive.networks.masked`), and
                their outputs are zero.
            keep: whether a backward pass follows; without one, nothing but the results is stored.

        Raises:
            ValueError: one line, if an array is missing or does not fit, a sequence is too short, or lengths are
                given for a system that cannot be masked.
        """
        initial = initial or {}
        sizes = self._sizes_of(parameters, inputs, initial, steps)
        if lengths:
            return self._forward_padded(parameters, inputs, initial, sizes, lengths, keep)
        given = {**parameters, **inputs}
        forward, module, apart = (self._forward, self._module, self._is_chunked) if keep else self._unsaved(sizes)
        copied = self._copied if keep else ()
        arguments: list[Any] = [self._array(given[name], name, copy=name in copied) for name in module.leaves]
        for name in module.initial:
            arguments.append(self._array(initial[name], name, copy=keep) if name in initial else None)
        keywords = {text: sizes.batch if s is None else sizes.number(s) for text, s in module.sizes}
        outputs, final, saved = forward(*arguments, **keywords)
        if not apart:  # what was saved must not change with what is returned
            outputs = {name: np.array(value, self.dtype, order="C") for name, value in outputs.items()}
            final = {name: np.array(value, order="C") for name, value in final.items()}
        return Run(outputs, final, self, sizes, saved if keep else None)

    def _forward_padded(
        self, parameters: Arrays, inputs: Arrays, initial: Arrays, sizes: Sizes, lengths: Lengths, keep: bool
    ) -> Run:
        masks = masks_of(self.system, lengths, sizes)
        axes = tuple(axis for axis in self.system.axes if axis in masks)
        system, names = with_masks(self.system, axes)
        inner = _compiled(system, system.name, self.plan.outputs, self.options)
        given = {**filled(self.system, inputs, masks), **{n: masks[a] for n, a in zip(names, axes, strict=True)}}
        steps = {axis: sizes.steps(axis) for axis in self.system.axes}
        run = inner.forward(parameters, given, initial, steps, keep=keep)
        kept = carried_over(self.system, axes) | {
            name for name in run.final if self.system.variables[name].axis not in axes
        }
        final = {name: value for name, value in run.final.items() if name in kept}
        return Run(hidden(self.system, run.outputs, masks), final, self, sizes, run.saved, Padded(run, masks))

    def backward(self, run: Run, cotangents: Arrays, final: Arrays | None = None) -> Gradients:
        """Compute gradients of Σ cotangents · outputs + Σ final · run.final.

        Args:
            run: of any earlier call of `forward`.
            cotangents: by output, shaped as it; absent ones are zero.
            final: by state, shaped as ``run.final``; absent ones are zero.

        Raises:
            ValueError: one line, for a name or shape that does not fit, or a run that kept nothing.
        """
        if run.kernel is not self:
            raise ValueError(f"this run is one of {run.kernel}, not of {self}")
        if run.saved is None:
            raise ValueError("this run kept nothing for a backward pass: forward(..., keep=True) does")
        upstream, ends = self._cotangents(run, cotangents, final or {})
        if run.padded is not None:
            return self._backward_padded(run.padded, upstream, ends)
        given = [upstream[name] for name in self.plan.upstream]
        for name, positions in self.plan.ends.items():
            given += [ends[name]] if len(positions) == 1 else list(ends[name])
        found = self._backward(run.saved, *given) if self._backward is not None else ({}, {}, {})
        own = self._own(chain(run.saved, given))
        return Gradients(
            *(
                {name: own(part[name]) if name in part else self._zeros(run, name, kind) for name in names}
                for (kind, names), part in zip(self._graded.items(), found, strict=True)
            )
        )

    def _backward_padded(self, padded: Padded, upstream: Arrays, ends: Arrays) -> Gradients:
        inner = padded.run.kernel
        found = inner.backward(padded.run, hidden(self.system, upstream, padded.masks), ends)
        inputs = {name: array for name, array in found.inputs.items() if name in self.system.variables}
        return Gradients(found.parameters, inputs, found.initial)

    def free(self) -> None:
        """Give memory back that is kept for later calls."""
        self._room.free()

    # --- arrays --------------------------------------------------------------------------------------------

    @property
    def _is_chunked(self) -> bool:
        """Whether what its functions return are arrays of their own."""
        return self.options.checkpoint is not None

    def _array(self, value: Any, name: str, *, copy: bool = True) -> NDArray[Any]:
        if type(value) is np.ndarray and value.dtype is self.dtype and not self._indexed:  # nothing to convert
            return value.copy() if copy or not value.flags.c_contiguous else value
        return converted(value, self.system.variables[name], self.dtype, copy=copy)

    def _sizes_of(self, parameters: Arrays, inputs: Arrays, initial: Arrays, steps: Mapping[str, int] | None) -> Sizes:
        """`sizes_of`, which is asked once for arrays of the same shapes; ranges of indices are checked every time."""
        groups = (parameters, inputs, initial)
        try:
            key = [(name, array.shape) for arrays in groups for name, array in arrays.items()]
        except AttributeError:  # nested lists
            return sizes_of(self.system, *groups, steps)
        if self._indexed:
            return sizes_of(self.system, *groups, steps)
        known = (*key, len(parameters), len(inputs), *(steps or {}).items())
        if known not in self._sizes:
            found = sizes_of(self.system, *groups, steps)
            if len(self._sizes) >= SHAPES:
                self._sizes.clear()
            self._sizes[known] = found
        return self._sizes[known]

    def _cotangents(self, run: Run, cotangents: Arrays, final: Arrays) -> tuple[dict[str, Any], dict[str, Any]]:
        kinds = (("output", cotangents, run.outputs), ("final value", final, run.final))
        result: list[dict[str, Any]] = []
        for kind, arrays, values in kinds:
            for name in arrays:
                if name not in values:
                    there = f"there are {', '.join(values)}" if values else "there are none"
                    raise ValueError(f"{name} is no {kind} of {self.system.name}; {there}")
            found = {name: np.zeros(value.shape, self.dtype) for name, value in values.items() if name not in arrays}
            for name, array in arrays.items():
                found[name] = self._array(array, name, copy=False)
                if found[name].shape != values[name].shape:
                    there = shape_text(self.system.variables[name], name in self.plan.batched, values[name].shape)
                    raise ValueError(f"cotangent of {kind} {name}: expected {there}, got {found[name].shape}")
            result.append(found)
        return result[0], result[1]

    def _own(self, others: Iterable[Any]) -> Callable[[Any], Floats]:
        """What makes a gradient an array of its own, given what else may be in use."""
        if self._is_chunked:
            return lambda value: value
        taken = set[int]()

        def own(value: Any) -> Floats:
            array = np.asarray(value, self.dtype)
            if array.size < SMALL:
                return array.copy()
            taken.update(id(root(other)) for other in others if isinstance(other, np.ndarray))  # once: it is used up
            return self._room.apart(array, taken)

        return own

    def _zeros(self, run: Run, name: str, kind: str) -> Floats:
        """The gradient of what the outputs do not depend on."""
        return np.zeros(gradient_shape(self.system, name, kind, run.sizes), self.dtype)


def compile(
    system: System,
    dtype: DTypeLike = "float64",
    outputs: Sequence[str] | None = None,
    checkpoint: bool | int = False,
    compiled: bool = False,
) -> Kernel:
    """A kernel for a system.

    Args:
        system: any system, an adjoint or tangent included.
        dtype: float64 or float32; the last bits may differ between processes at large sizes (`numeric.products`).
        outputs: quantities to return; default `System.outputs`.
        checkpoint: True keeps the states of √T to 3 √T steps for the backward pass, a number k those of every k-th,
            and computes the others once more (`numeric.checkpoint`).
        compiled: whether loops are to be C functions, compiled here by the system's compiler (`numeric.native`);
            what cannot be stays NumPy, and `Kernel.reason` says why.

    Raises:
        ValueError: for another dtype, an output that does not exist, or a system that cannot be run in chunks.
    """
    chosen = None if outputs is None else tuple(outputs)
    return _compiled(system, system.name, chosen, options(dtype, checkpoint, compiled))


def compile_with(system: System, dtype: str, outputs: Sequence[str] | None, passes: Sequence[Pass]) -> Kernel:
    """A kernel by a choice of passes, for tests that each leaves results unchanged."""
    return _compiled(system, system.name, None if outputs is None else tuple(outputs), Options(dtype, tuple(passes)))


@lru_cache(maxsize=256)
def _compiled(system: System, _: str, outputs: tuple[str, ...] | None, options: Options) -> Kernel:
    """Made once; equal systems may go by different names, which a kernel and its tracebacks say."""
    return Kernel(system, _assembled(system, system.name, outputs, replace(options, checkpoint=None)), options)


@lru_cache(maxsize=64)
def _assembled(system: System, _: str, outputs: tuple[str, ...] | None, options: Options) -> Assembled:
    """The same text, whatever is kept of a run of it."""
    return assemble(schedule(system, outputs), options)
