"""From an experiment to its record: command line, notebooks, grids, sweeps, checkpoints."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["arithmetic", "checkpoint", "cli", "grid", "notebook", "processor", "provenance", "record", "sweep"],
)
