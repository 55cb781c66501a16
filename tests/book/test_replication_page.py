import json
from dataclasses import asdict, replace

import pytest
import replicated
from bs4 import BeautifulSoup
from exon_book.replication import PARTS
from replicated import GRID, SEEDS

from exon.evaluation import replication
from exon.evaluation.claims import CLAIMS
from exon.evaluation.comparison import sentences
from exon.evaluation.primary import TERMS
from exon.runs import grid

EXAMPLE, OWN = "results/replication/ablation.json", "results/own/replication/ablation.json"
METRICS = ("test_error_pct", "recon", "kl", "kl_latent")
PAGE = "\n\n".join(f"```{{replication}} {part}\n```" for part in PARTS)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """A comparison of new runs in which cross-entropy raises the test error."""
    root = tmp_path_factory.mktemp("found")

    def changed(_, metrics):
        return {name: metrics[name] for name in METRICS} | {"test_error_pct": 100 - metrics["test_error_pct"]}

    replicated.write(root, changed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replication, "CLAIMS", {name: CLAIMS[name] for name in ("ce-lowers-error", "kl-raises-recon")})
        return replication.compare(GRID, grid.Asked(seeds=list(SEEDS), root=root))


def text(comparison):
    return json.dumps(asdict(comparison))


def tables(html):
    """Each table as its heads and its rows, as text with plain signs."""
    soup = BeautifulSoup(html, "html.parser")
    parts = [[element.select("tr") for element in table.select("thead, tbody")] for table in soup.select("table")]
    cells = [
        [
            [[c.text.strip().replace("−", "-").replace("\u00a0", " ") for c in row.select("th, td")] for row in p]
            for p in t
        ]
        for t in parts
    ]
    return [(heads[0], rows) for heads, rows in cells]


def items_of(soup):
    """The items of the lists of what was found, with plain spaces."""
    return [item.text.strip().replace("\u00a0", " ") for item in soup.select("article ul.record li")]


def test_without_a_replication_the_page_says_how_to_make_one(small_book):
    html, warnings = small_book(PAGE)
    assert warnings == ""
    said = BeautifulSoup(html, "html.parser").article.text
    assert said.count("There is no replication yet: python -m exon replicate 'ablation/v2_*' --seeds") == len(PARTS)


def test_a_part_that_is_not_there_is_a_warning(small_book):
    _, warnings = small_book("```{replication} nothing\n```")
    assert "give runs, claims, effects, effects-table, outcomes, outcomes-table" in warnings


def test_a_replication_is_shown_in_sentences_tables_and_figures(small_book, tmp_path, found):
    html, warnings = small_book(PAGE, files={EXAMPLE: text(found)})
    assert warnings == ""
    soup = BeautifulSoup(html, "html.parser")
    assert items_of(soup) == sentences(found)
    assert "The grid ablation, kept with this book:" in soup.article.text
    claims, effects, outcomes = tables(html)

    heads, rows = claims
    assert heads == ["seeds 31, 32, 33", "stored runs", "claim"]
    assert [row[2] for row in rows] == [row["sentence"] for row in found.claims]
    number = found.claims[0]["new_numbers"]
    assert [row[:2] for row in rows] == [[f"does not hold ({number})", "holds"], ["holds", "holds"]]

    heads, rows = effects
    assert heads == ["outcome", "effect of", "stored", "seeds 31, 32, 33", "without zero", "as predicted"]
    assert len(rows) == len(TERMS)  # the test error is the one primary outcome
    stored = next(row for row in found.effects if row["outcome"] == "test_error_pct")
    effect, low, high = (stored[f"stored_{name}"] for name in ("effect", "low", "high"))
    assert rows[0] == [
        "test error (%)",
        "KL, cross-entropy on",
        f"{effect:+.1f} [{low:+.1f}, {high:+.1f}]",
        f"{-effect:+.1f} [{-high:+.1f}, {-low:+.1f}]",
        "opposite signs",
        "outside",
    ]

    heads, rows = outcomes
    assert heads == ["cell", "outcome", "stored (n)", "seeds 31, 32, 33 (n)", "predicted", "as predicted"]
    cell = found.cells[0]
    assert rows[0] == [
        "both",
        "test error (%)",
        f"{cell['stored_mean']:.1f} ± {cell['stored_sd']:.1f} ({cell['stored_n']})",
        f"{cell['new_mean']:.1f} ± {cell['new_sd']:.1f} (3)",
        f"[{cell['low']:.1f}, {cell['high']:.1f}]",
        "outside",
    ]
    assert [row[1] for row in rows] == 4 * ["test error (%)", "reconstruction", "KL (nats)"]

    images = soup.select("article img.wide")
    assert [image["alt"].partition(",")[0] for image in images] == [
        "Simple effects of cross-entropy and KL and their interaction on test error (% points)",
        "test error (%)",
    ]
    for image, name in zip(images, ("effects-0", "outcomes"), strict=True):
        assert "dark-light" in image["class"]
        assert "seeds 31, 32, 33" in image["alt"]
        drawn = (tmp_path / "html" / image["src"]).read_text()
        assert image["src"].endswith(f"replication-ablation-{name}.svg")
        assert drawn.startswith(("<?xml", "<svg"))


def test_ones_own_stands_beside_the_example(small_book, found):
    own = replace(found, seeds=[41, 42], finished=8)
    html, warnings = small_book(PAGE, files={EXAMPLE: text(found), OWN: text(own)})
    assert warnings == ""
    soup = BeautifulSoup(html, "html.parser")
    assert items_of(soup) == [*sentences(found), *sentences(own)]
    assert "The grid ablation, yours:" in soup.article.text
    claims, *others = tables(html)
    assert claims[0] == ["seeds 31, 32, 33", "yours: 41, 42", "stored runs", "claim"]
    assert [len(row) for row in claims[1]] == [4, 4]
    assert len(others) == 4
    for image in soup.select("article img"):
        assert "seeds 31, 32, 33" in image["alt"]
        assert "yours: 41, 42" in image["alt"]


def test_cells_without_values_are_dashes_and_left_out(small_book, found):
    nothing = dict.fromkeys(("new_effect", "new_low", "new_high", "agreement", "within"))
    effects = [row | nothing for row in found.effects]
    cells = [
        row | {"new_n": 0} if row["cell"] != "both" else row | {"low": None, "within": None} for row in found.cells
    ]
    partial = replace(found, effects=effects, cells=cells)
    html, warnings = small_book(PAGE, files={EXAMPLE: text(partial)})
    assert warnings == ""
    _, effects, outcomes = tables(html)
    assert {tuple(row[3:]) for row in effects[1]} == {("–", "–", "–")}
    assert [row[0] for row in outcomes[1]] == 3 * ["both"]
    assert {tuple(row[4:]) for row in outcomes[1]} == {("–", "–")}


def test_a_grid_without_effects_has_none(small_book, found):
    page = "```{replication} effects\n```\n\n```{replication} effects-table\n```"
    html, warnings = small_book(page, files={EXAMPLE: text(replace(found, effects=[]))})
    assert not BeautifulSoup(html, "html.parser").select("article img, article table")
    assert warnings == ""


def test_a_file_that_cannot_be_read_is_a_warning_and_the_other_is_shown(small_book, found):
    html, warnings = small_book("```{replication} runs\n```", files={EXAMPLE: text(found), OWN: '{"grid": 1}'})
    assert f"{OWN} holds no comparison that can be read" in warnings
    assert sentences(found)[0] in BeautifulSoup(html, "html.parser").article.text


BITS = """run,processor,family,model,capability,arithmetic,threads,sha256,test_error_pct
smoke,"AMD EPYC, Zen 1",23,1,AVX2,portable,2,aaaaaaaabb,89.34
smoke,Intel Xeon,6,85,AVX512,native,2,bbbb,90.0
smoke,"AMD EPYC, Zen 1",23,1,AVX2,native,1,cccc,88.0
quick,Intel Xeon,6,85,AVX512,portable,2,dddd,6.52
"""


def test_the_bits_of_a_run_stand_by_arithmetic_and_threads(small_book):
    html, warnings = small_book("```{bits} bits.csv\n```", files={"results/bits.csv": BITS})
    assert warnings == ""
    ((heads, rows),) = tables(html)
    assert heads[:4] == ["run", "processor", "family, model", "instructions"]
    assert rows == [
        ["quick", "Intel Xeon", "6, 85", "AVX512", "portable", "2", "dddd", "6.52"],
        ["smoke", "AMD EPYC, Zen 1", "23, 1", "AVX2", "native", "1", "cccc", "88.00"],
        ["smoke", "Intel Xeon", "6, 85", "AVX512", "native", "2", "bbbb", "90.00"],
        ["smoke", "AMD EPYC, Zen 1", "23, 1", "AVX2", "portable", "2", "aaaaaaaa", "89.34"],
    ]


def operations(digests):
    """The CSV of processor, arithmetic -> digests of four operations."""
    names = ('"linear 2 to 3, forward"', '"linear 2 to 3, backward to bias"', "exp", "sums")
    lines = [
        f"{processor},{arithmetic},2,{name},{digest}"
        for (processor, arithmetic), several in digests.items()
        for name, digest in zip(names, several, strict=True)
    ]
    return "\n".join(["processor,arithmetic,threads,operation,sha256", *lines]) + "\n"


def test_an_operation_with_other_bits_is_named_and_the_same_ones_are_counted(small_book):
    content = operations(
        {
            ("first", "portable"): "abcd",
            ("another", "portable"): "abcd",
            ("first", "native"): "abcd",
            ("another", "native"): "xyxd",
        }
    )
    html, warnings = small_book("```{operations} operations.csv\n```", files={"results/operations.csv": content})
    assert warnings == ""
    ((heads, rows),) = tables(html)
    assert heads == ["arithmetic", "threads", "processor", "beside", "same bits", "not the same"]
    assert rows == [
        ["native", "2", "another", "first", "1 of 4", "exp, linear 2 to 3"],
        ["portable", "2", "another", "first", "4 of 4", "–"],
    ]


def test_a_table_that_is_not_there_is_a_warning(small_book):
    _, warnings = small_book("```{bits} nothing.csv\n```\n\n```{operations} nowhere.csv\n```")
    for name in ("nothing.csv", "nowhere.csv"):
        assert f"there is no results/{name}" in warnings
