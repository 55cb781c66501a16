"""A training step as one CUDA graph: a GPU runs its thousand small kernels without waiting until Python has launched each.

Random numbers come from PyTorch's default generator of the GPU, which moves on with every replay as it does with the kernels
one by one.
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


class Replayable(NamedTuple):
    """A graph with the tensors that it reads and writes in every replay."""

    graph: torch.cuda.CUDAGraph
    labelled: Tensor
    unlabelled: Tensor
    terms: Terms


def captured(step: "Step", optimizers: Sequence[torch.optim.Optimizer], device: torch.device) -> "Step":
    """The same step, captured as a CUDA graph for each shape of its batches after `WARM_UP` steps, and replayed from then on.

    The bits are those of its kernels launched one by one, with the learning rates, beta and lambda2 in float32. Numbers and
    modes in Python stay those of the capture. Tensors must stay where they are, and are read with what they hold. The terms that
    a replay returns hold until the next one.

    Args:
        step: waits for nothing on the CPU; its beta and lambda2 may be tensors.
        optimizers: one group of parameters each, fused; their learning rates may change between calls.
    """
    stream = torch.cuda.Stream(device)
    beta_read, lambda2_read = (torch.zeros((), device=device) for _ in range(2))
    rates_read = [torch.zeros((), device=device) for _ in optimizers]
    steps: Counter[tuple[int, int, bool]] = Counter()
    graphs: dict[tuple[int, int, bool], Replayable] = {}

    def run(
        labelled: Tensor, unlabelled: Tensor, beta: float | Tensor, lambda2: float | Tensor, crop: bool = False
    ) -> Terms:
        groups = [group for optimizer in optimizers for group in optimizer.param_groups]
        beta_read.fill_(beta)
        lambda2_read.fill_(lambda2)
        for rate, group in zip(rates_read, groups, strict=True):
            rate.fill_(group["lr"])
        shape = len(labelled), len(unlabelled), crop
        if shape not in graphs:
            steps[shape] += 1
            if steps[shape] <= WARM_UP:
                with _aside(stream), _read_from(groups, rates_read, capturable=False):
                    return _detached(step(labelled, unlabelled, beta_read, lambda2_read, crop))
            graph, inputs = torch.cuda.CUDAGraph(), (labelled.clone(), unlabelled.clone())
            with _read_from(groups, rates_read, capturable=True), torch.cuda.graph(graph, stream=stream):
                terms = step(*inputs, beta_read, lambda2_read, crop)
            graphs[shape] = Replayable(graph, *inputs, _detached(terms))
        replayable = graphs[shape]
        replayable.labelled.copy_(labelled)
        replayable.unlabelled.copy_(unlabelled)
        replayable.graph.replay()
        return replayable.terms

    return run


def _detached(terms: Terms) -> Terms:
    """Without what a backward pass would need, which else stays in memory where a term is not in the objective."""
    return Terms(*(None if term is None else term.detach() for term in terms))


@contextmanager
def _aside(stream: torch.cuda.Stream) -> Iterator[None]:
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
