"""torch's optimisers without their import of torch.compile, which takes a second.

torch wraps `step` and the methods below so that a compiled loop leaves them alone. The wrappers import the compiler
when first called, whether anything is compiled or not. None of our compiled functions holds an optimiser.
"""

from __future__ import annotations

from inspect import unwrap
from typing import Any, TypeVar, cast

import torch
from torch import optim

WRAPPED = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")

Kind = TypeVar("Kind", bound=optim.Optimizer)


def eager(kind: type[Kind]) -> type[Kind]:
    """A subclass of `kind` with the same steps, state and hooks; not for use within torch.compile."""
    methods: dict[str, Any] = {name: unwrap(getattr(kind, name)) for name in WRAPPED}
    methods["step"] = torch.no_grad()(unwrap(getattr(kind, "step")))  # noqa: B009 (the base class declares no type)
    return cast(type[Kind], type(kind.__name__, (kind,), methods))


Adam, AdamW, SGD, LBFGS = eager(optim.Adam), eager(optim.AdamW), eager(optim.SGD), eager(optim.LBFGS)
