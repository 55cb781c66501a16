"""The run that is chosen by beta and seed: map, numbers and images follow it."""

import re

import pytest

pytestmark = pytest.mark.xdist_group("explorers")

SEEDS = {0.1: [1, 2, 3], 1.0: [1], 5.0: [1, 3]}
"""beta -> the seeds of the runs that are made up with weights."""
BETAS = list(SEEDS)


def choose(page, beta=None, seed=None, shown=""):
    """Move the controls; wait until the run is there."""
    if beta is not None:
        page.locator("[data-part=beta]").fill(str(BETAS.index(beta)))
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
    assert [(entry["beta"], entry["seed"]) for entry in entries] == [
        (beta, seed) for beta, seeds in SEEDS.items() for seed in seeds
    ]
    assert [(entry["beta"], entry["seed"]) for entry in entries if entry["median"]] == [(0.1, 2), (1.0, 1), (5.0, 1)]
    others = {"cifar10", "cifar10-beta-0.05_seed-1", "cifar10-beta-0.1_seed-1"}
    assert set(files) == {"mnist", *(entry["file"] for entry in entries), *others}


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
    assert seeds(page) == ["1", "3"]


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
    assert page.inner_text("[data-part=status]").startswith("z = (3.5, −7.0)")
    page.focus("[data-part=map]")
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("location.hash === '#beta=5&seed=3&z1=3&z2=-7&threshold=1'")
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


def sheet(page):
    """What is shown of CIFAR-10: the decoded image, how many dimensions are activated, and the run."""
    decoded = page.evaluate("document.querySelector('[data-part=decoded]').toDataURL()")
    return decoded, page.inner_text("[data-part=count]"), page.inner_text("[data-part=origin]")


def test_images_and_subspace_follow_the_run_of_cifar10(start):
    page = start("explore-cifar10.html#class=ship&image=2&threshold=0.5")
    before = sheet(page)
    assert before[2].endswith("beta-0.05_seed-1")
    original = page.evaluate("document.querySelector('[data-part=original]').toDataURL()")
    page.locator("[data-part=beta]").fill("1")
    page.wait_for_selector("[data-part=origin]:has-text('beta-0.1_seed-1')")
    assert page.inner_text("[data-part=value]") == "0.1"
    after = sheet(page)
    assert all(a != b for a, b in zip(after, before, strict=True))
    assert page.evaluate("document.querySelector('[data-part=original]').toDataURL()") == original
    address = "#beta=0.1&seed=1&class=ship&image=2&threshold=0.5"
    page.wait_for_function(f"location.hash === '{address}'")
    assert sheet(start(f"explore-cifar10.html{address}")) == after
    page.evaluate("location.hash = '#beta=0.05&seed=1&class=ship&image=2&threshold=0.5'")
    page.wait_for_selector("[data-part=origin]:has-text('beta-0.05_seed-1')")
    assert sheet(page) == before
