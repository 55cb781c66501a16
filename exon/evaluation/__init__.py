"""What a trained model is measured by: judge, scores, effects of the ablation, the authors' own numbers, and claims."""

import lazy_loader

# What `exon` hands on to notebooks.
__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submodules=["judge", "reference", "report", "scores"])
