"""Programs of one model: which is kept, which goes."""

import math
from typing import Any, cast

from horngate.server.worker.programs import MAX_PROGRAMS, Programs
from horngate.server.worker.wanted import Wanted


def program(name: str) -> Any:
    return cast(Any, name)


def of(name: str) -> Wanted:
    return Wanted(outputs=(name,))


def test_the_least_recently_used_goes_first_and_what_is_for_good_never() -> None:
    gone: list[Wanted] = []
    programs = Programs(gone.append)
    programs.add(of("own"), program("own"), 100, for_good=True)
    assert (programs.may_give_up, programs.idle_since_s) == (False, math.inf)
    programs.give_up()
    for name in ("a", "b", "c"):
        programs.add(of(name), program(name), 10)
    assert programs.get(of("a")) == "a"
    assert programs.size_bytes == 130
    programs.give_up()
    programs.give_up()
    assert gone == [of("b"), of("c")]
    assert (programs.get(of("b")), programs.get(of("a")), programs.get(of("own"))) == (None, "a", "own")
    assert programs.size_bytes == 110


def test_there_are_so_many_at_the_most() -> None:
    gone: list[Wanted] = []
    programs = Programs(gone.append)
    programs.add(of("own"), program("own"), 1, for_good=True)
    for number in range(MAX_PROGRAMS + 3):
        programs.add(of(str(number)), program("layer"), 1)
    assert gone == [of("0"), of("1"), of("2"), of("3")]
    assert programs.size_bytes == MAX_PROGRAMS
