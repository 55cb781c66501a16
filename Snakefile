# One job for each run of a grid (notebooks/grids/), then the summary of all records, then, if asked for, the book.
#
#     snakemake --cores 2 --config grid=beta
#
# The other names after --config are those of `exon sweep`: profile, seeds=11,12, settings="prior=row&labels=50", and root, the
# folder that the runs belong to. `exon sweep` calls it with the options that make an interrupted sweep go on where it stopped.

import sys

from snakemake.exceptions import WorkflowError

from exon.errors import UserError
from exon.runs import grid, sweep

try:
    ROOT, CHOSEN = sweep.chosen(config)
    THREADS = sweep.threads()
except UserError as error:
    raise WorkflowError(str(error)) from None
RUNS = {run.folder.as_posix(): run for run in CHOSEN}
SUMMARY = f"{ROOT.as_posix()}/summary/runs.csv"
RECORDS = expand("{folder}/run.json", folder=RUNS)

PYTHON = sys.executable


rule all:
    input:
        RECORDS,
        SUMMARY,


rule book:
    input:
        RECORDS,
        SUMMARY,
    output:
        "_build/html/index.html",
    shell:
        "{PYTHON:q} -m jupyter_book build . --quiet -W --keep-going -n"


rule summary:
    input:
        RECORDS,
    output:
        SUMMARY,
    localrule: True
    shell:
        "{PYTHON:q} -m exon summarize --results {ROOT:q}"


# No input: a record stays valid when files get new dates, as in a fresh clone. `exon run` itself refuses a folder that
# holds another experiment, and puts complete files in place of those before, run.json last: Snakemake shall remove none
# (update), and a run that another process has finished in the meantime stays.
rule run:
    output:
        update("{folder}/run.json"),
    log:
        ".work/logs/{folder}.log",
    wildcard_constraints:
        folder="|".join(map(re.escape, RUNS)),
    params:
        arguments=lambda wildcards: grid.arguments(RUNS[wildcards.folder]),
    threads: THREADS
    shell:
        "test -e {output:q} || OMP_NUM_THREADS={threads} {PYTHON:q} -m exon {params.arguments} > {log:q} 2>&1"
