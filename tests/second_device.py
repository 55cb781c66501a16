"""A second device, "second:0", written in Python and as strict as CUDA: it finds what a test on the CPU alone cannot.

A tensor of the device wraps a CPU tensor; every operation unwraps, computes on the CPU and wraps again. As on CUDA,

- tensors of two devices in one operation fail, but for CPU scalars (no dimension), copies, and the indices of a tensor;
- a generator of the other device fails, in both directions;
- `numpy()` fails, while `tolist()` and `item()` bring the values to the CPU;

and there is no float64, as on MPS.

Random numbers come from PyTorch's default generator, so that a run draws what it draws on the CPU, or from
`own_generator` where a test gives the device one.

Importing this module registers the device with PyTorch: once in a process, before its first backward pass (autograd then
starts a thread for each device), and without a change to any other device. Inside `active` it is strict. Tensors get there by
`to`: `torch.tensor` and `torch.eye` cannot make them.
"""

import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend

NO_SCALARS = {"cat", "stack"}
TAKE_INDICES = {"index", "index_put", "index_put_", "_index_put_impl_"}
WAITS = {
    *("_local_scalar_dense", "equal", "allclose"),
    *("nonzero", "masked_select", "boolean mask", "_unique2", "unique_dim", "unique_consecutive"),
    *("repeat_interleave", "bincount"),
}
"""The operations whose result, or its size, the CPU must wait for; "boolean mask" is an index of truth values."""
MASKS = (torch.bool, torch.uint8)
NOT_DETERMINISTIC = {
    *("_adaptive_avg_pool2d_backward", "adaptive_max_pool2d_backward", "avg_pool3d_backward", "max_unpool2d"),
    *("reflection_pad1d_backward", "reflection_pad2d_backward", "reflection_pad3d_backward", "nll_loss2d_forward"),
    *("upsample_linear1d_backward", "upsample_bilinear2d_backward", "upsample_bicubic2d_backward"),
    *("_ctc_loss_backward", "grid_sampler_2d_backward", "scatter_reduce_", "put_", "histc", "bincount", "median"),
}
"""Of those that have no deterministic kernel on CUDA (`torch.use_deterministic_algorithms`), the ones that a model may meet."""

living: weakref.WeakSet["SecondGenerator"] = weakref.WeakSet()
own_generator: torch.Generator | None = None
operations: Counter[str] = Counter()
"""How often each operation ran on the device; "copy between devices" and "boolean mask" also count under these names."""


class SecondTensor(torch.Tensor):
    """A tensor of the second device; its values are in `inner`, a CPU tensor."""

    @staticmethod
    def __new__(cls, inner):
        layout = {"strides": inner.stride(), "storage_offset": inner.storage_offset(), "dtype": inner.dtype}
        tensor = torch.Tensor._make_wrapper_subclass(cls, inner.shape, device=DEVICE, **layout)
        tensor.inner = inner
        return tensor

    @classmethod
    def __torch_dispatch__(cls, operation, _, args=(), kwargs=None):
        return compute(operation, *args, **(kwargs or {}))

    def tolist(self):
        return self.cpu().tolist()

    def __repr__(self):
        return f"{self.inner!r} on {DEVICE}"

    def __reduce_ex__(self, protocol):
        """A file holds the CPU tensor: the project reads every file with map_location="cpu"."""
        return self.cpu().__reduce_ex__(protocol)

    def __tensor_flatten__(self):
        return ["inner"], None

    @staticmethod
    def __tensor_unflatten__(parts, *_):
        return SecondTensor(parts["inner"])


class SecondGenerator(torch.Generator):
    """A generator of the second device. An operation is handed a copy of the object, so `_cdata` tells whose it is."""

    device = property(lambda _: DEVICE)

    def __init__(self):
        living.add(self)


class Generators(type):
    """The class of what stands in for `torch.Generator`."""

    def __call__(cls, device="cpu"):
        return SecondGenerator() if torch.device(device).type == "second" else torch._C.Generator(device)

    def __instancecheck__(cls, instance):
        return isinstance(instance, torch._C.Generator)


def compute(operation, *args, **kwargs):
    """An operation of the second device, or a copy to or from it, on the CPU tensors inside."""
    name = operation.overloadpacket.__name__
    operations[name] += 1
    goal = kwargs.get("device") or DEVICE
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    if name in ("copy_", "_to_copy"):
        between = {args[0].device, args[1].device if name == "copy_" else torch.device(kwargs.get("device") or DEVICE)}
        if len(between) > 1:
            operations["copy between devices"] += 1
    else:
        if name in TAKE_INDICES:
            indices = [index for index in args[1] if index is not None]
            if any(index.dtype in MASKS for index in indices):
                operations["boolean mask"] += 1
            if any(index.dim() and not isinstance(index, SecondTensor) for index in indices):
                operations["copy between devices"] += 1
        check_devices(name, args, tensors)
        check_generator("second", kwargs)
    if own_generator is not None and any(argument.name == "generator" for argument in operation._schema.arguments):
        kwargs.setdefault("generator", own_generator)
    originals = {id(tensor.inner): tensor for tensor in tensors if isinstance(tensor, SecondTensor)}
    result = operation(*tree_map(unwrap, args), **tree_map(unwrap, kwargs))
    if name == "copy_":
        return args[0]
    if goal.type != "second":
        return result
    return tree_map(lambda leaf: wrap(leaf) if (known := originals.get(id(leaf))) is None else known, result)


def wrap(leaf):
    """The tensor on the second device, anything else as it is."""
    if not isinstance(leaf, torch.Tensor):
        return leaf
    if leaf.dtype == torch.float64:
        raise TypeError("the second device has no float64")
    return SecondTensor(leaf)


def unwrap(leaf):
    """The CPU tensor inside, and the CPU for the device."""
    if isinstance(leaf, torch.device):
        return torch.device("cpu")
    return leaf.inner if isinstance(leaf, SecondTensor) else leaf


def check_devices(name, args, tensors):
    """Raise RuntimeError where an operation mixes tensors of two devices and CUDA would not let it."""
    if name in TAKE_INDICES and isinstance(args[0], SecondTensor):
        tensors = [args[0], *args[2:3]]
    written = args[0] if name.endswith("_") and args else None
    for tensor in tensors:
        scalar = tensor.dim() == 0 and name not in NO_SCALARS and tensor is not written
        if not (isinstance(tensor, SecondTensor) or scalar):
            raise RuntimeError(f"{name}: expected all tensors to be on the same device, found second:0 and cpu")


def check_generator(expected, kwargs):
    """Raise RuntimeError where the operation's generator is the other device's."""
    generator = kwargs.get("generator")
    if generator is not None:
        found = "second" if generator._cdata in {g._cdata for g in living} else "cpu"
        if found != expected:
            raise RuntimeError(f"expected a {expected!r} device type for generator but found {found!r}")


class Strict(TorchDispatchMode):
    """Refuses an operation of the CPU that is given a generator of the second device."""

    def __torch_dispatch__(self, operation, _, args=(), kwargs=None):
        kwargs = kwargs or {}
        if kwargs.get("generator") is not None:
            second = any(isinstance(leaf, SecondTensor) or leaf == DEVICE for leaf in tree_leaves((args, kwargs)))
            check_generator("second" if second else "cpu", kwargs)
        return operation(*args, **kwargs)


class Module(_DummyBackendModule):
    """torch.second: what `torch.manual_seed`, `fork_rng` and autocast ask a device for."""

    def manual_seed_all(self, seed):
        if own_generator is not None:
            own_generator.manual_seed(seed)

    def get_rng_state(self, _=0):
        return (own_generator or torch.default_generator).get_state()

    def set_rng_state(self, state, _=0):
        (own_generator or torch.default_generator).set_state(state)

    def get_amp_supported_dtype(self):
        return [torch.bfloat16]


@contextmanager
def active() -> Iterator[torch.device]:
    """Inside, `torch.Generator` makes generators of this device too, and the CPU refuses them; yields the device.

    Where there is CUDA, PyTorch's backward pass refuses this device, and the test is skipped.
    """
    if torch.cuda.is_available():
        pytest.skip("CUDA is here itself")
    with mock.patch.object(torch, "Generator", Generators("Generator", (), {})), Strict():
        yield DEVICE


def operations_of_a_step(dataset: str, crop: bool = False, **settings: object) -> Counter[str]:
    """What a training step dispatches on the device, views included; not its first step, which also sets the optimizers up."""
    import copy

    from exon import data, optimization, train
    from exon.experiment import Experiment

    experiment = Experiment.create(dataset=dataset, profile="smoke", **{"width": 0.0625, **settings})
    sample = data.load(dataset, "sample")
    with active() as device:
        images = train.TrainingImages.of(sample, slice(50), device)
        model = train.build_for(experiment)
        averaged = copy.deepcopy(model).to(device) if experiment.ema_decay else None
        model = model.to(device)
        step = train.make_step(experiment, model, optimization.make_optimizers(experiment, model), images, averaged)
        labelled, unlabelled = torch.arange(4, device=device), torch.arange(12, device=device)
        step(labelled, unlabelled, 1.0, 1.0, crop)
        operations.clear()
        step(labelled, unlabelled, 1.0, 1.0, crop)
        return Counter(operations)


if not torch.cuda.is_available():
    _setup_privateuseone_for_python_backend("second", Module())
    _library = torch.library.Library("_", "IMPL")
    _library.fallback(compute, "PrivateUse1")
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "second:0")
