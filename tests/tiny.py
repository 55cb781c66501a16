"""The settings of an experiment that trains in a second, on a tenth of the sample."""

TINY = {"profile": "smoke", "epochs": 2, "width": 0.25, "labels": 20, "validation": 100}
