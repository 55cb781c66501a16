"""Sphinx roles and directives that put records of runs into pages: no result is typed in.

{metric}`quick/mnist/beta-1_seed-1::test_error_pct:.2f`   a number from run.json, its source shown on hover
{metric}`cpu/mnist/beta-1_seed-1::train_kl_latent@1:power`  from history.csv: a column after an epoch, as a power of ten
{metric}`faults.json::runs_kept:d`                        the same from a file of results/ that is no run's
{authors}`quick/mnist/beta-1_seed-1::test_error_pct:.2f`  the authors' value at the settings and the epoch of that run
{paper}`cifar10 0.05 test_error_pct:.1f`                  a number of the paper's table: data set, beta, metric
{paper}`cifar10 0.05 test_recon@600:.1f`                  a number of the authors' curves, after that epoch
{run-label}  quick/mnist/beta-1_seed-1                     what the run was, where, when, and whether it was made here
{run-figure} quick/mnist/beta-1_seed-1::latent             the figure that a cell of the executed notebook shows
{over}`max beta::test_error_pct:.2f`                       min, max, mean, sd or n of a metric over the runs of a grid
{over}`spread beta/beta-5_*::kl:.2f`                      mean ± sd, both of two, the value of one; `runs`: "3 runs"
{claim}`KL falls with beta <kl-falls>`                     words that a check of `exon.evaluation.claims` must bear out
{plot} mnist-planes                                        a figure of `exon_book.plots`, drawn from the runs of a grid
{ledger} beta beta_seeds::kl                               every number of the paper's table beside the one found here
{cells} ablation/v2_*                                      every outcome in the four cells of the ablation
{effects} ablation/v2_*                                    simple effects and interaction on every outcome
{effect}`ablation/v2_*::purity_pct::interaction`             one of them: "+24.7 [+17.4, +31.9]"
{controls} beta/beta-5_* controls                          the full model on MNIST beside its controls
{first-epochs} first_epochs                                KL and components away from their centers, over the seeds
{layouts} layouts                                          where codes lie in several layouts of the centers
{trials} cifar10_setting                                   the settings tried for small CIFAR-10 runs, by validation error
{ladder} cifar10/beta-0.05_seed-1 cifar10_ladder           one change at a time, and what each gains on the validation images
{grids}                                                    what each grid is for, and how many of its runs are stored
{runs} mnist                                               all runs of a notebook, with links to their records
{replication} claims                                       what runs with new seeds found, beside the stored ones
{bits} portable.csv                                        weights of the same run on several processors
{operations} portable_operations.csv                       single operations that give the same bits there
{judges}                                                   how each judge was trained, and its errors
{methods}                                                  others' published test errors, ours first
{speed} beta                                               seconds of an epoch, here and in the authors' logs
{source} exon.losses.kl_label                              a function of the package, without its docstring, or a constant
{setting}`0.5`                                             a decimal number that is a setting or a name: no result

"{profile}" in a path stands for the profile the book is built for ($EXON_PROFILE, else quick). A missing record or key is
a warning, and so fails the build.
"""

import os
from typing import Any

from sphinx.application import Sphinx

from exon_book import api
from exon_book.directives import Plot, RunFigure, RunLabel
from exon_book.explorer import write
from exon_book.replication import Replication
from exon_book.roles import AuthorsRole, ClaimRole, MetricRole, OverRole, PaperRole
from exon_book.settings import SettingRole, find_typed_numbers
from exon_book.site import announce_sample, keep_punctuation, keep_units, name_controls, name_runs, publish, trim_icons
from exon_book.source import Source
from exon_book.tables.ablation import Cells, EffectRole, Effects
from exon_book.tables.arithmetic import Bits, Operations
from exon_book.tables.controls import Controls
from exon_book.tables.first_epochs import FirstEpochs
from exon_book.tables.grids import Grids
from exon_book.tables.ladder import Ladder
from exon_book.tables.layouts import Layouts
from exon_book.tables.ledger import Ledger
from exon_book.tables.methods import Methods, Speed
from exon_book.tables.records import Judges, Runs, copy_records
from exon_book.tables.trials import Trials


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_config_value("exon_profile", os.environ.get("EXON_PROFILE", "quick"), "env")
    publish(app)
    api.setup(app)
    app.connect("config-inited", announce_sample)
    app.connect("build-finished", write)
    app.connect("build-finished", name_controls)
    app.connect("build-finished", trim_icons)
    app.add_role("metric", MetricRole())
    app.add_role("authors", AuthorsRole())
    app.add_role("paper", PaperRole())
    app.add_role("over", OverRole())
    app.add_role("claim", ClaimRole())
    app.add_role("effect", EffectRole())
    app.add_directive("plot", Plot)
    app.add_directive("source", Source)
    app.add_directive("ledger", Ledger)
    app.add_directive("cells", Cells)
    app.add_directive("effects", Effects)
    app.add_directive("controls", Controls)
    app.add_directive("first-epochs", FirstEpochs)
    app.add_directive("layouts", Layouts)
    app.add_directive("trials", Trials)
    app.add_directive("ladder", Ladder)
    app.add_directive("bits", Bits)
    app.add_directive("operations", Operations)
    app.add_directive("grids", Grids)
    app.add_directive("runs", Runs)
    app.add_directive("replication", Replication)
    app.add_directive("judges", Judges)
    app.add_directive("methods", Methods)
    app.add_directive("speed", Speed)
    app.add_role("setting", SettingRole())
    app.connect("doctree-read", find_typed_numbers)
    app.connect("doctree-read", keep_units)
    app.connect("doctree-read", keep_punctuation)
    app.connect("doctree-read", name_runs, priority=900)  # after Sphinx has collected the headings
    app.connect("build-finished", copy_records)
    app.add_directive("run-label", RunLabel)
    app.add_directive("run-figure", RunFigure)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
