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
    "turned": '''def turned(v):
    """Columns (T, B, n), feature-major in memory."""
    T, B, n = v.shape
    found = empty((T, n, B)).mT
    np.copyto(found, v)
    return found''',
    "product": '''def product(a, b):
    """a * b, both (T, B, n), feature-major in memory."""
    T, B, n = a.shape
    return np.multiply(a, b, empty((T, n, B)).mT)''',
    "times_matrix": '''def times_matrix(v, A):
    """Rows of v (..., n) times A (n, m), as one product."""
    return (v.reshape(-1, v.shape[-1]) @ A).reshape(*v.shape[:-1], A.shape[-1])''',
    "times_columns": '''def times_columns(A, v):
    """A (m, n) times the columns v (T, B, n), feature-major: (T, m, B)."""
    T, B, n = v.shape
    found = empty((T, len(A), B))
    if B * n < 4096 or v.mT.flags.c_contiguous:
        return np.matmul(A, v.mT, found)
    np.copyto(found, (A @ v.reshape(-1, n).T).reshape(-1, T, B).transpose(1, 0, 2))
    return found''',
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
