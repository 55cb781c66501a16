"""Batch normalisation followed by max-pooling as one differentiable operation, for training on the CPU.

    max-pool(gamma (x - mean) / sd + beta) = gamma (max-pool(x) - mean) / sd + beta     where gamma > 0

Pooling first leaves a quarter of the values to normalise, and the gradient needs one pass over x instead of three.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


def applies(x: Tensor, norm: nn.BatchNorm2d) -> bool:
    """Whether `norm_pool` may stand in: training in float32 on the CPU, and every gamma positive."""
    return norm.training and x.device.type == "cpu" and x.dtype == torch.float32 and bool((norm.weight > 0).all())


def norm_pool(x: Tensor, norm: nn.BatchNorm2d) -> Tensor:
    """max_pool2d(norm(x), 2), and the moving averages updated as `norm` updates them: (N, C, H, W) -> (N, C, H/2, W/2)."""
    return _NormPool.apply(x, norm.weight, norm.bias, norm.running_mean, norm.running_var, norm.momentum, norm.eps)


class _NormPool(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        moving_mean: Tensor,
        moving_variance: Tensor,
        momentum: float,
        eps: float,
    ) -> Tensor:
        mean, variance = torch.batch_norm_update_stats(x, moving_mean, moving_variance, momentum)
        precision = (variance + eps).rsqrt()
        pooled, index = torch.ops.aten.max_pool2d_with_indices(x, [2, 2], [2, 2])
        ctx.save_for_backward(x, pooled, index, mean, precision, weight)
        scale = weight * precision
        return torch.addcmul(_each(bias - mean * scale), pooled, _each(scale))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """With g the gradient scattered to the maxima, n values a channel and xhat = (x - mean) / sd:

        d bias = sum g,  d weight = sum g xhat,  d x = gamma / sd (g - d bias / n - xhat d weight / n).
        """
        x, pooled, index, mean, precision, weight = ctx.saved_tensors
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        d_bias = gradient.sum((0, 2, 3))
        d_weight = ((pooled - _each(mean)) * gradient).sum((0, 2, 3)) * precision
        scale = weight * precision
        per_value = scale / (x.numel() / x.shape[1])
        slope = -per_value * precision * d_weight
        d_x = torch.addcmul(_each(-per_value * d_bias - slope * mean), x, _each(slope))
        _rows(d_x).scatter_add_(1, _rows(index), _rows(gradient * _each(scale)))
        return d_x, d_weight, d_bias, None, None, None, None


def _each(channels: Tensor) -> Tensor:
    """(C,) -> (C, 1, 1), to go with (N, C, H, W)."""
    return channels[:, None, None]


def _rows(maps: Tensor) -> Tensor:
    """(N, C, H, W), channels last in memory -> (N, H W, C), a view."""
    return maps.permute(0, 2, 3, 1).flatten(1, 2)
