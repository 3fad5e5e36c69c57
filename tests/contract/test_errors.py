import pytest

from horngate.contract import errors

TREE = [cls for cls in vars(errors).values() if isinstance(cls, type)]


@pytest.mark.parametrize("cls", TREE)
def test_the_whole_message_is_what_was_said(cls):
    assert str(cls("model 'churn': input 'x' is missing")) == "model 'churn': input 'x' is missing"


def test_the_tree_is_the_one_drawn():
    drawn = {line.split("──")[1].split()[0] for line in errors.__doc__.splitlines() if "──" in line}
    assert drawn == {cls.__name__ for cls in TREE} - {"HorngateError"}
    assert all(issubclass(cls, errors.HorngateError) for cls in TREE)
