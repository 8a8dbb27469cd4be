"""Arrays of other libraries, as they are given."""

import numpy as np
import pytest

from numeric.check.foreign import as_array, as_arrays


class Wrapped:
    """What offers ``__array__``."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return self.array


class Exported:
    """What offers ``__dlpack__`` and nothing else."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


NUMBERS = np.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize("given", [NUMBERS, NUMBERS.tolist(), list(NUMBERS), Wrapped(NUMBERS), Exported(NUMBERS)])
def test_numbers_are_numbers(given):
    found, precision = as_array(given)
    np.testing.assert_array_equal(found, NUMBERS)
    assert precision is None


def test_half_precision_is_remembered():
    values, precisions = as_arrays({"a": NUMBERS.astype(np.float16), "b": NUMBERS})
    assert precisions == {"a": 2.0**-10}
    assert values["a"].dtype == np.float32


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("text", "which is not of real numbers"),
        ([[1.0], [1.0, 2.0]], "cannot be read as an array"),
        (np.array([1j]), "complex128"),
        (None, "object"),
        ({"a": 1}, "object"),
    ],
)
def test_what_is_no_array(given, said):
    with pytest.raises(ValueError, match=said) as raised:
        as_arrays({"param/W": given})
    assert str(raised.value).startswith("param/W ")
    assert "\n" not in str(raised.value)


@pytest.mark.needs("torch")
def test_tensors():
    import torch

    leaf = torch.tensor(NUMBERS, requires_grad=True)
    np.testing.assert_array_equal(as_array(leaf)[0], NUMBERS)
    np.testing.assert_array_equal(as_array([leaf[0], leaf[1]])[0], NUMBERS)
    found, precision = as_array(leaf.bfloat16())
    assert (found.dtype, precision) == (np.float32, 2.0**-7)
    assert as_array(leaf.half())[1] == 2.0**-10
