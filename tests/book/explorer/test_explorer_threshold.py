"""The V-nat threshold of both explorers: which dimensions are activated, and what follows from it on the page."""

from pathlib import Path

import pytest
import torch

from exon.evaluation.latent import THRESHOLDS, cardinalities
from exon.runs import record

pytestmark = pytest.mark.xdist_group("explorers")

MAP = "document.querySelector('[data-part=map]').toDataURL()"
CIFAR10_RUN = Path("results/day/cifar10/beta-0.05_seed-1")


def along(page):
    """What is said of the two dimensions, how they are marked, and the images."""
    rows = page.locator(".explorer-along figure")
    drawn = "rows => rows.map(row => [row.className, row.querySelector('canvas').toDataURL()])"
    return rows.locator("figcaption").all_inner_texts(), *zip(*rows.evaluate_all(drawn), strict=True)


def test_the_threshold_decides_which_dimensions_are_activated(start):
    page = start("explore.html#beta=1&seed=1&z1=-12&z2=-4&threshold=2")  # V-nat of label 5 is (6 / 2, 7 / 2)
    assert page.inner_text("[data-part=nearest]") == "The nearest center is that of 5."
    before, map_before = along(page), page.evaluate(MAP)
    assert before[0] == [
        "Label 5, z₁: V-nat 3.0, activated. Images from −4 to 4 around the point.",
        "Label 5, z₂: V-nat 3.5, activated. Images from −4 to 4 around the point.",
    ]
    assert before[1] == ("active", "active")
    page.fill("[data-part=threshold]", "3")
    after = along(page)
    assert [text.split(".")[1][3:] for text in after[0]] == ["not activated", "activated"]
    assert after[1] == ("", "active")
    assert after[2] == before[2]
    assert page.evaluate(MAP) != map_before
    page.wait_for_function("location.hash.endsWith('threshold=3')")


def test_the_images_along_a_dimension_are_those_of_points_beside_it(start):
    page = start("explore.html#beta=1&seed=1&z1=0&z2=0")
    pixels = (
        """([name, left]) => [...document.querySelector(name).getContext("2d").getImageData(left, 0, 28, 28).data]"""
    )
    end = page.evaluate(pixels, ["[data-dimension='2'] canvas", 6 * 28])
    page.focus("[data-part=map]")
    for _ in range(2):
        page.keyboard.press("Shift+ArrowUp")
    assert page.inner_text("[data-part=status]").startswith("z = (0.0, 4.0)")
    assert page.evaluate(pixels, ["[data-part=image]", 0]) == end


def test_a_run_whose_record_has_no_v_nat_activates_nothing(start):
    page = start("explore.html#beta=5&seed=3")
    texts, names, _ = along(page)
    assert [text.split(".")[0] for text in texts] == ["Label 0, z₁: V-nat –", "Label 0, z₂: V-nat –"]
    assert not any("activated" in text for text in texts)
    assert names == ("", "")


def test_the_activated_dimensions_follow_the_threshold(start):
    page = start("explore-cifar10.html#class=cat")
    v_nat = record.arrays(CIFAR10_RUN)["v_nat"]
    page.evaluate("() => { exonNetworks.decodeImage = () => { throw new Error('nothing has moved'); }; }")
    for delta, mean in cardinalities(v_nat).items():
        page.locator("[data-part=threshold]").fill(f"{delta:g}")
        active = v_nat[3].sort(descending=True).indices[: int((v_nat[3] > delta).sum())].tolist()
        assert page.inner_text("[data-part=delta]") == f"{delta:.2f}"
        assert page.inner_text("[data-part=count]") == (
            f"cat: {len(active)} of 256 dimensions activated; mean over the classes {mean:.1f}"
        )
        assert page.text_content("[data-part=curve] text") == str(len(active))
        sliders = page.locator("[data-part=sliders] input")
        dimensions = [int(slider.get_attribute("data-dimension")) for slider in sliders.all()]
        assert dimensions == [*active[:3], *active[-2:]]
    assert list(cardinalities(v_nat)) == list(THRESHOLDS)


def test_the_image_follows_the_threshold_with_the_same_noise(start, change):
    page = start("explore-cifar10.html#class=cat")
    v_nat = record.arrays(CIFAR10_RUN)["v_nat"][3]
    page.evaluate("""() => {
        const { decodeImage } = exonNetworks;
        window.codes = [];
        exonNetworks.decodeImage = (decoder, z) => { window.codes.push([...z]); return decodeImage(decoder, z); };
    }""")
    for side in ("inside", "outside"):
        page.evaluate("() => { window.codes.length = 0; }")
        page.click("[data-part=next]")
        changes = []
        for delta in ("0.25", "2", "0.25"):
            page.locator("[data-part=threshold]").fill(delta)
            if not changes:
                page.click(f"[data-part={side}]")
            changes.append(change(page))
        assert changes[0] == changes[2] > 0
        code, low, high, again = torch.tensor(page.evaluate("window.codes"), dtype=torch.float64)
        noise = torch.where(low == code, high, low) - code
        for delta, z in ((0.25, low), (2, high), (0.25, again)):
            moved = (v_nat > delta) == (side == "inside")
            assert bool(noise[moved].all())
            torch.testing.assert_close(z, torch.where(moved, code + noise, code))
    page.locator("[data-part=threshold]").fill("2")
    outside = int((v_nat <= 2).sum())
    assert f"noise on {outside} dimensions outside" in page.inner_text("[data-part=status]")


def test_a_dimension_that_is_no_longer_activated_goes_back(start, change):
    page = start("explore-cifar10.html#threshold=0.25")
    page.locator("[data-part=sliders] input").last.fill("4")
    assert change(page) > 0
    page.locator("[data-part=threshold]").fill("2")
    assert change(page) == 0
    page.locator("[data-part=sliders] input").first.fill("4")
    moved = change(page)
    page.locator("[data-part=threshold]").fill("0.25")
    assert change(page) == moved > 0


def test_the_address_holds_class_image_and_threshold(start):
    page = start("explore-cifar10.html")
    page.select_option("[data-part=class]", label="ship")
    page.click("[data-part=next]")
    page.locator("[data-part=threshold]").fill("0.5")
    page.wait_for_function("location.hash === '#beta=0.05&seed=1&class=ship&image=2&threshold=0.5'")
    original = "() => document.querySelector('[data-part=original]').toDataURL()"
    shown = page.evaluate(original), page.inner_text("[data-part=count]")
    again = start("explore-cifar10.html#class=ship&image=2&threshold=0.5")
    assert (again.evaluate(original), again.inner_text("[data-part=count]")) == shown
    again.evaluate("location.hash = '#class=nothing&image=-1&threshold=9'")
    again.wait_for_selector("[data-part=delta]:has-text('2.00')")
    assert again.inner_text("[data-part=count]").startswith("ship: ")
