"""A device that pretends to be another one, `other`: it computes on the CPU and has the rules of CUDA.

It takes torch's place for a private device (PrivateUse1), as a vendor's backend does, so that autograd, vmap, views,
optimisers and torch.save treat its tensors as another device's. Each tensor has a *twin*, a CPU tensor with the same
memory, which computes.

- A CPU tensor beside tensors of the device raises RuntimeError, except one of 0 dimensions in a pointwise operation.
- A generator of another device raises RuntimeError, here and, within `checked_generators`, on the CPU.
- What makes the host wait for the device is written down in the `WAITS` of waits.py.

torch's own autograd starts a thread for each device that is there before the first gradient: import this module early.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

import torch
from torch import Generator, Tensor
from torch._C import DispatchKey, DispatchKeySet
from torch._ops import OpOverload
from torch.library import Library
from torch.overrides import TorchFunctionMode
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

from tests.other_device.waits import MAY_WAIT, WAITS, reason

NAME = "other"
DEVICE = torch.device("privateuseone", 0)  # torch knows the name from `_register` on
CPU = torch.device("cpu")
ON_CPU, ON_META = DispatchKeySet(DispatchKey.CPU), DispatchKeySet(DispatchKey.Meta)
MARK = torch.tensor([111, 116, 104, 101, 114], dtype=torch.uint8)  # at the end of a generator's state
aten = torch.ops.aten
INDEXED = {"index", "index_put", "index_put_", "_index_put_impl_"}  # CUDA takes indices from the CPU
SCALAR_TOO = {"index_put", "index_put_", "_index_put_impl_", "fill_", "masked_fill_", "where"}


class OtherGenerator(Generator):
    """A generator of the device: the numbers of a CPU's with the same seed, and a state that a CPU's does not take."""

    device = DEVICE

    def __init__(self) -> None:
        GENERATORS[self._cdata] = self

    def get_state(self) -> Tensor:
        """The state, with a mark that makes it longer than a CPU's."""
        return torch.cat([super().get_state(), MARK])

    def set_state(self, state: Tensor) -> None:
        """Raises RuntimeError for a state of another device."""
        if not torch.equal(state[-len(MARK) :], MARK):
            raise RuntimeError("RNG state is wrong size")
        super().set_state(state[: -len(MARK)])


GENERATORS: WeakValueDictionary[int, OtherGenerator] = WeakValueDictionary()  # operations get them without their class


def generator(device: torch.device | str = "cpu") -> Generator:
    """`torch.Generator` that knows the device, too."""
    return OtherGenerator() if torch.device(device).type == NAME else Generator(device)


class _Module:
    """What torch asks `torch.other` for."""

    def is_initialized(self) -> bool:
        return True

    def is_available(self) -> bool:
        return True

    def current_device(self) -> int:
        return 0

    def device_count(self) -> int:
        return 1

    def _is_in_bad_fork(self) -> bool:
        return False

    def manual_seed_all(self, seed: int) -> None:
        """The device's global generator is the CPU's."""

    def get_rng_state(self, device: torch.device) -> Tensor:
        """What torch.random.fork_rng keeps."""
        return MARK

    def set_rng_state(self, state: Tensor, device: torch.device) -> None:
        """What torch.random.fork_rng ends with."""

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16]


def is_other(x: object) -> bool:
    """Whether x is a tensor of the device."""
    return isinstance(x, Tensor) and x.device.type == NAME


def twin(x: Tensor) -> Tensor:
    """The CPU tensor with the memory of a tensor of the device."""
    memory = x.untyped_storage().twin  # type: ignore[attr-defined]
    return torch.empty(0, dtype=x.dtype).set_(memory, x.storage_offset(), x.size(), x.stride())


def other_memory(memory: torch.UntypedStorage) -> torch.UntypedStorage:
    """The device's memory over this memory of the CPU, which it keeps alive."""
    found = torch._C._construct_storage_from_data_pointer(memory.data_ptr(), DEVICE, memory.nbytes())
    found.twin = memory
    return found


def _set(x: Tensor, memory: torch.UntypedStorage, like: Tensor) -> Tensor:
    """x as a view of this memory, with the shape of `like`."""
    place = like.storage_offset(), like.size(), like.stride()
    return aten.set_.source_Storage_storage_offset.redispatch(ON_CPU, x, memory, *place)


def lifted(y: Tensor, memory: torch.UntypedStorage | None = None) -> Tensor:
    """The tensor of the device with the memory of a CPU tensor; `memory`: the device's, if it is there already."""
    empty = torch._C._acc.create_empty_tensor((0,), y.dtype)
    return _set(empty, other_memory(y.untyped_storage()) if memory is None else memory, y)


class _Call:
    """One operation on the device: the twins of its arguments, and its results back on the device."""

    def __init__(self, op: OpOverload) -> None:
        self.op = op
        self.pairs: list[tuple[Tensor, Tensor]] = []  # twin, tensor of the device
        self.memories: dict[int, torch.UntypedStorage] = {}

    def down(self, value: Any) -> Any:
        """An argument with twins in place of tensors of the device."""
        if isinstance(value, Tensor):
            if not is_other(value):
                return value
            found = twin(value)
            self.pairs.append((found, value))
            self.memories[found.untyped_storage()._cdata] = value.untyped_storage()
            return found
        if isinstance(value, list | tuple):
            return type(value)(map(self.down, value))
        return CPU if isinstance(value, torch.device) else value

    def up(self, value: Any) -> Any:
        """A result with tensors of the device in place of CPU tensors; views share the memory of the argument."""
        if isinstance(value, Tensor):
            for found, own in self.pairs:
                if found is value:
                    return own
            return lifted(value, self.memory(value))
        return type(value)(map(self.up, value)) if isinstance(value, list | tuple) else value

    def memory(self, y: Tensor) -> torch.UntypedStorage | None:
        """The device's memory over that of a twin, if an argument has it."""
        found = self.memories.get(y.untyped_storage()._cdata)
        return None if found is None or found.nbytes() != y.untyped_storage().nbytes() else found

    def follow(self) -> None:
        """Give tensors whose twins have been resized their new memory and shape."""
        for found, own in self.pairs:
            memory = self.memory(found)
            if memory is None:
                memory = self.memories[found.untyped_storage()._cdata] = other_memory(found.untyped_storage())
            elif found.shape == own.shape and found.stride() == own.stride():
                continue
            _set(own, memory, found)


def _compute(op: OpOverload, *arguments: Any, **keys: Any) -> Any:
    """Any operation: its arguments are checked, and its twin computes."""
    rule = _rule(op)
    check(rule, arguments, keys)
    if rule.waits and (why := reason(op, arguments, keys)) is not None:
        WAITS.note(why)
    call = _Call(op)
    below = call.down(arguments), {name: call.down(value) for name, value in keys.items()}
    with torch._C._AutoDispatchBelowAutograd():
        found = op(*below[0], **below[1])
    call.follow()
    return call.up(found)


def _convolution_gradients(
    gradient: Tensor, x: Tensor, weight: Tensor, stride: list[int], padding: list[int], dilation: list[int],
    transposed: bool, output_padding: list[int], groups: int, wanted: list[bool],
) -> Any:  # fmt: skip
    biases = [weight.shape[1] * groups if transposed else weight.shape[0]]
    rest = stride, padding, dilation, transposed, output_padding, groups, wanted
    return _compute(aten.convolution_backward.default, gradient, x, weight, biases, *rest)


def _copy(source: Tensor, target: Tensor, non_blocking: bool = False) -> Tensor:
    """Copies between devices, either way, and within one."""
    here, there = is_other(source), is_other(target)
    if here != there:
        WAITS.note("a copy to the CPU" if here else "a copy from the CPU")
    (twin(target) if there else target).copy_(twin(source) if here else source)
    return target


def _set_memory(
    x: Tensor, memory: torch.UntypedStorage, offset: int, size: Sequence[int], stride: Sequence[int] = ()
) -> Tensor:
    return aten.set_.source_Storage_storage_offset.redispatch(ON_CPU, x, memory, offset, size, stride)


def _view_of(op: OpOverload) -> Callable[..., Tensor]:
    """A view by torch's kernel for tensors without data: it needs none."""
    return lambda x, *arguments: op.redispatch(ON_META, x, *arguments)


class _Rule(NamedTuple):
    """What an operation allows."""

    name: str
    scalars: bool  # CPU tensors of 0 dimensions
    tensors: tuple[tuple[int, str, bool], ...]  # place, name and whether it is written: arguments with tensors
    generator: bool
    waits: bool  # perhaps: `reason` knows


@cache
def _rule(op: OpOverload) -> _Rule:
    packet = op.overloadpacket
    name = packet.__name__
    pointwise = any(torch.Tag.pointwise in getattr(packet, overload).tags for overload in packet.overloads())
    tensors = tuple(
        (place, argument.name, argument.alias_info is not None and argument.alias_info.is_write)
        for place, argument in enumerate(op._schema.arguments)
        if "Tensor" in str(argument.type) and not (name in INDEXED and argument.name == "indices")
    )
    scalars = name in SCALAR_TOO or name.startswith("_fused") or pointwise
    generator = any(argument.name == "generator" for argument in op._schema.arguments)
    return _Rule(name, scalars, tensors, generator, name in MAY_WAIT)


def check(rule: _Rule, arguments: tuple[Any, ...], keys: dict[str, Any]) -> None:
    """Raises RuntimeError where CUDA does: for tensors of two devices, and for a generator of another one."""
    if rule.generator:
        given = next((each for each in (*arguments, *keys.values()) if isinstance(each, Generator)), None)
        if given is not None and given._cdata not in GENERATORS:
            raise RuntimeError(f"{rule.name}: Expected a '{NAME}' device type for generator but found '{given.device}'")
    for place, name, written in rule.tensors:
        value = arguments[place] if place < len(arguments) else keys.get(name)
        for tensor in value if isinstance(value, list | tuple) else (value,):
            if not isinstance(tensor, Tensor) or tensor.device.type == NAME:  # torch hands some numbers on as they are
                continue
            if written or tensor.dim() or not rule.scalars:
                raise RuntimeError(
                    f"{rule.name}: Expected all tensors to be on the same device, but found at least two devices, "
                    f"{DEVICE} and {tensor.device}! ({name})"
                )


class _Generators(TorchFunctionMode):
    def __torch_function__(self, function: Any, types: Any, arguments: Any = (), keys: Any = None) -> Any:
        found = function(*arguments, **(keys or {}))
        on_cpu = isinstance(found, Tensor) and not is_other(found)
        if on_cpu and isinstance((keys or {}).get("generator"), OtherGenerator):
            raise RuntimeError(f"Expected a '{found.device}' device type for generator but found '{NAME}'")
        return found


@contextmanager
def checked_generators() -> Iterator[None]:
    """Within the block a generator of the device raises RuntimeError in operations on the CPU."""
    with _Generators():
        yield


def _storage_to(memory: torch.UntypedStorage, device: torch.device) -> torch.UntypedStorage:
    """A copy of memory on a device."""
    here, there = memory.device.type == NAME, device.type == NAME
    copied = (memory.twin if here else memory).clone()  # type: ignore[attr-defined]
    if here != there:
        WAITS.note("a copy to the CPU" if here else "a copy from the CPU")
    return other_memory(copied) if there else copied


@contextmanager
def storages() -> Iterator[None]:
    """Within the block memory of the device can be copied, which torch.save, torch.load and deepcopy do."""
    kept = {name: getattr(torch.UntypedStorage, name) for name in ("cpu", "clone", "to")}

    def method(name: str, target: Callable[..., torch.device]) -> Callable[..., torch.UntypedStorage]:
        def copied(self: torch.UntypedStorage, **keys: Any) -> torch.UntypedStorage:
            device = target(self, **keys)
            return _storage_to(self, device) if NAME in (self.device.type, device.type) else kept[name](self, **keys)

        return copied

    targets: dict[str, Callable[..., torch.device]] = {
        "cpu": lambda memory: CPU,
        "clone": lambda memory: memory.device,
        "to": lambda memory, device, non_blocking=False: torch.device(device),
    }
    try:
        for name, target in targets.items():
            setattr(torch.UntypedStorage, name, method(name, target))
        yield
    finally:
        for name, kept_method in kept.items():
            setattr(torch.UntypedStorage, name, kept_method)


def _register() -> tuple[Library, Library]:
    """Make the device known to torch; it lasts as long as the libraries."""
    _setup_privateuseone_for_python_backend(NAME, backend_module=_Module())
    everything, some = Library("_", "IMPL"), Library("aten", "IMPL")
    everything.fallback(_compute, "PrivateUse1")
    some.impl("convolution_overrideable", partial(_compute, aten.convolution.default), "PrivateUse1")
    some.impl("convolution_backward_overrideable", _convolution_gradients, "PrivateUse1")
    some.impl("_copy_from", _copy, "PrivateUse1")
    some.impl("set_.source_Storage_storage_offset", _set_memory, "PrivateUse1")
    some.impl("as_strided", _view_of(aten.as_strided.default), "PrivateUse1")
    some.impl("view", _view_of(aten.view.default), "PrivateUse1")
    return everything, some


LIBRARIES = _register()
