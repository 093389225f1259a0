"""What the source text says is what classes declare; one file is all a parameter needs."""

from __future__ import annotations

import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from typer.main import get_command

import wellfit
from wellfit import MLPClassifier, MLPRegressor
from wellfit.cli.app import app
from wellfit.cli.parameters import OWN, given_parameters, parameter_options, read
from wellfit.core import registry
from wellfit.core.declared import (
    declared,
    declared_algorithms,
    declared_hypers,
    declared_parameters,
)
from wellfit.core.errors import HyperparameterError, InputError, UnknownNameError
from wellfit.core.parameter import Group

CLASSES = {cls.__name__: cls for cls in (MLPClassifier, MLPRegressor)}


@pytest.mark.parametrize("name", CLASSES)
def test_parameters_read_from_the_source_are_those_of_the_class(name: str) -> None:
    ours = CLASSES[name].declared_parameters
    read = declared_parameters(name)
    assert list(read) == list(ours)
    for key, parameter in read.items():
        own, found = ours[key], parameter.ranged
        assert replace(found, family=None) == replace(own, family=None, form=None)
        assert (found.family is None) == (own.family is None)


def test_hyper_parameters_read_from_the_source_are_those_of_the_class() -> None:
    import wellfit.diagnose
    import wellfit.landscapes
    import wellfit.model_selection.ensembles
    import wellfit.model_selection.samplers
    import wellfit.recipes
    import wellfit.transfer  # noqa: F401  (all of them: their classes register themselves)

    seen = 0
    for family, known in declared().items():
        for name in known.names:
            cls: Any = registry.lookup(family, name)
            read = declared_hypers(family, name)
            assert set(cls.hypers()) <= set(read)
            for key, (default, hyper) in read.items():
                if hyper is not None:
                    assert hyper == cls.hypers()[key]
                    own = cls.__dataclass_fields__[key].default
                    assert default == own or not isinstance(own, (int, float, str))
                    seen += 1
        read_whole = declared_algorithms(family)
        assert set(read_whole) == known.names  # none takes more than reading
        for name, algorithm in read_whole.items():
            cls = registry.lookup(family, name)
            hypers: Any = getattr(cls, "hypers", dict)()
            defaults = [cls.__dataclass_fields__[key].default for key in hypers]
            assert algorithm.aliases == registry.aliases(family, name)
            assert algorithm.meaning == (inspect.getdoc(cls) or "").partition("\n")[0]
            assert list(algorithm.hypers) == list(hypers)
            assert [repr(each.default) for each in algorithm.hypers.values()] == [
                repr(each) for each in defaults
            ]
    assert seen > 150


def test_every_parameter_is_an_option_in_its_group() -> None:
    options = parameter_options()
    every = {**MLPClassifier.declared_parameters, **MLPRegressor.declared_parameters}
    assert set(every) - OWN <= set(options)
    for name in set(every) - OWN:
        assert every[name].group in get_args(Group)
        assert every[name].summary
        option = options[name].__metadata__[0]
        assert option.rich_help_panel == every[name].group
        family = re.search(r"wellfit methods (\w+)", option.help)
        assert family is None or family[1] in declared()
    assert "freeze" not in parameter_options("Pretrained")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"settings": ["optimizr=3"]}, UnknownNameError, "did you mean 'optimizer'"),
        ({"settings": ["optimizer__beta_3=1"]}, UnknownNameError, "did you mean 'beta_2'"),
        (
            {"optimizer": "sgd", "settings": ["optimizer__momentum=2"]},
            HyperparameterError,
            "is 2;",
        ),
        ({"settings": ["optimizer=sgd", "optimizer__beta_1=0"]}, UnknownNameError, "of 'sgd'"),
        ({"settings": ["verbose=1"]}, InputError, "the command line sets this parameter itself"),
        ({"activation": ["relu", "elo"]}, UnknownNameError, "did you mean 'elu'"),
        ({"augment": ["rotaton:15"]}, UnknownNameError, "did you mean 'rotation'"),
        ({"schedules": "{momentum: rampp}"}, UnknownNameError, "did you mean 'ramp'"),
        (
            {"gradient_clipping": "-1"},
            HyperparameterError,
            r"is -1; expected a number in \(0, inf",
        ),
        ({"gradient_clipping": "by_nrom"}, UnknownNameError, "did you mean 'by_norm'"),
        ({"n_threads": "5000"}, HyperparameterError, "expected a whole number, at most 1024"),
        ({"preprocess": "automatic"}, HyperparameterError, "expected 'auto'"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_declaration(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        given_parameters(options)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("hidden_layer_sizes", "512, 256", (512, 256)),
        ("hidden_layer_sizes", "64", (64,)),
        ("hidden_layer_sizes", "", ()),
        ("activation", ["relu"], "relu"),
        ("activation", ["relu", "elu"], ["relu", "elu"]),
        ("augment", ["shift:4"], ["shift:4"]),
        ("preprocess", "None", None),
        ("batch_size", "auto", "auto"),
        ("image_shape", "28,28", (28, 28)),
        ("pretrained", "7", "7"),
        ("class_weight", "{a: 2}", {"a": 2}),
        ("schedules", "{momentum: ramp}", {"momentum": "ramp"}),
    ],
)
def test_values_are_read_from_text(name: str, text: Any, value: Any) -> None:
    assert read(name, text) == value
    stored = given_parameters({name: text})[name]
    assert read(name, stored) == value
    assert json.loads(json.dumps(stored)) == stored


@pytest.mark.parametrize("command", ["train", "search", "check"])
def test_no_two_options_of_a_command_share_a_flag(command: str) -> None:
    found: Any = get_command(app)
    for name in (command, "run") if command == "search" else (command,):
        found = found.commands[name]
    flags = [flag for option in found.params for flag in (*option.opts, *option.secondary_opts)]
    assert len(flags) > 40
    assert len(flags) == len(set(flags))


# A parameter in one file: looked for in a copy of the package.

TESTS = Path(__file__).parents[1]
PARAMETER = """    warmth: int = parameter(
        "how warm, at least 1; with a blanket.", default=3, whole=True, low=1, group="Network"
    )
"""
USE = """
import inspect, json, sys
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
import built_once  # beside the tests
from typer.testing import CliRunner
from wellfit.cli.app import app

def called(*words):
    done = CliRunner().invoke(app, words, env={"COLUMNS": "200"})
    return done.exit_code, done.output

Path("t.csv").write_text("a,b,y\\n" + "".join(f"{i},{i % 7},{i % 2}\\n" for i in range(60)))
QUICK = ("t.csv", "--target", "y", "--hidden", "4", "--epochs", "1")
found = {f"{name} help": called(name, "--help") for name in ("train", "search", "check")}
found["option out of range"] = called("train", *QUICK, "--warmth", "0")
found["setting out of range"] = called("train", *QUICK, "--set", "warmth=0")
found["misspelled"] = called("train", *QUICK, "--set", "warmht=4")
found["torch"] = "torch" in sys.modules
import pytest, shortcuts
shortcuts.judge_by_few_trees(pytest.MonkeyPatch())
shortcuts.draw_nothing(pytest.MonkeyPatch())
found["trained"] = called("train", *QUICK, "--warmth", "5", "--run", "run", "-q")
found["set"] = called("train", *QUICK, "--set", "warmth=6", "--run", "set", "-q")
found["configs"] = [
    json.loads(Path(run, "config.json").read_text())["settings"]["warmth"]
    for run in ("run", "set")
]
from wellfit import MLPClassifier, MLPRegressor
import wellfit
found["file"] = wellfit.__file__
for cls in (MLPClassifier, MLPRegressor):
    found[cls.__name__] = [
        inspect.signature(cls).parameters["warmth"].default, inspect.getdoc(cls),
        cls().set_params(warmth=5).get_params()["warmth"],
    ]
if find_spec("griffe"):
    spec = spec_from_file_location("docstrings", sys.argv[1])
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    from griffe import load
    cls = load("wellfit")["estimators.classifier.MLPClassifier"]
    module.Docstrings().on_instance(obj=cls)
    found["reference"] = cls.docstring.value
try:
    MLPClassifier(warmth=0).fit([[0.0], [1.0]] * 10, [0, 1] * 10)
except ValueError as error:
    found["refused"] = str(error)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def warmed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a copy of the package shows once a parameter is declared in one of its files."""
    folder = tmp_path_factory.mktemp("copy")
    source = Path(wellfit.__file__).parent
    shutil.copytree(source, folder / "wellfit")  # compiled files as well
    file = folder / "wellfit" / "estimators" / "network_parameters.py"
    place = "    activation: str"
    text = file.read_text()
    assert text.count(place) == 1
    file.write_text(text.replace(place, PARAMETER + place))
    docs = TESTS.parent / "docs" / "docstrings.py"
    done = subprocess.run(
        [sys.executable, "-c", USE, str(docs)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(TESTS)])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert Path(found["file"]).is_relative_to(folder)
    return found


def test_a_parameter_in_one_file_is_in_signature_docstring_and_reference(
    warmed: dict[str, Any],
) -> None:
    texts = []
    for name in CLASSES:
        default, doc, taken = warmed[name]
        assert (default, taken) == (3, 5)
        texts.append(doc)
    for text in [*texts, *([warmed["reference"]] if "reference" in warmed else [])]:
        assert "warmth: how warm, at least 1; with a blanket." in text
    assert warmed["refused"] == "warmth is 0; expected a whole number, at least 1"


@pytest.mark.parametrize("command", ["train", "search", "check"])
def test_a_parameter_in_one_file_is_an_option(warmed: dict[str, Any], command: str) -> None:
    code, text = warmed[f"{command} help"]
    assert code == 0
    assert re.search(r"--warmth +N +How warm, at least 1\.", text)


def test_a_parameter_in_one_file_is_read_and_checked_by_the_command_line(
    warmed: dict[str, Any],
) -> None:
    refused = "error: warmth is 0; expected a whole number, at least 1\n"
    assert warmed["option out of range"] == [2, refused]
    assert warmed["setting out of range"] == [2, refused]
    assert "did you mean 'warmth'?" in warmed["misspelled"][1]
    assert warmed["torch"] is False
    for run in ("trained", "set"):
        assert warmed[run][0] == 0, warmed[run][1]
    assert warmed["configs"] == [5, 6]
