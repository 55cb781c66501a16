"""From an experiment to its record: command line, notebooks, grids, sweeps, checkpoints."""

import lazy_loader

# What `exon` hands on to notebooks.
__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submodules=["record"])
