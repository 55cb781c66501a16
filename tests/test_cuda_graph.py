"""The bookkeeping around a CUDA graph, without a GPU: a stand-in replays what a step did while it was captured.

That a real graph has the bits of its kernels is tested on CUDA, in test_train_devices.py.
"""

from contextlib import contextmanager, nullcontext

import pytest
import torch

from exon import cuda_graph
from exon.losses import Terms


class Stream:
    device = torch.device("cpu")

    def __init__(self, *_):
        pass

    def wait_stream(self, other):
        pass


class Recorded:
    """Stands in for a step: reads its tensors when it is called, and again, wherever they are, when its graph is replayed."""

    def __init__(self, optimizer):
        self.optimizer, self.weight = optimizer, torch.ones(1, requires_grad=True)
        self.read, self.kinds = [], []

    def __call__(self, labelled, unlabelled, beta, lambda2, crop=False):
        (group,) = self.optimizer.param_groups
        rate, capturable = group["lr"], group["capturable"]

        def work():
            self.read.append(
                (labelled.tolist(), unlabelled.tolist(), *(round(t.item(), 6) for t in (beta, lambda2, rate)))
            )

        work()
        self.work = work
        self.kinds.append((len(labelled), crop, capturable))
        return Terms(2 * self.weight, None, None, None, None, None)


@pytest.fixture
def stepped(monkeypatch):
    """A recorded step, and the same step behind `captured`; the stand-in's capture does no work, as a real one."""
    optimizer = torch.optim.Adam([torch.ones(1, requires_grad=True)], lr=0.5, fused=True)
    recorded = Recorded(optimizer)

    class Graph:
        def replay(self):
            self.work()

    @contextmanager
    def capture(graph, stream):
        before = len(recorded.read)
        yield
        del recorded.read[before:]
        graph.work = recorded.work

    for name, stand_in in {"Stream": Stream, "CUDAGraph": Graph, "graph": capture}.items():
        monkeypatch.setattr(torch.cuda, name, stand_in)
    monkeypatch.setattr(torch.cuda, "current_stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda _: nullcontext())
    return recorded, cuda_graph.captured(recorded, (optimizer,), torch.device("cpu"))


def call(step, recorded, number, labelled=2, crop=False):
    (group,) = recorded.optimizer.param_groups
    group["lr"] = number / 100
    terms = step(torch.full((labelled,), number), torch.full((3,), -number), number / 10, 10.0 * number, crop)
    assert group["lr"] == number / 100
    assert not group["capturable"]
    return terms


def test_every_step_reads_its_own_images_and_settings(stepped):
    recorded, step = stepped
    for number in range(1, 9):
        call(step, recorded, number)
    expected = [([n, n], [-n, -n, -n], n / 10, 10.0 * n, n / 100) for n in range(1, 9)]
    assert recorded.read == expected
    assert recorded.kinds == [(2, False, False)] * cuda_graph.WARM_UP + [(2, False, True)]


def test_each_shape_has_a_graph_of_its_own(stepped):
    recorded, step = stepped
    shapes = [(2, False), (1, False), (2, True)]
    for number in range(1, 19):
        labelled, crop = shapes[number % 3]
        call(step, recorded, number, labelled, crop)
    assert [row[0] for row in recorded.read] == [[n] * shapes[n % 3][0] for n in range(1, 19)]
    for labelled, crop in shapes:
        assert recorded.kinds.count((labelled, crop, False)) == cuda_graph.WARM_UP
        assert recorded.kinds.count((labelled, crop, True)) == 1


def test_terms_keep_nothing_for_a_backward_pass(stepped):
    recorded, step = stepped
    for number in range(1, 7):
        terms = call(step, recorded, number)
        assert terms.recon.item() == 2
        assert not terms.recon.requires_grad
        assert terms.kl_label is None
