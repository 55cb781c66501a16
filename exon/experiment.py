"""What one run is: a frozen, validated configuration. Its field names are the notebooks' papermill parameters."""

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from exon.errors import UserError

if TYPE_CHECKING:
    from exon.prior import GaussianMixturePrior

METHOD: dict[str, dict[str, Any]] = {
    "mnist": {
        "prior": "circle",
        "beta": 1.0,
        "labels": 100,
        "lambda1": 6000.0,
        "rampup_epochs": 10,
        "learning_rate": 3e-3,
    },
    "cifar10": {
        "prior": "one_hot",
        "beta": 0.05,
        "labels": 4000,
        "lambda1": 5000.0,
        "rampup_epochs": 50,
        "learning_rate": 1e-3,
    },
}
"""The authors' settings for each data set; an experiment overrides them by name."""

RECIPES: dict[str, dict[str, dict[str, Any]]] = {
    "mnist": {"authors": {}},
    "cifar10": {
        "authors": {},
        "short": {
            "learning_rate_schedule": "linear",
            "mirrored_evaluation": True,
            "elbo_share": 0.5,
            "initialisation": "dirac",
        },
    },
}
"""How a model is trained, by data set and name; never its size, its objective or its prior. "short" gets further in few passes
over the data."""

SMALL_CIFAR10 = {"width": 0.125, "batch_size": 64, "labelled_batch_size": 32, "learning_rate": 3e-3}
"""Chosen by the error on the validation images, among the settings of notebooks/grids/cifar10_setting.yaml."""

PROFILES: dict[str, dict[str, dict[str, Any]]] = {
    "mnist": {
        "smoke": {"source": "sample", "epochs": 2},
        "quick": {"epochs": 3},
        "cpu": {"epochs": 20},
        "paper": {"epochs": 100},
    },
    "cifar10": {
        "smoke": {"source": "sample", "epochs": 1, "width": 0.0625},
        "quick": {"epochs": 2, **SMALL_CIFAR10},
        "cpu": {"epochs": 12, **SMALL_CIFAR10},
        "day": {**SMALL_CIFAR10, "epochs": 40, "width": 0.25, "recipe": "short"},
        "gpu": {"epochs": 36, "recipe": "short", "precision": "bfloat16"},
        "paper": {"epochs": 600},
    },
}
"""How large a run is, by data set and profile, never objective or prior; "day", hours of a processor, names
a recipe as well, and "gpu", minutes of a large GPU, a recipe and a precision. Stored runs rest on it."""


SAMPLE: dict[str, dict[str, Any]] = {"mnist": {"validation": 500}, "cifar10": {"labels": 200, "validation": 200}}
"""What the small sample inside the package has room for; it stands in where `source` is "sample"."""


class Experiment(BaseModel):
    """One run. A setting left out takes the profile's value, else the recipe's, else the authors' for the data set.

    Where `source` is "sample", `SAMPLE` goes before profile and recipe.

    Raises:
        pydantic.ValidationError: unknown name, wrong type or value out of range; `Experiment.create` turns it into a
            `UserError` of one sentence.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    dataset: Literal["mnist", "cifar10"] = "mnist"
    profile: Literal["smoke", "quick", "cpu", "day", "gpu", "paper"] = "quick"
    recipe: Literal["authors", "short"] = "authors"
    source: Literal["auto", "sample"] = "auto"

    prior: Literal["circle", "line", "row", "grid", "single", "one_hot"] = "circle"
    distance: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="of each center from the origin, for the layouts 'line' and 'one_hot'",
    )
    order: tuple[int, ...] | None = Field(
        None, description="label k takes the layout's center order[k]; None: center k"
    )
    classes: tuple[int, ...] | None = Field(None, description="train on these labels only, renumbered in this order")

    beta: float = Field(1.0, gt=0, allow_inf_nan=False, description="the decoder's variance")
    learn_beta: bool = Field(False, description="re-estimate beta after every epoch, starting from `beta`")
    lambda_beta: float = Field(0.0, ge=0, allow_inf_nan=False, description="penalty on a learned beta")
    lambda1: float = Field(6000.0, ge=0, allow_inf_nan=False, description="weight of the classification terms")
    kl_weight: float = Field(1.0, ge=0, allow_inf_nan=False, description="factor on both KL terms; 1 is the paper's")
    use_elbo: bool = Field(True, description="off: the classifier alone is trained, without encoder, decoder and prior")
    use_cross_entropy: bool = True
    use_kl: bool = True
    use_sci: bool = True

    labels: int = Field(100, gt=0)
    validation: int = Field(5000, gt=0)
    batch_size: int = Field(128, ge=2)
    labelled_batch_size: int = Field(32, ge=2)
    epochs: int = Field(3, ge=1)
    rampup_epochs: int = Field(10, ge=0, description="of lambda2; on CIFAR-10 counted in the authors' 600 epochs")
    learning_rate: float = Field(3e-3, gt=0, lt=1)
    weight_decay: float = Field(5e-4, ge=0, lt=1)
    width: float = Field(1.0, gt=0, le=4)
    autoencoder_width: float | None = Field(None, gt=0, le=4, description="of encoder and decoder; None: `width`")

    learning_rate_schedule: Literal["authors", "linear"] = "authors"
    initialisation: Literal["glorot", "dirac"] = Field("glorot", description="dirac: the classifier passes channels on")
    ema_decay: float = Field(
        0.0, ge=0, lt=1, description="of the average of the weights that is evaluated; 0: no average"
    )
    averaged_pseudo_labels: bool = Field(
        False, description="the average makes the pseudo-labels: not the paper's method"
    )
    mirrored_evaluation: bool = Field(False, description="q(y | x) is the mean over an image and its mirror image")
    crop_share: float = Field(0.0, ge=0, le=1, description="of training, in which the classification terms see crops")
    elbo_share: float = Field(1.0, gt=0, le=1, description="of a batch, on which the bound is estimated without bias")

    seed: int = Field(1, ge=0, description="of the initial weights and of training")
    split_seed: int = Field(1, ge=0, description="of the choice of labelled and validation images")
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Literal["float32", "bfloat16"] = Field("float32", description="of the networks' matrix products")

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, settings: dict[str, Any]) -> dict[str, Any]:
        given = {name: value for name, value in settings.items() if value is not None}
        given |= {name: tuple(given[name]) for name in ("order", "classes") if isinstance(given.get(name), list)}
        dataset, profile = str(given.get("dataset", "mnist")), str(given.get("profile", "quick"))
        scale = PROFILES.get(dataset, {}).get(profile, {})
        chosen = {**scale, **given}
        training = RECIPES.get(dataset, {}).get(str(chosen.get("recipe")), {})
        small = SAMPLE.get(dataset, {}) if chosen.get("source") == "sample" else {}
        method = METHOD.get(dataset, {})
        return {"dataset": dataset, "profile": profile, **method, **training, **scale, **small, **given}

    @model_validator(mode="after")
    def _check_recipe(self) -> Self:
        if self.profile not in PROFILES[self.dataset] or self.recipe not in RECIPES[self.dataset]:
            name = "profile" if self.profile not in PROFILES[self.dataset] else "recipe"
            raise ValueError(f"{name} = {getattr(self, name)!r} goes with dataset = 'cifar10', not {self.dataset!r}")
        for name in ("crop_share", "mirrored_evaluation"):
            if self.dataset == "mnist" and getattr(self, name):
                raise ValueError(f"{name} = {getattr(self, name)} goes with dataset = 'cifar10', not 'mnist'")
        if self.averaged_pseudo_labels and not (self.ema_decay and self.use_sci):
            raise ValueError("averaged_pseudo_labels = True needs ema_decay above 0 and use_sci = True")
        return self

    @model_validator(mode="after")
    def _check_combinations(self) -> Self:
        if self.num_classes < 2:
            raise ValueError(f"classes = {list(self.classes or ())} is not accepted: give two or more labels")
        if self.labels % self.num_classes:
            raise ValueError(
                f"labels = {self.labels} is not accepted: give a multiple of {self.num_classes}, the number of classes"
            )
        if self.labelled_batch_size >= self.batch_size:
            raise ValueError(
                f"labelled_batch_size = {self.labelled_batch_size} must be below batch_size = {self.batch_size}"
            )
        if 1 in (self.labels % self.labelled_batch_size, self.batch_size - self.labelled_batch_size):
            raise ValueError(
                f"labels = {self.labels}, batch_size = {self.batch_size} and labelled_batch_size = {self.labelled_batch_size} "
                "make a batch of one image, which batch normalisation cannot take: give sizes that leave two or more"
            )
        if self.prior == "line" and (self.distance is None or self.classes is None or len(self.classes) != 2):
            raise ValueError("prior = 'line' needs a distance and two classes")
        if self.distance is not None and self.prior not in ("line", "one_hot"):
            raise ValueError(
                f"distance = {self.distance} goes with the priors 'line' and 'one_hot', not {self.prior!r}"
            )
        if not self.use_elbo and (self.learn_beta or not self.use_cross_entropy):
            raise ValueError(
                "use_elbo = False trains the classifier alone, with use_cross_entropy = True and learn_beta = False"
            )
        if self.order is not None and sorted(self.order) != list(range(self.num_classes)):
            raise ValueError(f"order = {list(self.order)} must name each of the {self.num_classes} labels once")
        return self

    @classmethod
    def create(cls, **settings: Any) -> "Experiment":
        """An experiment from settings by name.

        Raises:
            UserError: naming the setting, its value and what is accepted.
        """
        try:
            return cls(**settings)
        except ValidationError as error:
            raise UserError(_sentence(error)) from None

    @classmethod
    def of(cls, variables: Mapping[str, Any], **settings: Any) -> "Experiment":
        """An experiment from those variables that are named as settings are: `Experiment.of(globals())` in a notebook.

        Raises:
            UserError: as `create`.
        """
        return cls.create(**{name: variables[name] for name in cls.model_fields if name in variables}, **settings)

    def difference(self, other: "Experiment") -> str | None:
        """The first setting in which a stored experiment differs from this one, as "beta = 1.0, here 2.0", or None."""
        for name in type(self).model_fields:
            here, there = getattr(self, name), getattr(other, name)
            if here != there:
                return f"{name} = {there!r}, here {here!r}"
        return None

    @property
    def num_classes(self) -> int:
        """K, the number of labels."""
        return 10 if self.classes is None else len(self.classes)

    def build_prior(self) -> "GaussianMixturePrior":
        """The prior that `prior`, `distance`, `order` and `classes` describe."""
        from exon.prior import LAYOUTS, reassigned  # not above: settings are refused before PyTorch is loaded

        options: dict[str, Any] = {} if self.prior == "line" else {"num_classes": self.num_classes}
        if self.distance is not None:
            options["distance"] = self.distance
        layout = LAYOUTS[self.prior](**options)
        return layout if self.order is None else reassigned(layout, self.order)


def derive_seed(seed: int, purpose: str) -> int:
    """A seed of 63 bits for one purpose ("split", "initialisation", ...): streams of one declared seed never overlap."""
    return int.from_bytes(hashlib.sha256(f"{purpose}:{seed}".encode()).digest()[:8], "big") >> 1


def _sentence(error: ValidationError) -> str:
    """The first problem as one sentence: the name, the value, and what is accepted."""
    problem = error.errors()[0]
    name = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"{name!r} is not a setting: the settings are {', '.join(Experiment.model_fields)}."
    message = problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    if message.startswith(("greater", "less")):
        message = f"a number {message}"
    message = message.replace("a valid boolean", "true or false")
    if not name:
        return f"{message}."
    return f"{name} = {problem['input']!r} is not accepted: give {message}."
