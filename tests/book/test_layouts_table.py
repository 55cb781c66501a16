"""The table of layouts, from records made for the purpose."""

import json

from bs4 import BeautifulSoup

from exon.runs import grid


def test_a_layout_stands_in_a_row_with_dashes_for_what_only_another_order_has(small_book):
    runs = {run.experiment.prior: run for run in grid.select("layouts") if run.experiment.order is None}
    metrics = {"test_error_pct": 4.0, "purity_pct": 80.0, "placement_error_pct": 0.25, "center_error_pct": 15.0}
    files = {
        f"{runs[name].folder}/run.json": json.dumps(
            {"experiment": runs[name].experiment.model_dump(mode="json"), "metrics": metrics, "provenance": {}}
        )
        for name in ("circle", "grid")
    }
    html, warnings = small_book("```{layouts} layouts\n```", files=files)
    assert warnings == ""
    rows = [
        [cell.text.strip() for cell in row.select("td")]
        for row in BeautifulSoup(html, "html.parser").select("tbody tr")
    ]
    numbers = ["–", "–", "4.00", "80.0", "0.25", "15.0", "–"]
    assert rows == [["circle", *numbers], ["two rows", *numbers]]
