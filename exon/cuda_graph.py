"""A training step as one CUDA graph: a GPU runs its thousand small kernels without waiting until Python has launched each.

The bits are those of the step itself. Random numbers come from PyTorch's default generator of the GPU, which moves on with every
replay as it does with the kernels one by one.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from exon.losses import Terms

if TYPE_CHECKING:
    from exon.train import Step

WARM_UP = 3
"""Steps of one shape before its graph is captured. They build what must not be built meanwhile, such as cuBLAS's workspaces."""


class Captured(NamedTuple):
    """A graph with the tensors that it reads and writes in every replay."""

    graph: torch.cuda.CUDAGraph
    labelled: Tensor
    unlabelled: Tensor
    terms: Terms


def captured(step: "Step", optimizers: Sequence[torch.optim.Optimizer], device: torch.device) -> "Step":
    """The same step, replayed as a CUDA graph from the fourth call on with as many images.

    The terms that it returns hold until the next call. What else the step reads besides its arguments and the learning rates is
    what it was at the capture.

    Args:
        step: waits for nothing on the CPU; its beta and lambda2 may be tensors.
        optimizers: one group of parameters each, fused; their learning rates may change between calls.
    """
    stream = torch.cuda.Stream(device)
    beta_read, lambda2_read = (torch.zeros((), device=device) for _ in range(2))
    rates_read = [torch.zeros((), device=device) for _ in optimizers]
    taken: Counter[tuple[int, int, bool]] = Counter()
    graphs: dict[tuple[int, int, bool], Captured] = {}

    def run(
        labelled: Tensor, unlabelled: Tensor, beta: float | Tensor, lambda2: float | Tensor, crop: bool = False
    ) -> Terms:
        groups = [group for optimizer in optimizers for group in optimizer.param_groups]
        beta_read.fill_(beta)
        lambda2_read.fill_(lambda2)
        for rate, group in zip(rates_read, groups, strict=True):
            rate.fill_(group["lr"])
        kind = len(labelled), len(unlabelled), crop
        if kind not in graphs:
            taken[kind] += 1
            if taken[kind] <= WARM_UP:
                with _after_and_before_all_else(stream), _read_from(groups, rates_read, capturable=False):
                    return step(labelled, unlabelled, beta_read, lambda2_read, crop)
            graph, inputs = torch.cuda.CUDAGraph(), (labelled.clone(), unlabelled.clone())
            with _read_from(groups, rates_read, capturable=True), torch.cuda.graph(graph, stream=stream):
                terms = step(*inputs, beta_read, lambda2_read, crop)
            graphs[kind] = Captured(graph, *inputs, terms)
        known = graphs[kind]
        known.labelled.copy_(labelled)
        known.unlabelled.copy_(unlabelled)
        known.graph.replay()
        return known.terms

    return run


@contextmanager
def _after_and_before_all_else(stream: torch.cuda.Stream) -> Iterator[None]:
    """Work inside goes to the stream, after all that was launched before, and before all that is launched later."""
    current = torch.cuda.current_stream(stream.device)
    stream.wait_stream(current)
    with torch.cuda.stream(stream):
        yield
    current.wait_stream(stream)


@contextmanager
def _read_from(groups: list[dict[str, Any]], rates: list[Tensor], capturable: bool) -> Iterator[None]:
    """Inside, optimizers read their learning rates from tensors; afterwards they have their numbers again."""
    before = [(group["lr"], group["capturable"]) for group in groups]
    try:
        for group, rate in zip(groups, rates, strict=True):
            group.update(lr=rate, capturable=capturable)
        yield
    finally:
        for group, (rate, whether) in zip(groups, before, strict=True):
            group.update(lr=rate, capturable=whether)
