"""How the two functions of a file become one that a framework can differentiate.

Read next: `numeric.targets.torch`.
"""

from __future__ import annotations

from numeric.targets.parts import arguments, shape_lines
from numeric.targets.plan import Plan


def torch_function(plan: Plan) -> str:
    """The text of the function that users call, and of what it is made."""
    arrays, keywords = arguments(plan)
    given = set(plan.given.values())
    parts = [f"{a}=None" if a in given else a for a in arrays]
    parts += ["*", *keywords] if keywords else []
    shapes = "\n".join(f"        {line}" for line in shape_lines(plan))
    results = ", ".join([*plan.outputs, *(f"last {name}" for name in plan.final)])
    return f'''class Function(torch.autograd.Function):
    """The forward pass with the derived backward pass."""

    @staticmethod
    def forward(ctx, *arguments):
        """Results."""
        tensors = [argument for argument in arguments if isinstance(argument, torch.Tensor)]
        ctx.save_for_backward(*tensors)
        ctx.others = [None if isinstance(argument, torch.Tensor) else (argument,) for argument in arguments]
        results, ctx.saved = forward(*arguments)
        return results

    @staticmethod
    @once_differentiable
    def backward(ctx, *cotangents):
        """Gradients, one for each argument."""
        tensors = iter(ctx.saved_tensors)
        arguments = [next(tensors) if other is None else other[0] for other in ctx.others]
        grads = backward(arguments, ctx.saved, *cotangents)
        return tuple(grad if needed else None for grad, needed in zip(grads, ctx.needs_input_grad))


def apply({", ".join(parts)}):
    """{results}.

    Args:
{shapes}
    """
    return Function.apply({", ".join([*arrays, *keywords])})'''


def jax_function(plan: Plan) -> str:
    """The text of the function that users call, and of what it is made."""
    arrays, keywords = arguments(plan)
    optional = set(plan.given.values())
    parts = [f"{a}=None" if a in optional else a for a in arrays]
    parts += ["*", *keywords] if keywords else []
    shapes = "\n".join(f"        {line}" for line in shape_lines(plan))
    fixed = ", ".join(str(len(arrays) + i) for i in range(len(keywords)))
    decorator = f"functools.partial(jax.custom_vjp, nondiff_argnums=({fixed},))" if keywords else "jax.custom_vjp"
    return f'''@{decorator}
def function({", ".join([*arrays, *keywords])}):
    """The forward pass with the derived backward pass."""
    return forward({", ".join([*arrays, *keywords])})[0]


def function_forward(*arguments):
    """Results, and what is kept."""
    results, saved = forward(*arguments)
    return results, (arguments[:{len(arrays)}], saved)


def function_backward(*given):
    """Gradients, one for each array."""
    *sizes, (arguments, saved), cotangents = given
    grads = backward((*arguments, *sizes), saved, *cotangents)
    return tuple(None if value is None else grad for value, grad in zip(arguments, grads))


function.defvjp(function_forward, function_backward)


def apply({", ".join(parts)}):
    """{", ".join([*plan.outputs, *(f"last {name}" for name in plan.final)])}.

    Args:
{shapes}
    """
    return function({", ".join([*arrays, *keywords])})'''
