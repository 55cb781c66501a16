"""Training on other devices and in other precision, and too little memory."""

import os
from dataclasses import replace

import pytest
import second_device
import torch
from tiny import TINY, one_step, stop_after_the_first_epoch, without_time

from exon import cuda_graph, data, devices, losses, optimization, train
from exon.data import augment
from exon.errors import UserError
from exon.experiment import Experiment


def test_bfloat16_stays_close_to_float32(tiny, sample):
    _, _, full = one_step(tiny, sample)
    _, _, half = one_step(Experiment.create(**TINY, precision="bfloat16"), sample)
    for a, b in zip(full, half, strict=True):
        assert b.dtype == torch.float32
        assert a.mean().item() == pytest.approx(b.mean().item(), rel=0.05)


def test_a_missing_device_is_named():
    if torch.cuda.is_available():
        pytest.skip("CUDA is here")
    with pytest.raises(UserError, match=r"device = 'cuda' is not available here: give .*'cpu'"):
        devices.choose("cuda")


def test_cuda_is_set_to_deterministic_algorithms(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "put back after the test")
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    monkeypatch.setattr(torch.utils.deterministic, "fill_uninitialized_memory", True)
    backends = (torch.backends.cudnn, torch.backends.cuda.matmul)
    before = [backend.allow_tf32 for backend in backends]
    deterministic = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(False)
    try:
        for backend in backends:
            backend.allow_tf32 = True
        assert devices.choose("cpu").type == "cpu"
        assert not torch.are_deterministic_algorithms_enabled()
        assert devices.choose("auto").type == "cuda"
        assert torch.are_deterministic_algorithms_enabled()
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
        assert [backend.allow_tf32 for backend in backends] == [False, False]
    finally:
        for backend, allowed in zip(backends, before, strict=True):
            backend.allow_tf32 = allowed
        torch.use_deterministic_algorithms(deterministic)


@pytest.fixture
def trained_on(monkeypatch):
    """A function that makes every run from now on one of that device."""

    def choose(device):
        monkeypatch.setattr(devices, "choose", lambda _: torch.device(device))

    return choose


def test_the_result_says_on_which_device_it_was_fitted(tiny, fitted):
    assert tiny.device == "auto"
    assert fitted.origin["device"] == devices.choose("auto").type


def test_bfloat16_is_the_networks_alone(tiny, sample, monkeypatch):
    """Augmentation, mix-up and losses get float32 and give it; the pseudo-labels are made of float32 logits."""
    seen = {}

    def watch(module, name):
        original = getattr(module, name)

        def watched(*arguments, **options):
            result = original(*arguments, **options)
            tensors = [t for t in (*arguments, result) if isinstance(t, torch.Tensor) and t.is_floating_point()]
            seen.setdefault(name, set()).update((t.dtype, torch.is_autocast_enabled("cpu")) for t in tensors)
            return result

        monkeypatch.setattr(module, name, watched)

    for name in ("reconstruction", "kl_label", "kl_latent", "cross_entropy", "mix_up"):
        watch(losses, name)
    watch(augment, "rotate")
    watch(augment, "random_crop")
    watch(torch.Tensor, "softmax")
    convolved = []
    hook = torch.nn.modules.module.register_module_forward_hook(
        lambda module, _, output: convolved.append(output.dtype) if isinstance(module, torch.nn.Conv2d) else None
    )
    with hook:
        one_step(Experiment.create(**TINY, precision="bfloat16"), sample)
    assert set(convolved) == {torch.bfloat16}
    assert {dtype for dtype, _ in seen.pop("softmax")} == {torch.float32}
    assert len(seen) == 7
    assert set.union(*seen.values()) == {(torch.float32, False)}


def test_a_run_on_a_device_draws_and_resumes_from_the_devices_own_random_state(
    tiny, sample, tmp_path, monkeypatch, trained_on
):
    experiment = tiny.model_copy(update={"validation": 40})
    with second_device.active() as second:
        trained_on(second)
        own = torch.Generator().manual_seed(7)
        monkeypatch.setattr(second_device, "own_generator", own)
        before = own.get_state()
        whole = train.fit(experiment, sample)
        assert torch.equal(own.get_state(), before)
        train.fit(experiment.model_copy(update={"epochs": 1}), sample, tmp_path / "checkpoint.pt")
        relabel(tmp_path / "checkpoint.pt", experiment)
        own.manual_seed(99)
        resumed = train.fit(experiment, sample, tmp_path / "checkpoint.pt")
    assert whole.model.prior.means.device == second
    assert whole.origin["device"] == "second"
    assert without_time(whole.history) == without_time(resumed.history)


def relabel(path, experiment):
    """Let the checkpoint of a shorter run stand for an interrupted one."""
    content = torch.load(path, weights_only=True)
    torch.save(content | {"experiment": experiment.model_dump_json()}, path)


def test_a_checkpoint_of_another_machines_device_is_read(tiny, sample, tmp_path):
    path = tmp_path / "checkpoint.pt"
    train.fit(tiny, sample, path)
    content = torch.load(path, weights_only=True)
    torch.save(content | {"random_of": {"cuda": torch.zeros(16, dtype=torch.uint8)}}, path)
    assert len(train.fit(tiny, sample, path).history) == tiny.epochs


@pytest.mark.parametrize("dataset", data.NAMES)
def test_a_step_on_a_device_neither_waits_nor_copies_and_has_a_deterministic_kernel_for_everything(dataset):
    counts = second_device.operations_of_a_step(dataset)
    assert {"convolution_backward", "_fused_adam_", "lerp"} <= counts.keys()
    assert not counts.keys() & {"copy between devices", *second_device.WAITS, *second_device.NOT_DETERMINISTIC}


def test_an_epoch_waits_and_copies_as_often_for_many_steps_as_for_one():
    """What is drawn and counted between the steps does neither; the sums come to the CPU once."""
    counts = []
    with second_device.active() as device:
        sample = data.load("mnist", "sample")
        experiment = Experiment.create(profile="smoke", width=0.0625, batch_size=16, labelled_batch_size=4)
        for steps in (1, 1, 4):  # the first one also sets the optimizers up
            images = train.TrainingImages.of(sample, slice(10), device)
            images = replace(images, unlabelled=images.unlabelled[: 16 * steps])
            model = train.build_for(experiment).to(device)
            optimizers = optimization.make_optimizers(experiment, model)
            step = train.make_step(experiment, model, optimizers, images)
            second_device.operations.clear()
            train.train_epoch(experiment, step, images, optimizers, 1.0, 0)
            counts.append(dict(second_device.operations))
    _, one, four = ({name: c.get(name, 0) for name in ("copy between devices", *second_device.WAITS)} for c in counts)
    assert counts[2]["convolution_backward"] == 4 * counts[1]["convolution_backward"]
    assert one == four


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("MPS backend out of memory (MPS allocated: 8.00 GB)"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
    ],
)
def test_too_little_memory_says_what_to_lower(tiny, sample, monkeypatch, error):
    def full(*_):
        raise error

    monkeypatch.setattr(train, "train_epoch", full)
    with pytest.raises(UserError, match=r"batch_size = 128 and width = 0\.25: give a smaller batch_size or width"):
        train.fit(tiny, sample)


def test_too_little_memory_for_a_graph_is_too_little_memory(tiny, sample, monkeypatch):
    def full(*_):
        try:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        finally:
            raise RuntimeError("CUDA error: operation failed due to a previous error during capture")

    monkeypatch.setattr(train, "train_epoch", full)
    with pytest.raises(UserError, match=r"batch_size = 128 and width = 0\.25: give a smaller batch_size or width"):
        train.fit(tiny, sample)


def test_another_runtime_error_is_not_taken_for_lack_of_memory(tiny, sample, monkeypatch):
    def broken(*_):
        raise RuntimeError("the dimensions do not fit")

    monkeypatch.setattr(train, "train_epoch", broken)
    with pytest.raises(RuntimeError, match="the dimensions do not fit"):
        train.fit(tiny, sample)


on_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@pytest.mark.parametrize(
    ("device", "precision"),
    [
        ("cpu", "bfloat16"),
        pytest.param("cuda", "float32", marks=on_cuda),
        pytest.param("cuda", "bfloat16", marks=on_cuda),
    ],
)
@pytest.mark.parametrize("dataset", ["mnist", "cifar10"])
def test_every_device_and_precision_trains_alike(dataset, device, precision, sample):
    images = data.load("cifar10", "sample") if dataset == "cifar10" else sample
    settings = TINY if dataset == "mnist" else {"dataset": "cifar10", "profile": "smoke"}
    here, there = (
        train.fit(Experiment.create(**settings, **variant), images).history[-1]
        for variant in ({"device": "cpu"}, {"device": device, "precision": precision})
    )
    for metric in ("train_recon", "train_cross_entropy", "test_recon"):
        assert there[metric] == pytest.approx(here[metric], rel=0.1), metric


@on_cuda
def test_cuda_agrees_with_the_cpu(sample):
    here, there = (train.fit(Experiment.create(**TINY, device=device), sample).history for device in ("cpu", "cuda"))
    for ours, theirs in zip(here, there, strict=True):
        assert ours["train_recon"] == pytest.approx(theirs["train_recon"], rel=0.05)


TWO_SHAPES = {**TINY, "batch_size": 32, "labelled_batch_size": 8}
"""Twelve steps an epoch with 8 or 4 labelled images: both graphs are captured in the first, and replayed in the second."""
EVERYTHING = {"averaged_pseudo_labels": True, "ema_decay": 0.9, "crop_share": 0.5, "precision": "bfloat16"}


@on_cuda
@pytest.mark.parametrize(
    "settings",
    [
        {**TWO_SHAPES, "learn_beta": True},
        {**TWO_SHAPES, "use_elbo": False},
        {**TWO_SHAPES, "use_kl": False, "use_sci": False},
        {"dataset": "cifar10", "profile": "smoke", "recipe": "short", "epochs": 2, **EVERYTHING},
    ],
)
def test_a_graph_has_the_bits_of_its_kernels_one_by_one(settings, sample, monkeypatch):
    images = data.load("cifar10", "sample") if "dataset" in settings else sample
    experiment = Experiment.create(**settings, device="cuda")
    replay, replays = torch.cuda.CUDAGraph.replay, []
    monkeypatch.setattr(torch.cuda.CUDAGraph, "replay", lambda graph: replays.append(replay(graph)))
    replayed = train.fit(experiment, images)
    assert len(replays) >= 6
    replays.clear()
    monkeypatch.setattr(cuda_graph, "WARM_UP", 10**6)
    launched = train.fit(experiment, images)
    assert not replays
    assert without_time(replayed.history) == without_time(launched.history)


@on_cuda
def test_a_resumed_run_on_cuda_equals_an_uninterrupted_one(sample, tmp_path):
    experiment = Experiment.create(**TWO_SHAPES, device="cuda")
    stop_after_the_first_epoch(experiment, sample, tmp_path / "checkpoint.pt")
    resumed = train.fit(experiment, sample, tmp_path / "checkpoint.pt")
    assert without_time(resumed.history) == without_time(train.fit(experiment, sample).history)


@on_cuda
@pytest.mark.parametrize("a", [0.1, 2.0])
def test_weights_of_mixes_on_cuda_are_drawn_from_beta(a):
    draw = losses.mix_weights(a, torch.device("cuda"))
    weights = torch.stack([draw() for _ in range(5000)]).cpu()
    assert weights.mean().item() == pytest.approx(0.5, abs=0.03)
    assert weights.var().item() == pytest.approx(1 / (4 * (2 * a + 1)), rel=0.1)


@on_cuda
@pytest.mark.parametrize("dataset", ["mnist", "cifar10"])
def test_a_step_does_not_wait_for_the_gpu(dataset):
    experiment = Experiment.create(dataset=dataset, profile="smoke", device="cuda")
    images = data.load(dataset, "sample")
    on_device = train.TrainingImages.of(images, slice(100), torch.device("cuda"))
    model = train.build_for(experiment).cuda()
    step = train.make_step(experiment, model, optimization.make_optimizers(experiment, model), on_device)
    index = torch.arange(8, device="cuda")
    for _ in range(cuda_graph.WARM_UP + 2):  # the capture itself may wait
        step(index, index, 1.0, 1.0)
    torch.cuda.set_sync_debug_mode("error")
    try:
        step(index, index, 1.0, 1.0)
    finally:
        torch.cuda.set_sync_debug_mode("default")
