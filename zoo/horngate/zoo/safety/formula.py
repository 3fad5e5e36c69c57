"""Lambdas that are a formula of their input, read from their instructions without running any of them.

    {"input": true}                              the layer's input
    {"value": 2.0}                               a constant
    {"do": "add", "of": [A, B]}                  arithmetic
    {"do": "mean", "of": [A], "with": {...}}     one of a few functions of Keras's backend or of TensorFlow
    {"at": [0, {"slice": [1, null, null]}], "of": [A]}     a part of a tensor, or one of several inputs

`K` and `tf` are taken for what everybody imports under these names. Anything else a lambda may do, it is not a
formula then, and stays code.
"""

from collections.abc import Iterator
from typing import Any

from horngate.zoo.safety.marshalled import Function, Unreadable, marshalled_bytes, read_function

Formula = dict[str, Any]

_RESUME, _CACHE = 151, 0
_LOAD_CONST, _LOAD_FAST, _LOAD_GLOBAL, _LOAD_ATTR, _LOAD_METHOD = 100, 124, 116, 106, 160
_CALL, _CALL_KEYWORDS, _CALL_METHOD = 131, 141, 161
_BUILD_TUPLE, _BUILD_SLICE, _SUBSCRIPT, _RETURN, _NEGATIVE, _BINARY = 102, 133, 25, 83, 11, 122
_ARGUMENTS_FROM = 90
_OLD_DIVISION = 21
_ARITHMETIC = {19: "power", 20: "multiply", 23: "add", 24: "subtract", 27: "true_divide"}
_NEW_ARITHMETIC = {0: "add", 5: "multiply", 8: "power", 10: "subtract", 11: "true_divide"}
_PYTHON_2 = 4
_FUNCTIONS = {
    **{name: name for name in ("abs", "square", "exp", "log", "sign", "sin", "cos", "tanh", "sigmoid", "relu",
                               "softplus", "mean", "sum", "max", "min", "expand_dims", "squeeze", "softmax")},
    **{f"reduce_{name}": name for name in ("mean", "sum", "max", "min")},
}  # fmt: skip
_REDUCTIONS = ("mean", "sum", "max", "min")
_ROOTS = ("K", "tf", "keras", "tensorflow", "backend")


def formula_of(text: str) -> Formula | None:
    """The formula in a marshalled function's text, or None if it is not one."""
    try:
        function = read_function(marshalled_bytes(text))
        return _formula(function)
    except (Unreadable, LookupError, TypeError, ValueError):
        return None


def _formula(function: Function) -> Formula:
    if function.arguments != 1:
        raise Unreadable("it has several arguments")
    machine = _Machine(function)
    for number, argument in _instructions(function):
        if number == _RETURN:
            return machine.result()
        machine.do(number, argument)
    raise Unreadable("it does not return")


def _instructions(function: Function) -> Iterator[tuple[int, int]]:
    """Number and argument; before Python 3.6 instructions without an argument had one byte, others three."""
    code = function.code
    if code[-1] != _RETURN:
        yield from zip(code[::2], code[1::2], strict=True)
        return
    position = 0
    while position < len(code):
        number = code[position]
        wide = number >= _ARGUMENTS_FROM
        yield number, int.from_bytes(code[position + 1 : position + 3], "little") if wide else 0
        position += 3 if wide else 1


class _Machine:
    """The stack of values; each is a formula, a constant (wrapped), a name, or a slice being made."""

    def __init__(self, function: Function) -> None:
        self._function = function
        self._is_new = function.counters == 5 and function.code[:1] == bytes([_RESUME])
        self._stack: list[Any] = []

    def result(self) -> Formula:
        """What is left to return: a formula that has to do with the input."""
        (value,) = self._stack
        if not isinstance(value, dict) or "name" in value or "value" in value:
            raise Unreadable("it returns something else")
        return value

    def do(self, number: int, argument: int) -> None:
        """One instruction; Unreadable for those that no formula needs."""
        if number == _LOAD_CONST:
            self._stack.append({"value": self._function.constants[argument]})
        elif number == _LOAD_FAST and argument == 0:
            self._stack.append({"input": True})
        elif number == _NEGATIVE:
            self._stack.append(_do("negative", self._operands(1)))
        elif self._is_new:
            self._do_new(number, argument)
        elif number == _OLD_DIVISION and self._function.counters == _PYTHON_2:
            self._stack.append(_do("true_divide", self._operands(2)))
        elif number in _ARITHMETIC:
            self._stack.append(_do(_ARITHMETIC[number], self._operands(2)))
        else:
            self._do_old(number, argument)

    def _do_new(self, number: int, argument: int) -> None:
        """Python 3.11 and 3.12: arithmetic alone."""
        if number == _BINARY:
            self._stack.append(_do(_NEW_ARITHMETIC[argument], self._operands(2)))
        elif number not in (_RESUME, _CACHE):
            raise Unreadable(f"it has the instruction {number}")

    def _do_old(self, number: int, argument: int) -> None:
        if number == _LOAD_GLOBAL:
            self._stack.append({"name": [self._function.names[argument]]})
        elif number in (_LOAD_ATTR, _LOAD_METHOD):
            owner = self._stack.pop()
            self._stack.append({"name": [*owner["name"], self._function.names[argument]]})
        elif number in (_CALL, _CALL_METHOD):
            self._call(argument & 0xFF, self._old_keywords(argument >> 8))
        elif number == _CALL_KEYWORDS:
            names = self._stack.pop()["value"]
            values = self._popped(len(names))
            self._call(argument - len(names), dict(zip(names, values, strict=True)))
        elif number == _BUILD_TUPLE:
            self._stack.append({"tuple": self._popped(argument)})
        elif number == _BUILD_SLICE:
            self._stack.append({"slice": [_constant(one) for one in self._popped(argument)]})
        elif number == _SUBSCRIPT:
            whole, index = self._popped(2)
            self._stack.append({"at": _index(index), "of": [_tensor(whole)]})
        else:
            raise Unreadable(f"it has the instruction {number}")

    def _old_keywords(self, count: int) -> dict[str, Any]:
        """Before Python 3.6 names and values lay on the stack in pairs."""
        pairs = self._popped(2 * count)
        return {_constant(name): value for name, value in zip(pairs[::2], pairs[1::2], strict=True)}

    def _call(self, count: int, keywords: dict[str, Any]) -> None:
        given = self._popped(count)
        path = self._stack.pop()["name"]
        name = _FUNCTIONS[path[-1]]
        if path[0] not in _ROOTS or len(path) < 2:
            raise Unreadable(f"it calls {'.'.join(path)}")
        self._stack.append(_called(name, given, {key: _constant(one) for key, one in keywords.items()}))

    def _operands(self, count: int) -> list[Formula]:
        return [_operand(one) for one in self._popped(count)]

    def _popped(self, count: int) -> list[Any]:
        if count > len(self._stack):
            raise Unreadable("it is damaged")
        taken = self._stack[len(self._stack) - count :]
        del self._stack[len(self._stack) - count :]
        return taken


def _called(name: str, given: list[Any], keywords: dict[str, Any]) -> Formula:
    """A call whose first argument is a tensor and whose others are constants of known names."""
    order = ("axis", "keepdims") if name in _REDUCTIONS else ("axis",)
    keywords |= dict(zip(order, (_constant(one) for one in given[1:]), strict=False))
    takes_axis = name in (*_REDUCTIONS, "expand_dims", "squeeze", "softmax")
    if len(given) > 1 + len(order) or not set(keywords) <= (set(order) if takes_axis else set()):
        raise Unreadable(f"it calls {name} in a way of its own")
    if name in ("expand_dims", "softmax"):
        keywords.setdefault("axis", -1)
    return {"do": name, "of": [_tensor(given[0])], "with": keywords}


def _do(name: str, operands: list[Formula]) -> Formula:
    if all("value" in one for one in operands):
        raise Unreadable("it reckons with constants alone")
    return {"do": name, "of": operands}


def _operand(value: Any) -> Formula:
    """A tensor, or a number."""
    if "value" in value:
        if isinstance(value["value"], bool) or not isinstance(value["value"], int | float):
            raise Unreadable("it reckons with something else than numbers")
        return dict(value)
    return _tensor(value)


def _tensor(value: Any) -> Formula:
    if not {"input", "do", "at"} & set(value):
        raise Unreadable("it takes something else for a tensor")
    return dict(value)


def _constant(value: Any) -> Any:
    constant = value["value"]
    if isinstance(constant, tuple):
        return [_constant({"value": one}) for one in constant]
    if constant is not None and not isinstance(constant, int | float | str):
        raise Unreadable("it holds a constant of another kind")
    return constant


def _index(value: Any) -> list[Any]:
    """The parts of a subscript: numbers, slices, None, and an ellipsis as its name."""
    parts = value["tuple"] if "tuple" in value else [value]
    if "value" in value and isinstance(value["value"], tuple):
        parts = [{"value": one} for one in value["value"]]
    return [
        {"slice": one["slice"]} if "slice" in one else "..." if one["value"] is ... else _constant(one)
        for one in parts
    ]
