"""Names of the library narrow a search; what no family has is found by its own equations."""

import derive
import numeric
from numeric.check.arrays import check_arrays
from numeric.check.variants.lanes import Derivation
from tests.numeric.check.planted import bound_of, gradient


def test_a_cell_that_no_family_has_is_found_by_its_name():
    bound = bound_of(derive.load("lstm-layer-norm"))
    result = Derivation(bound).run([()])
    dump = {f"param/{name}": value for name, value in bound.parameters.items()}
    dump |= {f"input/{name}": value for name, value in bound.inputs.items()}
    dump |= {f"initial/{name}": value for name, value in bound.initial.items()}
    dump |= {f"cotangent/{name}": value for name, value in bound.cotangents.items()}
    dump |= {f"grad/{name}": gradient(result, name) for name in bound.system.parameters}
    values = numeric.evaluate(bound.system, bound.parameters, bound.inputs, bound.initial)
    dump |= {f"output/{name}": values[name] for name in bound.cotangents}
    assert check_arrays(dump, cell="lstm-layer-norm", budget=20).verdict == "correct"
