"""A recipe's file."""

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from horngate.contract.errors import RecipeError
from horngate.contract.lines import Lines
from horngate.training.recipe.sections import DataFrom, Recipe
from horngate.training.recipe.tables import read_table


def read_recipe(path: Path) -> Recipe:
    """The recipe in a TOML file. RecipeError names the file, the line and the key of what is wrong.

    Relative paths in it are taken from the file's folder.
    """
    try:
        table = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RecipeError(f"{path.name}: {error}") from error
    with errors_by_line(path):
        return _settled(read_table(Recipe, table), path.parent)


@contextmanager
def errors_by_line(path: Path) -> Iterator[None]:
    """A RecipeError from within tells the file, and the line of its key."""
    try:
        yield
    except RecipeError as error:
        # Every message begins with the key that it is about.
        keys = error.keys or tuple(str(error).split(" ", 1)[0].rstrip(":").split("."))
        line = Lines(path.read_text()).of(keys)
        place = f"{path.name}, line {line}" if line else path.name
        raise RecipeError(f"{place}: {error}", keys) from error


def _settled(recipe: Recipe, folder: Path) -> Recipe:
    publish = recipe.publish
    if publish is not None:
        publish = replace(publish, repository=folder / publish.repository)
    model = replace(
        recipe.model, source=_at(recipe.model.source, folder), weights=_at(recipe.model.weights, folder)
    )
    validation = None if recipe.validation is None else _data(recipe.validation, folder)
    return replace(
        recipe, model=model, data=_data(recipe.data, folder), validation=validation, publish=publish
    )


def _data(data: DataFrom, folder: Path) -> DataFrom:
    return replace(data, source=_at(data.source, folder))


def _at(source: Any, folder: Path) -> Any:
    """A path from the recipe's folder; a reference and a zoo's name as they are."""
    if not isinstance(source, str) or ":" in source or source in ("", "imagenet", "none"):
        return source
    return str(folder / source)
