"""Numbers in as few bytes as they need: seven bits a byte, the lowest first."""

from __future__ import annotations


def put_number(packed: bytearray, number: int) -> None:
    """Append a number from 0 on."""
    while number > 127:
        packed.append(number & 127 | 128)
        number >>= 7
    packed.append(number)


def take_number(packed: bytes, place: int) -> tuple[int, int]:
    """Return the number that stands in a place, and the place behind it; IndexError where it has no end."""
    number = shift = 0
    while True:
        byte = packed[place]
        place += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, place
        shift += 7


def unsigned(number: int) -> int:
    """Return a number from 0 on for any number, a small one for one near 0."""
    return 2 * number if number >= 0 else -2 * number - 1


def signed(number: int) -> int:
    """Return the number of which `unsigned` made this one."""
    return number // 2 if number % 2 == 0 else -(number + 1) // 2
