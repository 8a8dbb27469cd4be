"""Functions that a generated module defines where its equations need them, as text.

Read next: `numeric.emit_sizes`.
"""

from __future__ import annotations

HELPERS = {
    "empty": '''def empty(shape):
    """An array whose entries are anything."""
    return np.empty(shape, DTYPE)''',
    "steps": '''def steps(label, *arrays):
    """The steps of arrays, side by side; `label` tells whoever keeps them which parts of their memory these are."""
    return zip(*arrays)''',
    "multiplier": '''def multiplier(A, B):
    """What writes A @ v to an array, for columns v (n, B); whoever knows what is faster here may say so."""
    return np.ascontiguousarray(A).dot''',
    "turned": '''def turned(v):
    """Columns (T, B, n), feature-major in memory."""
    T, B, n = v.shape
    found = empty((T, n, B))
    np.copyto(found, v.mT)
    return found.mT''',
    "product": '''def product(a, b):
    """a * b, both (T, B, n), feature-major in memory."""
    T, B, n = a.shape
    return np.multiply(a, b, empty((T, n, B)).mT)''',
    "recurrence": '''def recurrence(a, b, start, out):
    """out[t] = a[t] * out[t-1] + b[t] for all steps, the first from `start`; False if a loop has to do it.

    Blocks of steps side by side, each as if it began with zero, and the products of the factors; then block by block
    what each begins with.  Where a product overflows, a loop says what is to be.
    """
    T, *shape = out.shape
    if T < 300 or out[0].nbytes > 512:  # measured: a loop is as fast
        return False
    size = int((2 * T / 3) ** 0.5)
    count = T // size
    end = count * size

    def blocks(v):
        return v[:end].reshape(count, size, *shape).swapaxes(0, 1)

    factors, sums = empty((2, size, count, *shape))
    np.copyto(factors, blocks(np.broadcast_to(a, out.shape)))
    np.copyto(sums, blocks(np.broadcast_to(b, out.shape)))
    part = np.empty_like(sums[0])
    with np.errstate(over="ignore", invalid="ignore"):
        for j in range(1, size):
            np.multiply(factors[j], sums[j - 1], part)
            np.add(sums[j], part, sums[j])
            np.multiply(factors[j], factors[j - 1], factors[j])
        if not (np.isfinite(factors[-1]).all() and np.isfinite(sums[-1]).all()):
            return False
        part[0] = start
        for factor, total, before, after in zip(factors[-1], sums[-1], part, part[1:]):
            np.multiply(factor, before, after)
            np.add(after, total, after)
        np.multiply(factors, part, factors)
    np.add(factors, sums, blocks(out))
    for t in range(end, T):
        np.multiply(np.broadcast_to(a, out.shape)[t], out[t - 1], out[t])
        np.add(out[t], np.broadcast_to(b, out.shape)[t], out[t])
    return True''',
    "adjoint_recurrence": '''def adjoint_recurrence(a, b, carry, out):
    """out[t] = b[t] + carry, carry = a[t] * out[t], for all steps; False if a loop has to do it."""
    T = len(out)
    if T == 1:
        return False
    a, b = np.broadcast_to(a, out.shape), np.broadcast_to(b, out.shape)
    first = b[0] + carry
    if not recurrence(a[:-1], b[1:], first, out[1:]):
        return False
    out[0] = first
    np.multiply(a[-1], out[-1], carry)
    return True''',
    "times_matrix": '''def times_matrix(v, A):
    """Rows of v (..., n) times A (n, m), as one product."""
    return (v.reshape(-1, v.shape[-1]) @ A).reshape(*v.shape[:-1], A.shape[-1])''',
    "times_columns": '''def times_columns(A, v):
    """A (m, n) times the columns v (T, B, n), feature-major: (T, m, B)."""
    T, B, n = v.shape
    found = empty((T, len(A), B))
    if B * n < 4096 or v.mT.flags.c_contiguous:
        return np.matmul(A, v.mT, found)
    flat = np.matmul(A, v.reshape(-1, n).T, empty((len(A), T * B)))
    np.copyto(found, flat.reshape(-1, T, B).transpose(1, 0, 2))
    return found''',
    "for_steps": '''def for_steps(A, b, B):
    """What multiplies columns v (T, B, n) by A (m, n) and adds b, if any: (T, m, B), however that is fastest."""

    def times(v):
        found = np.matmul(A, v.mT, empty((len(v), len(A), B)))
        if b is not None:
            found += b[:, None]
        return found

    return times''',
    "added": '''def added(total, part):
    """What the blocks so far add up to, and one more."""
    if total is None:
        return part
    total += part
    return total''',
    "beside": '''def beside(*parts):
    """Sequences of columns (T, B, ...) joined along their rows."""
    T, B = parts[0].shape[:2]
    found = empty((T, B, sum(part.shape[-1] for part in parts)))
    return np.concatenate(parts, axis=-1, out=found)''',
    "columns": '''def columns(v):
    """The columns of v (T, B, n), feature-major in memory, side by side: (n, T * B)."""
    T, B, n = v.shape
    if B < 32:
        found = empty((T, B, n))
        np.copyto(found, v)
        return found.reshape(-1, n).T
    found = empty((n, T, B))
    np.copyto(found, v.mT.swapaxes(0, 1))
    return found.reshape(n, -1)''',
    "softmax": '''def softmax(a, axis):
    """Exponentials that sum to 1 along an axis; shifted by the maximum, so that none overflows."""
    e = np.exp(a - a.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)''',
    "logsumexp": '''def logsumexp(a, axis):
    """Logarithm of the sum of exponentials along an axis, which is kept."""
    largest = a.max(axis=axis, keepdims=True)
    return np.log(np.exp(a - largest).sum(axis=axis, keepdims=True)) + largest''',
    "embed": '''def embed(a, low, size, axis):
    """An array of zeros of that size along an axis, with `a` from `low` on."""
    widths = [(0, 0)] * a.ndim
    widths[axis] = (low, size - low - a.shape[axis])
    return np.pad(a, widths)''',
    "scatter": '''def scatter(v, j, classes):
    """Rows v (..., n) added up by their class j (...): (classes, n)."""
    rows, n = j.ravel(), v.shape[-1]
    v = v.reshape(-1, n)
    if n < 128:
        places = rows[:, None] * n + np.arange(n)
        return np.bincount(places.ravel(), v.ravel(), classes * n).reshape(classes, n).astype(v.dtype)
    table = np.zeros((classes, n), v.dtype)
    for row, values in zip(rows.tolist(), v):
        table[row] += values
    return table''',
    "diagonal": '''def diagonal(a, axis):
    """Entries whose index along `axis` is that along the last axis, which goes."""
    return np.moveaxis(np.diagonal(a, axis1=axis, axis2=-1), -1, axis)''',
}

# The same where loops are C functions (`numeric.native`), and so is what exchanges the axes of a sequence
NATIVE = {
    "beside": '''def beside(*parts):
    """Sequences of columns (T, B, ...) joined along their rows."""
    T, B = parts[0].shape[:2]
    found = empty((T, B, sum(part.shape[-1] for part in parts)))
    low = 0
    for part in parts:
        n = part.shape[-1]
        if B > 1 and n > 1 and part.mT.flags.c_contiguous:
            turn_steps(T, n, B, found.shape[-1], low, part, found)
        else:
            found[..., low : low + n] = part
        low += n
    return found''',
    "columns": '''def columns(v):
    """The columns of v (T, B, n), feature-major in memory, side by side: (n, T * B)."""
    T, B, n = v.shape
    found = empty((T, B, n))
    turn_steps(T, n, B, n, 0, np.ascontiguousarray(v.mT), found)
    return found.reshape(-1, n).T''',
    "step_products": '''def step_products(A, v):
    """A (m, n) times the columns v (T, B, n), feature-major in memory: (T, B, m)."""
    T, B, n = v.shape
    if B * v.itemsize < 32:
        return (columns(v).T @ A.T).reshape(T, B, -1)
    found = empty((T, B, len(A)))
    times_steps(T, B, n, len(A), v.strides[0] // v.itemsize, np.ascontiguousarray(A), v, found)
    return found''',
    "outer_products": '''def outer_products(v, *parts):
    """Sum over steps and examples of the columns v (T, B, m), feature-major, times rows of the parts joined: (m, n)."""
    T, B, m = v.shape
    n = sum(part.shape[-1] for part in parts)
    if B * v.itemsize < 32 or m * n * v.itemsize > 2**21:  # more than stays close: BLAS does better
        return columns(v) @ beside(*parts).reshape(-1, n)
    found, low = np.zeros((m, n), DTYPE), 0
    for part in parts:
        by_example = part.flags.c_contiguous
        if not by_example and part.strides[1:] != (part.itemsize, B * part.itemsize):
            part, by_example = np.ascontiguousarray(part), True
        far = [array.strides[0] // array.itemsize for array in (v, part)]
        add_products(T, B, m, part.shape[-1], n, low, *far, by_example, v, part, found)
        low += part.shape[-1]
    return found''',
}
