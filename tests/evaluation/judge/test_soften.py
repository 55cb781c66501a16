import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from exon.evaluation.judge import soften


def images(n=4, seed=0):
    return torch.rand(n, 3, 32, 32, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@given(st.sampled_from([*map(soften.blur, soften.SIGMAS), *map(soften.resample, soften.SIZES)]), st.floats(-1, 1))
def test_a_plain_image_stays_as_it_is(matrix, level):
    plain = torch.full((1, 3, 32, 32), level)
    torch.testing.assert_close(soften.apply(plain, matrix), plain)


def test_blur_is_scipys_away_from_the_edge():
    x = images()
    expected = torch.from_numpy(ndimage.gaussian_filter(x.numpy(), (0, 0, 1.5, 1.5), truncate=6))
    blurred = soften.apply(x, soften.blur(1.5))
    torch.testing.assert_close(blurred[..., 10:22, 10:22], expected[..., 10:22, 10:22], rtol=1e-4, atol=1e-4)


def test_resampling_is_interpolation_down_and_up():
    x = images()
    down = F.interpolate(x, size=(12, 12), mode="bilinear", antialias=True)
    torch.testing.assert_close(
        soften.apply(x, soften.resample(12)), F.interpolate(down, size=(32, 32), mode="bilinear")
    )


def test_the_share_of_images_is_softened_each_by_a_matrix_of_its_own(device):
    x = images(400).to(device)
    torch.manual_seed(1)
    softened = soften.at_random(x, 0.25)
    assert softened.device == x.device
    x, softened = x.cpu(), softened.cpu()
    alike = (softened - x).abs().flatten(1).amax(1) < 1e-6
    assert 0.65 < alike.float().mean() < 0.85
    candidates = torch.stack([soften.apply(x[~alike], m) for m in soften.matrices(torch.device("cpu"))[1:]])
    distance = (candidates - softened[~alike]).abs().flatten(2).amax(2)
    assert (distance.amin(0) < 1e-5).all()
    assert len(distance.argmin(0).unique()) == len(candidates)


def test_no_share_leaves_every_image(device):
    x = images().to(device)
    assert torch.allclose(soften.at_random(x, 0.0).cpu(), x.cpu())
