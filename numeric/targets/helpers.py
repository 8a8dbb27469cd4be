"""The few functions that a generated file brings along, each only where the file uses it.

Names and meaning are the same for PyTorch and JAX; arrays are (…, rows, columns).

Read next: `numeric.targets.check`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

TORCH = {
    "widened": '''
def widened(value, rank):
    """(…, rows, columns), from an array whose last `rank` axes are the shape of one example."""
    return value if rank == 2 else value[..., None] if rank == 1 else value[..., None, None]
''',
    "by_step": '''
def by_step(sequence, rank):
    """{1: value at the first step, 2: …}, each (B, rows, columns)."""
    return dict(enumerate(widened(sequence, rank), 1))
''',
    "sequence": '''
def sequence(values, steps, rank):
    """(T, B, …) from the values at all steps."""
    return narrowed(torch.stack([values[t] for t in steps]), rank)
''',
    "narrowed": '''
def narrowed(value, rank):
    """The array without the axes that `widened` added."""
    return value if rank == 2 else value[..., 0] if rank == 1 else value[..., 0, 0]
''',
    "zeros": '''
def zeros(like, *shape):
    """Zeros of the dtype and on the device of another tensor."""
    return like.new_zeros(shape)
''',
    "cat": '''
def cat(*parts):
    """Rows stacked: [a, b]."""
    batch = torch.broadcast_shapes(*(part.shape[:-2] for part in parts))
    return torch.cat([part.expand(*batch, *part.shape[-2:]) for part in parts], -2)
''',
    "beside": '''
def beside(columns):
    """Columns side by side: a matrix."""
    return torch.cat(list(columns), -1)
''',
    "outer": '''
def outer(a, b):
    """a @ b.mT, summed over the examples."""
    return torch.einsum("...ik,...jk->ij", a, b)
''',
    "total": '''
def total(value):
    """The sum over the examples."""
    return value.sum(0)
''',
    "place": '''
def place(value, here):
    """The value at one step, zero at all others."""
    return value if here else torch.zeros_like(value)
''',
    "embed": '''
def embed(value, low, high, rows):
    """The value as rows low…high of an array of zeros."""
    return torch.nn.functional.pad(value, (0, 0, low, rows - high))
''',
    "reduce_to": '''
def reduce_to(value, rows, columns):
    """Rows or columns summed, where one is left."""
    value = value.sum(-2, keepdim=True) if rows == 1 else value
    return value.sum(-1, keepdim=True) if columns == 1 else value
''',
    "broadcast_to": '''
def broadcast_to(value, rows, columns):
    """Rows or columns repeated."""
    return value.expand(*value.shape[:-2], rows, columns)
''',
    "take": '''
def take(table, index):
    """Column `index` of a table."""
    return torch.take_along_dim(table.expand(*index.shape[:-2], *table.shape[-2:]), index, -1)
''',
    "scatter": '''
def scatter(column, index, classes):
    """The column at place `index` of a table of zeros."""
    return column * (index == torch.arange(classes, device=index.device))
''',
    "softmax": '''
def softmax(value):
    """Over the rows of each column."""
    return torch.softmax(value, -2)
''',
    "logsumexp": '''
def logsumexp(value):
    """Over the rows of each column."""
    return torch.logsumexp(value, -2, keepdim=True)
''',
    "softplus": '''
def softplus(value):
    """log(1 + exp(value)), without the cut at 20 of torch.nn.functional.softplus."""
    return torch.logaddexp(value, torch.zeros_like(value))
''',
    "step": '''
def step(value):
    """1 where the value is above zero, else 0."""
    return (value > 0).to(value.dtype)
''',
    "stop": '''
def stop(value):
    """The value, without gradient."""
    return value.detach()
''',
}

JAX = {
    "widened": TORCH["widened"],
    "narrowed": TORCH["narrowed"],
    "zeros": '''
def zeros(like, *shape):
    """Zeros of the dtype of another array."""
    return jnp.zeros(shape, like.dtype)
''',
    "cat": '''
def cat(*parts):
    """Rows stacked: [a, b]."""
    batch = jnp.broadcast_shapes(*(part.shape[:-2] for part in parts))
    return jnp.concatenate([jnp.broadcast_to(part, (*batch, *part.shape[-2:])) for part in parts], -2)
''',
    "shift": '''
def shift(values, by, *beyond):
    """The values at t + by for t = 1…T (T, …); `beyond` are those outside 1…T, oldest first."""
    ends = [jnp.broadcast_to(value, values.shape[1:])[None] for value in beyond]
    if by < 0:
        return jnp.concatenate([*ends, values])[: len(values)]
    return jnp.concatenate([values, *ends])[by:]
''',
    "at": '''
def at(values, position, beyond):
    """The value at one position; `beyond` are those outside 1…T, by position."""
    return beyond[position] if position in beyond else values[position - 1]
''',
    "beside": '''
def beside(columns):
    """Columns (T, B, n, 1) side by side: a matrix (B, n, T)."""
    return jnp.moveaxis(columns[..., 0], 0, -1)
''',
    "outer": '''
def outer(a, b):
    """a @ b.mT, summed over all leading axes: examples, and steps where there are such."""
    lead = jnp.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a, b = (jnp.broadcast_to(value, (*lead, *value.shape[-2:])) for value in (a, b))
    return jnp.einsum("...ik,...jk->ij", a, b)
''',
    "total": '''
def total(value):
    """The sum over all leading axes: examples, and steps where there are such."""
    return value.sum(tuple(range(value.ndim - 2)))
''',
    "place": '''
def place(value, here):
    """The value at one step, zero at all others."""
    return jnp.where(here, value, 0)
''',
    "embed": '''
def embed(value, low, high, rows):
    """The value as rows low…high of an array of zeros."""
    return jnp.pad(value, [(0, 0)] * (value.ndim - 2) + [(low, rows - high), (0, 0)])
''',
    "reduce_to": '''
def reduce_to(value, rows, columns):
    """Rows or columns summed, where one is left."""
    value = value.sum(-2, keepdims=True) if rows == 1 else value
    return value.sum(-1, keepdims=True) if columns == 1 else value
''',
    "broadcast_to": '''
def broadcast_to(value, rows, columns):
    """Rows or columns repeated."""
    return jnp.broadcast_to(value, (*value.shape[:-2], rows, columns))
''',
    "take": '''
def take(table, index):
    """Column `index` of a table."""
    lead = jnp.broadcast_shapes(table.shape[:-2], index.shape[:-2])
    table = jnp.broadcast_to(table, (*lead, *table.shape[-2:]))
    return jnp.take_along_axis(table, jnp.broadcast_to(index, (*lead, table.shape[-2], 1)), -1)
''',
    "scatter": '''
def scatter(column, index, classes):
    """The column at place `index` of a table of zeros."""
    return column * (index == jnp.arange(classes))
''',
    "softmax": '''
def softmax(value):
    """Over the rows of each column."""
    return jax.nn.softmax(value, axis=-2)
''',
    "logsumexp": '''
def logsumexp(value):
    """Over the rows of each column."""
    return jax.nn.logsumexp(value, axis=-2, keepdims=True)
''',
    "step": '''
def step(value):
    """1 where the value is above zero, else 0."""
    return (value > 0).astype(value.dtype)
''',
    "stop": '''
def stop(value):
    """The value, without gradient."""
    return jax.lax.stop_gradient(value)
''',
}


def used(texts: Sequence[str], helpers: dict[str, str]) -> list[str]:
    """Helpers that occur in the texts, and those that they use in turn, in the order of the table."""
    found: set[str] = set()
    pending = list(texts)
    while pending:
        text = pending.pop()
        for name in helpers:
            if name not in found and re.search(rf"(?<![\w.]){name}\(", text):
                found.add(name)
                pending.append(helpers[name].replace(f"def {name}(", ""))
    return [helpers[name].strip("\n") for name in helpers if name in found]
