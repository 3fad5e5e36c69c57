import sys
from importlib.metadata import version
from types import ModuleType

import pytest

from horngate.cli.main import COMMANDS, main
from horngate.contract.errors import LoadError


@pytest.fixture
def serve(monkeypatch):
    """Stand in for the module of `horngate serve`; what it was run with, and what it does."""
    module = ModuleType("serve_command")
    module.HELP = "Serve a folder.\n\nexamples:\n  horngate serve models/"
    module.add_arguments = lambda parser: parser.add_argument("folder")
    module.run = lambda args: 7
    monkeypatch.setitem(sys.modules, COMMANDS["serve"].module, module)
    return module


def raising(error):
    def run(args):
        raise error

    return run


def test_a_subcommand_gets_its_arguments_and_gives_the_status(serve):
    received = []
    serve.run = lambda args: received.append(args.folder) or 7
    assert main(["serve", "models"]) == 7
    assert received == ["models"]


def test_a_subcommand_explains_itself(serve, capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["serve", "--help"])
    assert "Serve a folder.\n\nexamples:\n  horngate serve models/" in capsys.readouterr().out


def test_help_lists_every_command_and_imports_none_of_them(capsys, monkeypatch):
    for command in COMMANDS.values():
        monkeypatch.setitem(sys.modules, command.module, None)
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    out = " ".join(capsys.readouterr().out.split())
    assert all(command.summary in out for command in COMMANDS.values())


def test_version(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"horngate {version('horngate')}\n"


@pytest.mark.parametrize("arguments", [[], ["nope"], ["--nope"]])
def test_a_wrong_command_line_exits_with_2(arguments, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "usage: horngate" in capsys.readouterr().err


def test_an_error_is_a_message_and_status_1(serve, capsys):
    serve.run = raising(LoadError("'churn.h5' is not an HDF5 file"))
    assert main(["serve", "models"]) == 1
    assert capsys.readouterr().err == "horngate: 'churn.h5' is not an HDF5 file\n"


def test_an_interrupt_is_status_130(serve):
    serve.run = raising(KeyboardInterrupt())
    assert main(["serve", "models"]) == 130


def test_a_missing_extra_is_named_with_what_to_install(serve, capsys):
    serve.run = raising(ModuleNotFoundError("No module named 'structlog.dev'", name="structlog.dev"))
    assert main(["serve", "models"]) == 1
    assert capsys.readouterr().err == (
        "horngate: `horngate serve` needs structlog, which is not installed: pip install 'horngate[server]'\n"
    )


def test_a_missing_module_of_ours_is_a_fault_and_is_raised(serve):
    serve.run = raising(ModuleNotFoundError("No module named 'horngate.nope'", name="horngate.nope"))
    with pytest.raises(ModuleNotFoundError):
        main(["serve", "models"])
