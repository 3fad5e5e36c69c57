"""What a recipe says. Every class is one table of its TOML file and is checked when it is made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from horngate.contract.errors import RecipeError
from horngate.training.recipe.named import Named


def _at_least(key: str, value: int, least: int) -> None:
    if value < least:
        raise RecipeError(f"{key} must be at least {least}, not {value}")


def _part(key: str, value: float) -> None:
    if not 0 <= value < 1:
        raise RecipeError(f"{key} must be in [0, 1), not {value}")


@dataclass(frozen=True, kw_only=True)
class Head:
    """What is put on a model's end: dropout and one dense layer.

    Of a zoo network it replaces all after the last features, which are pooled. From another model the last `pop`
    layers are taken off first.
    """

    classes: int
    activation: str = "softmax"
    dropout: float = 0.0
    name: str = "head"
    pop: int = 0

    def __post_init__(self) -> None:
        _at_least("head.classes", self.classes, 1)
        _at_least("head.pop", self.pop, 0)
        _part("head.dropout", self.dropout)


@dataclass(frozen=True, kw_only=True)
class ModelFrom:
    """Where the model comes from.

    `source` is a Keras file, an architecture (JSON, YAML), `zoo:NAME`, or `module:function` (in Python also the
    function itself), which returns a model, compiled or not. `weights` are a file's, put in by topology or, with
    `by_name`, by the layers' names; for the zoo also `imagenet` or `none`. `augment` are Keras layers that change
    the inputs while training; they are no part of the model that the run leaves.
    """

    source: str | Callable[[], Any]
    weights: str = ""
    by_name: bool = False
    head: Head | None = None
    input_shape: tuple[int, ...] = ()
    augment: tuple[Named, ...] = ()
    custom_objects: tuple[str, ...] = ()
    allow_code: bool = False

    def __post_init__(self) -> None:
        zoo = isinstance(self.source, str) and self.source.startswith("zoo:")
        if self.head is not None and self.head.pop and zoo:
            raise RecipeError(
                "model.head.pop is for other models: a zoo network's own head is left out whole"
            )
        if self.input_shape and not zoo:
            raise RecipeError("model.input_shape is for a source 'zoo:NAME'")


@dataclass(frozen=True, kw_only=True)
class DataFrom:
    """Where rows come from.

    `source` is a file (.h5, .hdf5, .npz, .csv, .parquet), a folder with one folder of images a class, or
    `module:function`; in Python also arrays `(x, y)` or `(x, y, sample_weight)` or the function itself. `inputs`,
    `targets` and `sample_weight` name datasets, arrays or columns. `start` and `end` cut the rows (HDF5Matrix).
    `image_size` is height and width. `normalizer` is what inputs go through: `module:function` or, for images,
    one of the modes `caffe`, `tf`, `torch` of `preprocess` in a `model.toml`.
    """

    source: str | tuple[Any, ...] | Callable[..., Any]
    inputs: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    sample_weight: str = ""
    start: int = 0
    end: int | None = None
    image_size: tuple[int, ...] = ()
    normalizer: str | Callable[[Any], Any] = ""

    def __post_init__(self) -> None:
        if self.start < 0 or (self.end is not None and self.end <= self.start):
            raise RecipeError(
                f"data.start is {self.start}, end is {self.end}; expected 0 <= start < end, both in rows"
            )
        if self.image_size and (len(self.image_size) != 2 or min(self.image_size) < 1):
            raise RecipeError(
                f"data.image_size is {list(self.image_size)}; expected [height, width], like [224, 224]"
            )


@dataclass(frozen=True, kw_only=True)
class Compile:
    """Optimizer, loss and metrics by Keras's names, and a learning rate schedule.

    Empty, the model is trained as it is compiled: by its file's training configuration or its function.
    """

    optimizer: Named | None = None
    loss: Named | None = None
    metrics: tuple[Named, ...] = ()
    schedule: Named | None = None

    def __post_init__(self) -> None:
        if (self.optimizer is None) != (self.loss is None):
            raise RecipeError(
                "compile needs both optimizer and loss, or neither for a model that is compiled"
            )
        if self.optimizer is None and (self.schedule or self.metrics):
            raise RecipeError("compile.metrics and compile.schedule need compile.optimizer and compile.loss")


@dataclass(frozen=True, kw_only=True)
class Fit:
    """How rows are fed. `epochs` is for a recipe without phases.

    `batch_size` `"auto"` is the largest power of two that memory holds. `validation_split` is the part of the rows,
    from the end and before any shuffle, that is only measured. `steps_per_epoch` is needed where rows cannot be
    counted. `keep` says whose weights the run ends with: the last epoch's, or those of the `best` by `monitor`.
    """

    epochs: int = 1
    batch_size: int | Literal["auto"] = 32
    validation_split: float = 0.0
    shuffle: bool = True
    class_weights: Mapping[str, float] = field(default_factory=dict)
    steps_per_epoch: int | None = None
    keep: Literal["best", "last"] = "last"
    monitor: str = "val_loss"

    def __post_init__(self) -> None:
        _at_least("fit.epochs", self.epochs, 1)
        if self.batch_size != "auto":
            _at_least("fit.batch_size", self.batch_size, 1)
        _part("fit.validation_split", self.validation_split)
        if self.steps_per_epoch is not None:
            _at_least("fit.steps_per_epoch", self.steps_per_epoch, 1)
        for key in self.class_weights:
            if not str(key).isdecimal():
                raise RecipeError(f"fit.class_weights names class {key!r}; expected its number, like 0 = 1.5")


@dataclass(frozen=True, kw_only=True)
class Phase:
    """A part of the run in which other layers learn. Patterns (`block5_*`) match layers' names, nested ones too.

    `freeze` comes first, then `unfreeze`; what neither matches stays as it was before. The optimizer begins
    anew, at `learning_rate` if that is given.
    """

    epochs: int
    freeze: tuple[str, ...] = ()
    unfreeze: tuple[str, ...] = ()
    learning_rate: float | None = None

    def __post_init__(self) -> None:
        _at_least("phases.epochs", self.epochs, 1)
        if self.learning_rate is not None and not self.learning_rate > 0:
            raise RecipeError(f"phases.learning_rate is {self.learning_rate}; expected a number above 0")


@dataclass(frozen=True, kw_only=True)
class CheckpointRules:
    """When the whole state is written, and how many states are kept. 0: not for this reason.

    One is written at an epoch's end too, where epochs last a second or more. `every_s` counts from the last one.
    """

    every_steps: int = 0
    every_s: float = 60.0
    keep: int = 3

    def __post_init__(self) -> None:
        _at_least("checkpoints.keep", self.keep, 1)
        _at_least("checkpoints.every_steps", self.every_steps, 0)
        if self.every_s < 0:
            raise RecipeError(f"checkpoints.every_s is {self.every_s}; expected 0 or more seconds")


@dataclass(frozen=True, kw_only=True)
class PublishTo:
    """Where the trained model becomes the next version, and what it must be better than.

    With a `gate`, a metric of the model's, the version that serves is evaluated on the validation rows and the new
    one is published only if it is better by `margin` or more (a negative margin allows a loss). With the `label`
    `canary` it answers only requests that ask for it. `settings` are written into the model's `model.toml`.
    """

    repository: Path
    name: str
    format: Literal["h5", "keras"] = "h5"
    gate: str = ""
    margin: float = 0.0
    label: Literal["", "canary"] = ""
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """The workers that train together, on the machines of a Ray cluster.

    There are `workers` of them where machines allow, and never less than `least`; each has `resources` and, of the
    devices there, `devices`. `address` is the cluster's; empty: that of this machine. After so many `failures`
    (workers lost) the run is given up, to be gone on with.
    """

    workers: int
    least: int = 1
    address: str = ""
    failures: int = 3
    resources: Mapping[str, float] = field(default_factory=lambda: {"CPU": 1.0})

    def __post_init__(self) -> None:
        _at_least("cluster.least", self.least, 1)
        _at_least("cluster.workers", self.workers, self.least)
        _at_least("cluster.failures", self.failures, 0)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A training run. The same recipe, data and machine give the same bytes.

    `validation` are rows of their own, in place of `fit.validation_split`. Instances of Keras callbacks belong to
    `run()`, not here.
    """

    model: ModelFrom
    data: DataFrom
    validation: DataFrom | None = None
    compile: Compile = Compile()
    fit: Fit = field(default_factory=Fit)
    phases: tuple[Phase, ...] = ()
    callbacks: tuple[Named, ...] = ()
    checkpoints: CheckpointRules = CheckpointRules()
    publish: PublishTo | None = None
    seed: int = 0
    deterministic: bool = True
    devices: int = 1
    cluster: Cluster | None = None

    def __post_init__(self) -> None:
        validated = self.validation is not None or self.fit.validation_split > 0
        if self.validation is not None and self.fit.validation_split:
            raise RecipeError("validation and fit.validation_split are both given; expected one of them")
        if self.fit.keep == "best" and self.fit.monitor.startswith("val_") and not validated:
            raise RecipeError(
                f'fit.keep = "best" compares {self.fit.monitor}: set fit.validation_split above 0 or give '
                '[validation], or keep = "last"'
            )
        if self.publish is not None and self.publish.gate and not validated:
            raise RecipeError(
                "publish.gate compares on the validation rows: set fit.validation_split or give [validation]"
            )
        _at_least("devices", self.devices, 1)

    @property
    def plan(self) -> tuple[Phase, ...]:
        """The phases; of a recipe that names none, the one that `fit.epochs` is."""
        return self.phases or (Phase(epochs=self.fit.epochs),)

    @property
    def epochs(self) -> int:
        """All phases' epochs together."""
        return sum(phase.epochs for phase in self.plan)

    def run(self, folder: Path, **options: Any) -> Any:
        """Carry it out; see `horngate.training.running.run`."""
        from horngate.training.running import run

        return run(self, folder, **options)
