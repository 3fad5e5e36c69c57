"""Whether a trained model is good enough to be served, and its publication."""

import filecmp
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from horngate.contract.errors import HorngateError, RecipeError
from horngate.training.best import rises
from horngate.training.compiling import compile_model
from horngate.training.loop import Workload
from horngate.training.publishing import newest_version, publish, served_version
from horngate.training.recipe.sections import PublishTo
from horngate.training.runs.folder import RunFolder
from horngate.zoo.files import custom, load
from horngate.zoo.images.scaling import MODES


@dataclass(frozen=True, kw_only=True)
class Publication:
    """What became of a trained model. `path` is None where the gate refused it, and `reason` says why.

    `before` and `now` are the gate's metric of the version there was and of the new model, on the same rows.
    """

    path: Path | None
    gate: str = ""
    before: float | None = None
    now: float | None = None
    reason: str = ""

    def told(self) -> str:
        """A line for people."""
        compared = "" if self.before is None else f" ({self.gate} {self.now:.4g}, before {self.before:.4g})"
        return f"published {self.path}{compared}" if self.path else f"not published: {self.reason}"


def publish_run(work: Workload, path: Path, folder: RunFolder) -> Publication | None:
    """Publish the run's model where the recipe says and the gate allows; what came of it is in publication.json."""
    rules = work.recipe.publish
    if rules is None:
        return None
    newest = newest_version(rules.repository, rules.name)
    if newest is not None and filecmp.cmp(newest, path, shallow=False):
        # A run that was killed after it had published, or whose last model was published at its epoch's end.
        return published_by(folder) or Publication(path=newest)
    found = _judged(work, rules, served_version(rules.repository, rules.name))
    if not found.reason:
        settings = {**_of_the_rows(work), **rules.settings}
        canary = rules.label == "canary"
        new = publish(path, rules.repository, rules.name, settings=settings, canary=canary)
        found = replace(found, path=new)
    elif (earlier := published_by(folder)) is not None and earlier.path is not None:
        return earlier  # at the end of an epoch, by Publish
    folder.write("publication", {**asdict(found), "path": str(found.path) if found.path else None})
    return found


def published_by(folder: RunFolder) -> Publication | None:
    """What a run's folder tells of its publication; None if there was none."""
    told = folder.read("publication")
    return (
        None if told is None else Publication(**told | {"path": Path(told["path"]) if told["path"] else None})
    )


def _of_the_rows(work: Workload) -> dict[str, Any]:
    """What a server should know of the rows: how images were scaled, and what the classes are called."""
    found: dict[str, Any] = {}
    if work.recipe.data.normalizer in MODES and work.recipe.data.image_size:
        found["preprocess"] = work.recipe.data.normalizer
    labels, shapes = work.rows.labels, [tuple(output.shape) for output in work.model.outputs]
    if labels and len(shapes) == 1 and shapes[0][-1] == len(labels):
        found["labels"] = list(labels)
    return found


def _judged(work: Workload, rules: PublishTo, served: Path | None) -> Publication:
    """The gate's decision; no `reason` means yes."""
    if not rules.gate or served is None:
        return Publication(path=None)
    now = _measured(work, work.model, rules.gate)
    try:
        before = _measured(work, _loaded(work, served), rules.gate)
    except (HorngateError, ValueError, TypeError) as error:
        why = " ".join(str(error).split())[:300]
        reason = f"version {served.parent.name} cannot be measured on these rows: {why}"
        return Publication(path=None, gate=rules.gate, now=now, reason=reason)
    gained = now - before if rises(work.model, rules.gate) else before - now
    reason = ""
    if not gained >= rules.margin:
        reason = (
            f"{rules.gate} is {now:.4g}; version {served.parent.name} has {before:.4g} on the same rows, and "
            f"publish.margin is {rules.margin:g}"
        )
    return Publication(path=None, gate=rules.gate, before=before, now=now, reason=reason)


def _loaded(work: Workload, path: Path) -> Any:
    """The served model, compiled as the new one is."""
    objects = custom.resolve(work.recipe.model.custom_objects)
    model = load(path, custom_objects=objects, allow_code=work.recipe.model.allow_code)
    if work.recipe.compile.optimizer is None:
        model.compile_from_config(work.model.get_compile_config())
    else:
        compile_model(model, work.recipe.compile, work.recipe.plan[0])
    return model


def _measured(work: Workload, model: Any, metric: str) -> float:
    if work.validation is None:
        raise RecipeError("publish.gate needs validation rows")
    found = work.validation.measure(model)
    if metric not in found:
        raise RecipeError(f'publish.gate is "{metric}"; expected one of {", ".join(found)}')
    return found[metric]
