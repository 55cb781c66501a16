"""The explorers' linked controls: what a reader chooses changes the map, the numbers and the images together.

MNIST runs are made up, several seeds of them with random weights; the CIFAR-10 run is the stored one.
"""

import json
import re
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch

from exon import model
from exon.evaluation.latent import THRESHOLDS, cardinalities
from exon.runs import checkpoint, grid, record

sys.path.insert(0, "book/_ext")
from exon_book.explorer import cifar10, mnist
from exon_book.explorer.packing import write_script

pytestmark = pytest.mark.xdist_group("explorers")

VALIDATION = {(0.1, 1): 4.0, (0.1, 2): 3.5, (0.1, 3): 3.0, (1.0, 1): 3.0, (5.0, 1): 3.0, (5.0, 3): 4.0}
"""beta, seed -> validation error of the runs with weights: at beta 0.1 seed 2 has the median, at beta 5 seed 1 is the lowest."""

CIFAR10_RUN = Path("results/cpu/cifar10/beta-0.05_seed-1")


def make_up(run, root, weights=True):
    """A run's folder below root, as if it had been trained."""
    experiment, folder = run.experiment, root / run.folder
    generator = torch.Generator().manual_seed(experiment.seed + round(100 * experiment.beta))
    number = experiment.seed + experiment.beta
    metrics = {"test_error_pct": number, "placement_error_pct": number / 2, "v_nat": -number, "cardinality_mean": 2.0}
    if experiment.seed == 1:
        del metrics["placement_error_pct"]
    metrics["validation_error_pct"] = VALIDATION.get((experiment.beta, experiment.seed), 1.0)
    content = {"experiment": experiment.model_dump(mode="json"), "metrics": metrics, "provenance": {}}
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(content))
    arrays = {"z": 6 * torch.randn(300, 2, generator=generator), "labels": torch.arange(300).to(torch.uint8) % 10}
    safetensors.torch.save_file(arrays, folder / "arrays.safetensors")
    if weights:
        network = model.build("mnist", experiment.build_prior(), experiment.width, generator)
        (folder / "model.safetensors").write_bytes(checkpoint.as_safetensors(network.state_dict()))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Name -> content of the files of both explorers.

    Beside the runs above there are some of other splits, and one without weights.
    """
    root = tmp_path_factory.mktemp("runs")
    for run in grid.select(mnist.GRIDS):
        key = run.experiment.beta, run.experiment.seed
        if key in VALIDATION or key == (1.0, 2):
            make_up(run, root, weights=key in VALIDATION)
    with torch.no_grad():
        return dict([*mnist.files(root), *cifar10.files(Path.cwd())])


@pytest.fixture(scope="module")
def folder(files, tmp_path_factory):
    """The two explorers alone, without the book around them."""
    site = tmp_path_factory.mktemp("explorers")
    (site / "_static").symlink_to(Path("book/_static").resolve())
    (site / "book").mkdir()
    for name, content in files.items():
        write_script(site / "explorer", name, content)
    for name in ("explore", "explore-cifar10"):
        block = re.search(r"```\{raw\} html\n(.*?)```", Path(f"book/{name}.md").read_text(), re.DOTALL)[1]
        head = '<meta charset="utf-8"><link rel="icon" href="data:,">'
        (site / "book" / f"{name}.html").write_text(f'<!doctype html><html lang="en"><head>{head}</head>{block}</html>')
    return site


@pytest.fixture(params=["http", "file"])
def start(request, folder, serve, open_page):
    """Open an explorer, from a server and as a file; afterwards, that nothing went wrong."""
    base = serve(folder) if request.param == "http" else f"{folder.as_uri()}/"
    wrong = []

    def opened(path):
        page, *noted = open_page(f"book/{path}", base)
        wrong.extend(noted)
        page.wait_for_selector("[data-ready=true]")
        return page

    yield opened
    assert [*filter(None, wrong)] == []


def choose(page, beta=None, seed=None, shown=""):
    """Move the controls; wait until the run is there."""
    if beta is not None:
        page.locator("[data-part=beta]").fill(str(sorted({b for b, _ in VALIDATION}).index(beta)))
    if seed is not None:
        page.select_option("[data-part=seed]", str(seed))
    page.wait_for_selector(f"[data-part=origin]:has-text('{shown}')")


def view(page):
    """What is shown: the map, the image and the numbers."""
    drawn = "(name) => document.querySelector(`[data-part=${name}]`).toDataURL()"
    return page.evaluate(drawn, "map"), page.evaluate(drawn, "image"), page.inner_text("[data-part=metrics]")


def seeds(page):
    return page.locator("[data-part=seed] option").all_inner_texts()


def test_every_run_with_weights_is_offered_and_one_of_each_beta_is_its_median(files):
    entries = files["mnist"]["runs"]
    assert [(entry["beta"], entry["seed"]) for entry in entries] == list(VALIDATION)
    assert [(entry["beta"], entry["seed"]) for entry in entries if entry["median"]] == [(0.1, 2), (1.0, 1), (5.0, 1)]
    assert set(files) == {"mnist", "cifar10", *(entry["file"] for entry in entries)}


def test_map_numbers_and_image_follow_beta_and_seed(start):
    page = start("explore.html")
    shown = [view(page)]
    for beta, seed, median in ((0.1, None, 2), (0.1, 1, 1), (0.1, 3, 3), (5.0, 1, 1), (5.0, 3, 3)):
        choose(page, beta, seed, f"beta-{beta:g}_seed-{median}")
        shown.append(view(page))
        assert page.input_value("[data-part=seed]") == str(median)
        assert page.inner_text("[data-part=value]") == f"{beta:g}"
    assert all(len(set(part)) == len(shown) for part in zip(*shown, strict=True))


def test_the_numbers_are_those_of_the_record_and_a_dash_where_it_has_none(start):
    page = start("explore.html#beta=0.1")
    numbers = dict(zip(page.locator("dt").all_inner_texts(), page.locator("dd").all_inner_texts(), strict=True))
    assert numbers["test error"] == "2.10\u00a0%"
    assert numbers["placement error"] == "1.1\u00a0%"
    assert numbers["mean V-nat"] == "−2.10"
    assert numbers["center error"] == "–"
    choose(page, seed=1, shown="seed-1")
    assert page.locator("dd").all_inner_texts()[:3] == ["1.10\u00a0%", "–", "–"]
    assert page.inner_text("[data-part=scale]") == "profile cpu, 20 epochs, 100 labels"


def test_a_seed_that_was_chosen_is_kept_where_there_is_one(start):
    page = start("explore.html")
    assert seeds(page) == ["1"]
    assert page.locator("[data-part=seed]").is_disabled()
    assert page.inner_text("[data-part=reason]") == "no other seed's weights are stored"
    choose(page, 0.1, 3, "beta-0.1_seed-3")
    assert seeds(page) == ["1", "2 (median)", "3"]
    assert page.inner_text("[data-part=reason]") == ""
    choose(page, 1.0, shown="beta-1_seed-1")
    assert page.locator("[data-part=seed]").is_disabled()
    choose(page, 5.0, shown="beta-5_seed-3")
    assert seeds(page) == ["1 (median)", "3"]


def test_keys_move_both_controls(start):
    page = start("explore.html")
    page.focus("[data-part=beta]")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("[data-part=origin]:has-text('beta-5_seed-1')")
    page.focus("[data-part=seed]")
    page.keyboard.press("ArrowDown")
    page.wait_for_selector("[data-part=origin]:has-text('beta-5_seed-3')")
    assert page.evaluate("document.activeElement.dataset.part") == "seed"


def test_a_run_is_loaded_when_it_is_chosen(browser, folder):
    page = browser.new_page()
    loaded = []
    page.on("request", lambda request: loaded.append(request.url.rsplit("/", 1)[1]))
    page.goto(f"{folder.as_uri()}/book/explore.html")
    page.wait_for_selector("[data-ready=true]")
    choose(page, 0.1, shown="beta-0.1_seed-2")
    choose(page, 1.0, shown="beta-1_seed-1")
    assert [name for name in loaded if "mnist-" in name] == ["mnist-beta-1_seed-1.js", "mnist-beta-0.1_seed-2.js"]
    page.close()


def test_a_seed_that_could_not_be_loaded_can_be_tried_again(start):
    page = start("explore.html#beta=5")
    before = view(page)
    file = re.compile("mnist-beta-5_seed-3.js$")
    page.route(file, lambda route: route.fulfill(content_type="text/javascript", body="// damaged"))
    page.select_option("[data-part=seed]", "3")
    page.wait_for_selector("text=The file explorer/mnist-beta-5_seed-3.js is damaged")
    assert page.input_value("[data-part=seed]") == "1"
    assert view(page) == before
    page.unroute(file)
    page.click("text=Try again")
    page.wait_for_selector("[data-part=origin]:has-text('beta-5_seed-3')")
    assert page.input_value("[data-part=seed]") == "3"


def test_the_address_holds_the_view(start):
    page = start("explore.html#beta=5&seed=3&z1=3.5&z2=-7")
    assert page.inner_text("[data-part=status]").startswith("z = (3.5, -7.0)")
    page.focus("[data-part=map]")
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("location.hash === '#beta=5&seed=3&z1=3&z2=-7'")
    moved = view(page)
    page.evaluate("location.hash = '#beta=0.1&seed=1&z1=100&z2=0'")
    page.wait_for_selector("[data-part=origin]:has-text('beta-0.1_seed-1')")
    assert page.inner_text("[data-part=status]").startswith("z = (24.0, 0.0)")
    page.evaluate("location.hash = '#a-heading'")
    page.wait_for_timeout(400)
    assert page.evaluate("location.hash") == "#a-heading"
    assert "beta-0.1_seed-1" in page.inner_text("[data-part=origin]")
    assert view(start("explore.html#beta=5&seed=3&z1=3&z2=-7")) == moved


@pytest.mark.parametrize("fragment", ["", "#beta=7&seed=x&z1=a", "#a-heading"])
def test_an_address_that_names_no_view_leads_to_the_median_run_of_beta_1(start, fragment):
    page = start(f"explore.html{fragment}")
    assert "beta-1_seed-1" in page.inner_text("[data-part=origin]")
    assert page.inner_text("[data-part=status]").startswith("z = (12.")


def change(page):
    return float(page.inner_text("[data-part=status]").rsplit(" ", 1)[1])


def test_the_activated_dimensions_follow_the_threshold(start):
    page = start("explore-cifar10.html#class=cat")
    v_nat = record.arrays(CIFAR10_RUN)["v_nat"]
    page.evaluate("() => { exonNetworks.decodeImage = () => { throw new Error('nothing has moved'); }; }")
    for delta, mean in cardinalities(v_nat).items():
        page.locator("[data-part=threshold]").fill(f"{delta:g}")
        active = v_nat[3].sort(descending=True).indices[: int((v_nat[3] > delta).sum())].tolist()
        assert page.inner_text("[data-part=value]") == f"{delta:.2f}"
        assert page.inner_text("[data-part=count]") == (
            f"cat: {len(active)} of 256 dimensions activated; mean over the classes {mean:.1f}"
        )
        assert page.text_content("[data-part=curve] text") == str(len(active))
        sliders = page.locator("[data-part=sliders] input")
        dimensions = [int(slider.get_attribute("data-dimension")) for slider in sliders.all()]
        assert dimensions == [*active[:3], *active[-2:]]
    assert list(cardinalities(v_nat)) == list(THRESHOLDS)


def test_the_image_follows_the_threshold_with_the_same_noise(start):
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
    assert re.search(r"noise on 199 dimensions outside", page.inner_text("[data-part=status]"))


def test_a_dimension_that_is_no_longer_activated_goes_back(start):
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
    page.wait_for_function("location.hash === '#class=ship&image=2&threshold=0.5'")
    original = "() => document.querySelector('[data-part=original]').toDataURL()"
    shown = page.evaluate(original), page.inner_text("[data-part=count]")
    again = start("explore-cifar10.html#class=ship&image=2&threshold=0.5")
    assert (again.evaluate(original), again.inner_text("[data-part=count]")) == shown
    again.evaluate("location.hash = '#class=nothing&image=-1&threshold=9'")
    again.wait_for_selector("[data-part=value]:has-text('2.00')")
    assert again.inner_text("[data-part=count]").startswith("ship: ")
