import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from exon.networks import fused


def normalised(channels=5):
    norm = nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)
    norm.weight.data.uniform_(0.3, 1.7)
    norm.bias.data.normal_()
    return norm


@pytest.mark.parametrize("size", [(6, 8), (7, 7), (8, 5)])
def test_values_gradients_and_moving_averages_are_those_of_the_two_operations(size):
    torch.manual_seed(0)
    ours = normalised()
    theirs = copy.deepcopy(ours)
    x = torch.randn(4, 5, *size).contiguous(memory_format=torch.channels_last)
    a, b = x.clone().requires_grad_(), x.clone().requires_grad_()
    pooled, expected = fused.norm_pool(a, ours), F.max_pool2d(theirs(b), 2)
    torch.testing.assert_close(pooled, expected)
    weight = torch.randn_like(expected)
    (pooled * weight).sum().backward()
    (expected * weight).sum().backward()
    for mine, other in ((a, b), (ours.weight, theirs.weight), (ours.bias, theirs.bias)):
        torch.testing.assert_close(mine.grad, other.grad, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ours.running_mean, theirs.running_mean)
    torch.testing.assert_close(ours.running_var, theirs.running_var)


def test_the_gradient_of_ties_goes_where_pytorch_sends_it():
    """The background of a digit is constant, so whole windows are ties."""
    norm = normalised(1)
    x = torch.ones(2, 1, 4, 4)
    x[0, 0, 0, 0] = 2.0
    a, b = (x.clone().contiguous(memory_format=torch.channels_last).requires_grad_() for _ in range(2))
    fused.norm_pool(a, norm).square().sum().backward()
    F.max_pool2d(norm(b), 2).square().sum().backward()
    torch.testing.assert_close(a.grad, b.grad, rtol=1e-4, atol=1e-5)


def test_it_stands_in_only_where_it_is_exact():
    x, norm = torch.randn(2, 5, 4, 4), normalised()
    assert fused.applies(x, norm)
    assert not fused.applies(x.double(), norm)
    assert not fused.applies(x, copy.deepcopy(norm).eval())
    for gamma in (-0.1, 0.0):
        norm.weight.data[2] = gamma
        assert not fused.applies(x, norm)


def test_its_gradient_has_no_gradient():
    x = torch.randn(2, 5, 4, 4).contiguous(memory_format=torch.channels_last).requires_grad_()
    (gradient,) = torch.autograd.grad(fused.norm_pool(x, normalised()).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()
