"""The table of controls."""

import json
from pathlib import Path

from bs4 import BeautifulSoup

PAGE = "```{controls} beta/beta-5_seed-? controls\n```"
RUN = Path("results/cpu/mnist/beta-5_seed-1/run.json")


def test_runs_stand_in_the_row_of_their_kind_and_dashes_where_none_is(small_book):
    def content(error, **settings):
        run = json.loads(RUN.read_text())
        run.pop("sha256", None)
        run["experiment"] |= settings
        run["metrics"] = {"test_error_pct": error} | ({} if settings.get("use_elbo") is False else {"purity_pct": 80.0})
        return json.dumps(run)

    files = {
        "results/cpu/mnist/beta-5_seed-1/run.json": content(4.0),
        "results/cpu/ablation/one-center_seed-1/run.json": content(5.0, prior="single"),
        "results/cpu/ablation/one-center_seed-2/run.json": content(7.0, prior="single", seed=2),
        "results/cpu/ablation/supervised-only_seed-1/run.json": content(20.0, use_elbo=False, use_sci=False),
    }
    html, warnings = small_book(PAGE, files=files)
    assert warnings == ""
    rows = [
        [cell.text.strip() for cell in row.select("td")]
        for row in BeautifulSoup(html, "html.parser").select("tbody tr")
    ]
    assert rows == [
        ["full model", "1", "4.00", "80.0", "–", "–"],
        ["one center for all labels", "2", "5.00 and 7.00", "80.0", "–", "–"],
        ["classifier alone", "0", "–", "–", "–", "–"],
        ["supervised only", "1", "20.00", "–", "–", "–"],
    ]
