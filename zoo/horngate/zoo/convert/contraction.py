"""Einstein's summation."""

from string import ascii_letters

from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.registry import Refused


def contract(graph: Graph, equation: str, values: list[Value]) -> Value:
    """An Einsum node whose equation names every axis."""
    terms, result = equation.split("->")
    letters = [letter for term in terms.split(",") for letter in term]
    sizes = [size for value in values for size in value.shape]
    if len(letters) != len(sizes):
        raise Refused(f"the equation {equation} does not fit its operands")
    known = dict(zip(letters, sizes, strict=True))
    return graph.op("Einsum", *values, shape=tuple(known[one] for one in result), equation=equation)


def spelled_out(equation: str, rank: int) -> str:
    """The equation with letters for the dots of its first operand, which has this rank."""
    equation = equation.replace(" ", "")
    if "->" not in equation:
        raise Refused(f"the equation {equation} does not name its result")
    if "..." not in equation:
        return equation
    first, *others = equation.split("->")[0].split(",")
    if any("..." in one for one in others):
        raise Refused(f"the equation {equation} has dots in several operands")
    free = [letter for letter in ascii_letters if letter not in equation]
    return equation.replace("...", "".join(free[: rank - len(first.replace("...", ""))]))
