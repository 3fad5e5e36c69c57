"""The batch sizes that a program is compiled for, where the compiler wants fixed ones.

Batches are padded to the next size. Sizes a factor of 1.5 or less apart waste at most a third; each costs
seconds to compile, so one that would not save much is left out, which makes it two fifths at the most.
"""

from collections.abc import Mapping

WORTH = 0.1
"""The least share of a batch's time that a size between must save."""


def buckets(curve: Mapping[int, float], most: int) -> tuple[int, ...]:
    """Sizes from 1 to `most`, which is the last, by rows a second measured at powers of two.

    Beyond the measured sizes time is taken to be in proportion to rows.
    """
    sizes = [most]
    while sizes[-1] > 1:
        larger = sizes[-1]
        smaller = [size for size in ladder(larger - 1) if _saves(curve, size, larger)]
        if not smaller:
            break
        sizes.append(smaller[-1])
    return tuple(sorted({*sizes, 1}))


def ladder(most: int) -> list[int]:
    """Powers of two and 1.5 times them, up to `most`."""
    steps = {factor << power for power in range(most.bit_length()) for factor in (1, 3)}
    return sorted(step for step in steps if step <= most)


def padded_length(length: int) -> int:
    """The next step of `ladder`: requests whose axes have one in common are padded to one another."""
    power = 1 << max(0, length - 1).bit_length()
    between = 3 * power // 4
    return between if between >= length else power


def _saves(curve: Mapping[int, float], size: int, larger: int) -> bool:
    return _seconds(curve, size) <= (1 - WORTH) * _seconds(curve, larger)


def _seconds(curve: Mapping[int, float], rows: int) -> float:
    """A batch's time: between measured sizes along the chord, beyond them in proportion."""
    known = sorted(curve)
    above = next((size for size in known if size >= rows), None)
    if above is None:
        return rows / curve[known[-1]]
    below = max((size for size in known if size <= rows), default=above)
    if above == below:
        return above / curve[above]
    share = (rows - below) / (above - below)
    return (1 - share) * below / curve[below] + share * above / curve[above]
