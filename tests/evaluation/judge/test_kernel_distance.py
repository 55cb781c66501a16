import pytest
import torch

from exon.errors import UserError
from exon.evaluation.judge.kernel_distance import kernel_distance, kernel_distance_of_pairs, squared_mmd


def normal(n, features=6, seed=0, shift=0.0):
    return torch.randn(n, features, generator=torch.Generator().manual_seed(seed)) + shift


def test_it_is_the_sum_over_pairs():
    x, y = normal(5), normal(4, seed=1, shift=0.5)

    def kernel(a, b):
        return (torch.dot(a.double(), b.double()).item() / 6 + 1) ** 3

    within_x = [kernel(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j]
    within_y = [kernel(a, b) for i, a in enumerate(y) for j, b in enumerate(y) if i != j]
    between = [kernel(a, b) for a in x for b in y]
    expected = sum(within_x) / 20 + sum(within_y) / 12 - 2 * sum(between) / 20
    assert squared_mmd(x, y) == pytest.approx(expected)


def test_its_mean_is_the_distance_of_the_two_distributions():
    """For x ~ N(0, 1) and y ~ N(1, 1), F = 1: E(x x' + 1)^3 = 1 + 3 E x^2 E x'^2 = 4, E(y y' + 1)^3 = 1 + 3 + 12 + 16 = 32,
    E(x y + 1)^3 = 1 + 3 E x^2 E y^2 = 7, and 4 + 32 - 14 = 22.
    """
    values = torch.tensor([squared_mmd(normal(40, 1, seed), normal(40, 1, 5000 + seed, 1.0)) for seed in range(2000)])
    error = values.std().item() / len(values) ** 0.5
    assert values.mean().item() == pytest.approx(22, abs=4 * error)
    assert error < 0.5


def test_two_samples_of_one_distribution_are_at_distance_0_within_the_standard_error():
    generator = torch.Generator().manual_seed(2)
    z = []
    for seed in range(200):
        mean, error = kernel_distance(normal(400, 6, seed), normal(500, 6, 5000 + seed), generator, size=20)
        z.append(mean / error)
    z = torch.tensor(z)
    assert abs(z.mean().item()) < 4 / 200**0.5
    assert z.std().item() == pytest.approx(1, abs=0.25)


def test_a_set_is_at_distance_0_of_itself_on_average_where_no_row_meets_itself():
    generator = torch.Generator().manual_seed(4)
    sets = [normal(60, 6, seed) for seed in range(300)]

    def z(distance):
        values = torch.tensor([distance(x, x, generator, size=15)[0] for x in sets])
        return (values.mean() / values.std() * len(values) ** 0.5).item()

    assert abs(z(kernel_distance_of_pairs)) < 4
    assert z(kernel_distance) < -10


def test_small_sets_are_halved_and_smaller_ones_refused():
    generator = torch.Generator().manual_seed(3)
    mean, error = kernel_distance(normal(6), normal(9, seed=1, shift=3.0), generator)
    assert mean > 0
    assert error > 0
    with pytest.raises(UserError, match="3 images are too few for a kernel distance: give at least 4"):
        kernel_distance(normal(3), normal(9), generator)
