"""What a trained model is measured by: judge, scores, effects of the ablation, the authors' own numbers, and claims."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["claims", "effects", "evidence", "intervals", "judge", "reference", "replication", "scores", "tables"],
)
