"""The page "Explore" in a real browser: what it computes is what PyTorch computes, and every control works."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from exon.model import evaluating
from exon.runs import checkpoint, record

RUN = Path("results/cpu/mnist/beta-1_seed-1")
IN_BROWSER = """async ([name, points]) => {
    const { runs } = await exonFiles.load("mnist");
    const run = await exonFiles.load(runs.find((entry) => entry.run === name).file, exonNetworks.mnist);
    const images = points.map((z) => exonNetworks.decode(run, z));
    return {
        images: images.map((image) => [...image]),
        probabilities: images.map((image) => [...exonNetworks.classify(run, image)]),
        codes: [...run.codes], labels: [...run.labels],
    };
}"""


def data_file(name):
    """The address of a file that an explorer loads, as a pattern."""
    return re.compile(rf"(?<!_static)/explorer/{re.escape(name)}\.js$")


def opened(visit, path, root, base):
    """The page once its explorer is ready; afterwards, that nothing went wrong and no outside host was asked."""
    page, errors, outside = visit(path, base=base)
    page.wait_for_selector(f"{root}[data-ready=true]")
    yield page
    assert errors == []
    assert outside == []


@pytest.fixture
def explorer(visit, home):
    yield from opened(visit, "book/explore.html", "#explorer", home)


def status(page):
    """(z1, z2, label, percent), as the page says them."""
    text = page.inner_text("[data-part=status]").replace("−", "-")
    found = re.fullmatch(r"z = \((-?[\d.]+), (-?[\d.]+)\): the classifier says (\d), (\d+) %", text)
    return float(found[1]), float(found[2]), int(found[3]), int(found[4])


def test_the_browser_computes_what_pytorch_computes(explorer):
    points = (torch.rand(40, 2, generator=torch.Generator().manual_seed(0)) - 0.5) * 48
    result = explorer.evaluate(IN_BROWSER, [RUN.relative_to("results").as_posix(), points.tolist()])
    model = checkpoint.load_weights(record.experiment_of(RUN), RUN / "model.safetensors")
    with torch.no_grad(), evaluating(model):
        images = model.decode(points)
        probabilities = model.classifier(images).softmax(1)
    assert np.abs(np.array(result["images"]) - images.flatten(1).numpy()).max() < 1e-3
    assert np.abs(np.array(result["probabilities"]) - probabilities.numpy()).max() < 5e-3
    arrays = record.arrays(RUN)
    count = len(result["labels"])
    assert result["labels"] == arrays["labels"][:count].tolist()
    codes = np.array(result["codes"]).reshape(-1, 2)
    np.testing.assert_allclose(codes, arrays["z"][:count].float().numpy(), atol=2e-3)


def test_the_center_of_a_label_shows_its_digit(explorer):
    z1, z2, label, _ = status(explorer)
    center = record.experiment_of(RUN).build_prior().means[0].tolist()
    assert (z1, z2) == pytest.approx(center, abs=0.06)
    assert label == 0
    pixels = explorer.evaluate(
        "() => [...document.querySelector('[data-part=image]').getContext('2d').getImageData(0, 0, 28, 28).data]"
    )
    model = checkpoint.load_weights(record.experiment_of(RUN), RUN / "model.safetensors")
    with torch.no_grad():
        image = model.decode(torch.tensor([center]))
    shown = np.array(pixels).reshape(28, 28, 4)
    np.testing.assert_allclose(shown[..., 0], ((image[0, 0] + 1) * 127.5).numpy(), atol=1)
    assert (shown[..., 3] == 255).all()


def test_arrow_keys_move_the_point(explorer):
    before = status(explorer)
    explorer.focus("[data-part=map]")
    explorer.keyboard.press("ArrowLeft")
    explorer.keyboard.press("Shift+ArrowUp")
    after = status(explorer)
    assert (after[0] - before[0], after[1] - before[1]) == pytest.approx((-0.5, 2.0), abs=0.11)
    for _ in range(60):
        explorer.keyboard.press("Shift+ArrowLeft")
    assert status(explorer)[0] == -24


def test_the_mouse_moves_the_point(explorer):
    box = explorer.locator("[data-part=map]").bounding_box()
    before = status(explorer)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] * 3 / 4
    explorer.mouse.move(x, y)
    assert status(explorer) == before
    explorer.mouse.down()
    assert status(explorer)[:2] == pytest.approx((0, -12), abs=0.3)
    explorer.mouse.move(x, y - box["height"] / 2)
    assert status(explorer)[:2] == pytest.approx((0, 12), abs=0.3)
    explorer.mouse.up()
    explorer.mouse.move(x, y)
    assert status(explorer)[:2] == pytest.approx((0, 12), abs=0.3)


def test_the_slider_changes_the_run(explorer):
    betas = explorer.evaluate("async () => (await exonFiles.load('mnist')).runs.map((entry) => entry.beta)")
    assert betas == sorted(betas)
    betas = sorted(set(betas))
    image = "() => document.querySelector('[data-part=image]').toDataURL()"
    first = explorer.evaluate(image)
    explorer.locator("[data-part=beta]").fill(str(len(betas) - 1))
    explorer.wait_for_function(
        f"document.querySelector('[data-part=origin]').textContent.includes('beta-{betas[-1]:g}_')"
    )
    assert explorer.inner_text("[data-part=value]") == f"{betas[-1]:g}"
    assert explorer.evaluate(image) != first


def test_the_run_that_is_shown_leads_to_its_record(explorer):
    name = explorer.inner_text("[data-part=origin]")
    explorer.click("[data-part=origin]")
    explorer.wait_for_selector("table.runs tr:target")
    assert name.endswith(f"mnist/{explorer.inner_text('table.runs tr:target td:first-child')}")


def test_play_walks_from_center_to_center(explorer):
    explorer.select_option("[data-part=from]", "2")
    explorer.select_option("[data-part=to]", "7")
    explorer.click("[data-part=play]")
    centers = record.experiment_of(RUN).build_prior().means
    end = ", ".join(f"{round(v, 1) + 0.0:.1f}".replace("-", "−") for v in centers[7].tolist())
    explorer.wait_for_function(
        f"document.querySelector('[data-part=status]').textContent.startsWith('z = ({end})')",
        timeout=15_000,
    )
    assert status(explorer)[2] == 7


def test_a_finger_moves_the_point_on_a_phone(browser, address):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(address + "book/explore.html", wait_until="networkidle")
    page.wait_for_selector("#explorer[data-ready=true]")
    page.locator("[data-part=map]").scroll_into_view_if_needed()
    box = page.locator("[data-part=map]").bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    assert status(page)[:2] == pytest.approx((-12, 0), abs=0.5)
    context.close()


@pytest.mark.parametrize(("name", "root"), [("explore", "#explorer"), ("explore-cifar10", "#explorer-cifar10")])
def test_what_the_page_adds_to_the_theme_is_less_than_two_megabytes(browser, address, name, root):
    page = browser.new_page()
    sizes = []

    def note(response):
        if any(part in response.url for part in ("/explorer/", "/_images/", f"{name}.html")):
            sizes.append(len(response.body()))

    page.on("response", note)
    page.goto(address + f"book/{name}.html", wait_until="networkidle")
    page.wait_for_selector(f"{root}[data-ready=true]")
    assert 0.5e6 < sum(sizes) < 2e6
    page.close()


def test_without_javascript_there_is_a_figure_and_a_sentence(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address + "book/explore.html")
    assert "needs JavaScript" in page.inner_text("#explorer")
    assert page.locator("article figure img").first.is_visible()
    context.close()


@pytest.mark.parametrize(("page_name", "file"), [("explore", "mnist"), ("explore-cifar10", "cifar10")])
def test_an_explorer_that_could_not_start_can_be_tried_again(browser, home, page_name, file):
    page = browser.new_page()
    page.route(data_file(file), lambda route: route.abort())
    page.goto(f"{home}book/{page_name}.html", wait_until="networkidle")
    message = page.locator("[data-part=loading]")
    assert message.inner_text().startswith(f"The file explorer/{file}.js cannot be loaded.")
    assert page.eval_on_selector("[data-part=controls]", "one => one.disabled")
    page.unroute(data_file(file))
    page.click("text=Try again")
    page.wait_for_selector("[data-ready=true]")
    assert message.is_hidden()
    assert not page.eval_on_selector("[data-part=controls]", "one => one.disabled")
    page.close()


def test_a_run_that_could_not_be_loaded_can_be_tried_again(explorer):
    """Until it is loaded the slider says which run is shown."""
    file = re.compile(r"(?<!_static)/explorer/mnist-beta-50_seed-\d\.js$")
    explorer.route(file, lambda route: route.fulfill(content_type="text/javascript", body="// damaged"))
    slider = explorer.locator("[data-part=beta]")
    last = slider.get_attribute("max")
    slider.fill(last)
    explorer.wait_for_selector("text=/The file explorer.mnist-beta-50_seed-\\d.js is damaged/")
    assert explorer.inner_text("[data-part=value]") == "1"
    assert slider.input_value() != last
    explorer.unroute(file)
    explorer.click("text=Try again")
    explorer.wait_for_function("document.querySelector('[data-part=origin]').textContent.includes('beta-50_')")
    assert (explorer.inner_text("[data-part=value]"), slider.input_value()) == ("50", last)
    assert explorer.locator("[data-part=loading]").is_hidden()


CIFAR10_RUN = Path("results/day/cifar10/beta-0.05_seed-1")
IMAGES_IN_BROWSER = """async () => {
    const [{ file }] = (await exonFiles.load("cifar10")).runs;
    const run = await exonFiles.load(file);
    const codes = [0, 7, 39].map((i) => run.codes.slice(i * run.dimensions, (i + 1) * run.dimensions));
    return { codes: codes.map((z) => [...z]), images: codes.map((z) => [...exonNetworks.decodeImage(run.decoder, z)]) };
}"""


@pytest.fixture
def sheet(visit, home):
    yield from opened(visit, "book/explore-cifar10.html", "#explorer-cifar10", home)


def test_the_browser_decodes_images_as_pytorch_does(sheet):
    result = sheet.evaluate(IMAGES_IN_BROWSER)
    stored = record.arrays(CIFAR10_RUN)
    codes = stored["codes"][[0, 7, 39]].float()
    np.testing.assert_array_equal(np.array(result["codes"], dtype=np.float32), codes.numpy())
    model = checkpoint.load_weights(record.experiment_of(CIFAR10_RUN), CIFAR10_RUN / "model.safetensors")
    with torch.no_grad():
        images = model.decode(codes)
    assert np.abs(np.array(result["images"]) - images.flatten(1).numpy()).max() < 1e-3


def test_noise_inside_the_subspace_moves_the_image_more_than_outside(sheet, change):
    assert change(sheet) == 0
    inside, outside = [], []
    for _ in range(5):
        sheet.click("[data-part=inside]")
        inside.append(change(sheet))
        sheet.click("[data-part=outside]")
        outside.append(change(sheet))
    assert min(inside) > max(outside) > 0
    sheet.click("[data-part=reset]")
    assert change(sheet) == 0


def test_a_slider_moves_one_dimension(sheet, change):
    slider = sheet.locator("[data-part=sliders] input").first
    slider.focus()
    sheet.keyboard.press("End")
    top = record.arrays(CIFAR10_RUN)["v_nat"][0].argmax().item()
    assert f", dimension {top} at 4.00: mean" in sheet.inner_text("[data-part=status]")
    assert sheet.locator("[data-part=sliders] label").first.inner_text().endswith(": 4.00")
    assert change(sheet) > 0


def test_what_did_not_move_is_not_decoded_again(sheet):
    """One image to decode where a slider moves or noise is drawn, and for a new image its code alone."""
    sheet.evaluate("""() => {
        const { decodeImage } = exonNetworks;
        window.decoded = 0;
        exonNetworks.decodeImage = (...given) => { window.decoded++; return decodeImage(...given); };
    }""")
    sheet.locator("[data-part=sliders] input").first.focus()
    for press, times in (("ArrowRight", 3), ("Home", 1)):
        for _ in range(times):
            sheet.keyboard.press(press)
    assert sheet.evaluate("decoded") == 4
    for button, count in (("inside", 5), ("reset", 5), ("next", 6)):
        sheet.click(f"[data-part={button}]")
        assert sheet.evaluate("decoded") == count, button


def test_every_class_and_image_can_be_chosen(sheet):
    original = "() => document.querySelector('[data-part=original]').toDataURL()"
    seen = set()
    for label in range(10):
        sheet.select_option("[data-part=class]", str(label))
        for _ in range(4):
            seen.add(sheet.evaluate(original))
            sheet.click("[data-part=next]")
    assert len(seen) == 40
