"""Each hostile file is refused with its own message, and leaves nothing behind."""

import resource

import pytest

from horngate.contract.errors import LoadError
from horngate.zoo.safety import check
from tests.zoo.safety.hostile import HOSTILE, left_behind

MEMORY_KIB = 400 * 1024
"""What a check may add to the process; the bombs would take gigabytes."""


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_by_its_own_message(name, tmp_path):
    write, message = HOSTILE[name]
    path = write(tmp_path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(LoadError, match=message) as caught:
        check(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEMORY_KIB
    assert "somebody else" not in str(caught.value)
    assert not left_behind(tmp_path)
