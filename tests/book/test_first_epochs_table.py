"""The table of the first epochs, from records made for the purpose."""

import json

import pandas as pd
from bs4 import BeautifulSoup

from exon.evaluation.first_epochs import authors_kl
from exon.runs import grid


def test_an_interval_stands_where_there_are_three_seeds(small_book):
    files = {}
    for run in grid.select("first_epochs"):
        e = run.experiment
        if e.beta == 1.0 or e.seed > (6 if e.beta == 0.1 else 5):
            continue
        record = {"experiment": e.model_dump(mode="json"), "metrics": {}, "provenance": {}}
        history = pd.DataFrame({"epoch": [1, 2, 3], "test_kl_latent": [1.0, 2.0, 10.0 + e.seed]})
        for k in range(10):
            history[f"test_center_distance_{k}"] = [9.0, 9.0, 9.0 if k else 0.1]
        files[f"{run.folder}/run.json"] = json.dumps(record)
        files[f"{run.folder}/history.csv"] = history.to_csv(index=False)
    html, warnings = small_book("```{first-epochs} first_epochs\n```", files=files)
    assert warnings == ""
    rows = [
        [cell.text.strip() for cell in row.select("td")]
        for row in BeautifulSoup(html, "html.parser").select("tbody tr")
    ]
    assert [row[:4] for row in rows] == [
        ["0.1", "15.00 ± 1.00", f"{authors_kl(0.1)[3]:.2f}", "yes"],
        ["0.25", "14.50 ± 0.71", f"{authors_kl(0.25)[3]:.2f}", "–"],
    ]
    assert rows[0][4] == "10.03 to 19.97"
    assert rows[1][4] == "–"
    assert [row[5:] for row in rows] == [["3", "10.0", "9.0", "90", "3"], ["2", "10.0", "9.0", "90", "2"]]
