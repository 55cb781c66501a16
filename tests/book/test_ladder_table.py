"""The ladder's table, from records made for the purpose."""

import json

from bs4 import BeautifulSoup

from exon.runs import grid


def test_each_rung_is_held_against_the_last_one_that_was_kept(small_book):
    numbers = {"beta-0.05_seed-1": 30.0, "1_width": 31.0, "2_linear-rate": 29.0}
    files = {}
    for run in grid.select("cifar10/beta-0.05_seed-1 cifar10_ladder"):
        if run.name in numbers:
            metrics = {"validation_error_pct": numbers[run.name], "test_error_pct": 31.0, "recon": 60.0}
            content = {"experiment": run.experiment.model_dump(mode="json"), "metrics": metrics, "provenance": {}}
            files[f"{run.folder}/run.json"] = json.dumps(content)
    html, warnings = small_book("```{ladder} cifar10/beta-0.05_seed-1 cifar10_ladder\n```", files=files)
    assert warnings == ""
    rows = [
        [cell.text.strip() for cell in row.select("td")]
        for row in BeautifulSoup(html, "html.parser").select("tbody tr")
    ]
    assert rows == [
        ["beta-0.05_seed-1", "yes", "30.00", "–", "31.00", "60.0", "12"],
        ["1_width: labelled_batch_size 16, width 0.25", "no", "31.00", "−1.00", "31.00", "60.0", "4"],
        ["2_linear-rate: learning_rate_schedule linear", "yes", "29.00", "+1.00", "31.00", "60.0", "12"],
    ]
