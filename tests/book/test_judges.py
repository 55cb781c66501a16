"""Numbers of two judges on a page."""

import json
from pathlib import Path

PAGE = "{over}`max beta/*_seed-1::generation_error_pct:.1f`, {over}`max beta/*_seed-1::kl:.1f`"
LATER = "results/cpu/mnist/beta-5_seed-1/run.json"


def test_a_page_does_not_put_two_judges_together(small_book):
    html, warnings = small_book(PAGE, kl_at={1: 4.0, 5: 7.0})
    assert warnings == ""
    content = json.loads(Path(LATER).read_text())
    content.pop("sha256", None)
    content["provenance"]["judge"] = "another"
    content["metrics"]["kl"] = 8.0
    html, warnings = small_book(PAGE, kl_at={1: 4.0, 5: 7.0}, files={LATER: json.dumps(content)})
    assert "a record has no metric 'generation_error_pct'" in warnings
    assert ">8.0<" in html


def test_the_table_of_judges_names_the_network_of_each(small_book):
    stored = json.loads(Path("results/judge/mnist/judge.json").read_text())
    judges = {"old": stored, "new": stored | {"network": "airbench"}}
    files = {f"results/judge/{name}/judge.json": json.dumps(content) for name, content in judges.items()}
    html, warnings = small_book("```{judges}\n```", files=files)
    assert warnings == ""
    assert "airbench" in html
    assert "classifier" in html
