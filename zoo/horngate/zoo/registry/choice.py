"""A network with its options, in one line: `mobilenet:alpha=0.25:input_shape=128x128x3`."""

from dataclasses import dataclass, field

from horngate.contract.errors import LoadError
from horngate.zoo.registry.finding import find
from horngate.zoo.registry.network import Network
from horngate.zoo.registry.options import CLASSES, Options, read_options, write_option
from horngate.zoo.registry.weight_files import WeightFile


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One network as it is asked for. `str()` is its shortest line, the same for every way of asking."""

    network: Network
    options: Options = field(default_factory=Options)

    def __post_init__(self) -> None:
        name, options = self.network.name, self.options
        if options.alpha != 1 and not name.startswith("mobilenet"):
            raise LoadError(f"{name} has one width; alpha = {options.alpha:g} is for the MobileNets")
        if options.minimalistic and not name.startswith("mobilenet_v3"):
            raise LoadError(f"{name} has one form; minimalistic = true is for MobileNetV3")
        least, shape = self.network.minimum_size, options.input_shape
        if shape is not None and min(shape[:2]) < least:
            raise LoadError(f"input_shape is {shape}; {name} takes images of {least} x {least} at least")

    def __str__(self) -> str:
        options = (f"{key}={write_option(value)}" for key, value in self.options.set_ones())
        return ":".join((self.network.name, *options))

    @property
    def published(self) -> WeightFile:
        """The file with the weights published for it. LoadError where none are, which says for what there are."""
        if self.options.include_top and self.options.classes != CLASSES:
            raise LoadError(
                f"{self.network.name} has published weights for {CLASSES} classes and {self.options.classes} are "
                "asked for; set include_top = false to build on its features, or weights = none"
            )
        self._refuse_other_images()
        for file in self.network.weights:
            if self._fits(file):
                return file
        alphas = sorted({file.variant.alpha for file in self.network.weights})
        widths = ", ".join(f"{alpha:g}" for alpha in alphas)
        raise LoadError(
            f"{self} has no published weights; there are some for alpha {widths}"
            + (", minimalistic for 1 alone" if self.options.minimalistic else "")
        )

    def _refuse_other_images(self) -> None:
        """As Keras does, but before anything is fetched."""
        shape, name = self.options.input_shape, self.network.name
        if shape is None:
            return
        if shape[2] != 3:
            raise LoadError(f"input_shape is {shape}; {name}'s published weights are for 3 channels")
        takes_any = name.startswith("mobilenet_v3") or not self.options.include_top
        if not takes_any and shape[:2] != (self._rows, self._rows):
            raise LoadError(
                f"input_shape is {shape}; {name}'s published weights with its head are for images of "
                f"{self._rows} x {self._rows}; set include_top = false for others"
            )

    def _fits(self, file: WeightFile) -> bool:
        variant, options = file.variant, self.options
        return (
            file.include_top == options.include_top
            and variant.alpha == options.alpha
            and variant.minimalistic == options.minimalistic
            and variant.rows in (None, self._rows)
        )

    @property
    def _rows(self) -> int:
        """The size of images whose weights are taken, where there are several: as Keras does, else the largest."""
        sizes = {
            file.variant.rows for file in self.network.weights if file.variant.alpha == self.options.alpha
        }
        rows, columns, _ = self.options.input_shape or (0, 0, 0)
        return rows if rows == columns and rows in sizes else self.network.default_size


def read_choice(text: str) -> Choice:
    """`NAME` or `NAME:OPTION=VALUE:…`. LoadError for unknown networks and options."""
    name, *settings = text.split(":")
    texts = dict(_setting(text, setting) for setting in settings)
    return Choice(network=find(name), options=read_options(texts))


def _setting(text: str, setting: str) -> tuple[str, str]:
    key, equals, value = setting.partition("=")
    if not equals:
        raise LoadError(f"'{text}' has '{setting}' where an option belongs; expected NAME:OPTION=VALUE:…")
    return key, value
