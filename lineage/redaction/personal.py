"""Numbers that belong to a person, wherever they stand in a text: payment cards, IBANs, phone numbers.

Cards and IBANs are known by their check digits, so few other numbers are taken for one. Each search goes on
behind what it looked at, and looks no further than the longest number of its kind: time is linear.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from lineage.redaction.urls import HIDDEN

_CARD_DIGITS = range(13, 20)
_CARD = re.compile(r"(?<!\w)(?<![0-9]\.)[2-9][0-9]{2,18}+(?:[ \u00a0-][0-9]{1,16}+){0,5}(?!\w)")
_GROUP = re.compile(r"[0-9]++")
_MIN_GROUP = 3
"""Digits of each group but the last: cards are written in fours, or 4-6-5; dates and lists are not."""

_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)

_IBAN = re.compile(r"(?<![^\W_])[A-Za-z]{2}[0-9]{2}(?:[ \u00a0-]?[A-Za-z0-9]){11,29}")
_IBAN_LENGTHS = {
    country: int(length)
    for country, length in re.findall(
        r"([A-Z]{2})([0-9]{2})",
        "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27"
        "DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28"
        "IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22"
        "MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24"
        "SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30",
    )
}
"""How long the IBANs of a country are (SWIFT's IBAN registry, ISO 13616)."""

_PHONE = re.compile(r"(?<![\w+])\+[1-9](?:(?:[ \u00a0./-]| ?\(|\)[ -]?)?[0-9]){6,14}(?![0-9])")


def without_personal_numbers(text: str) -> str:
    """Return a text with payment card numbers, IBANs and international phone numbers hidden."""
    return _hidden(_hidden(_PHONE.sub(HIDDEN, text), _ibans), _cards)


def _hidden(text: str, find: Callable[[str], Iterator[tuple[int, int]]]) -> str:
    pieces, at = [], 0
    for start, end in find(text):
        pieces += [text[at:start], HIDDEN]
        at = end
    return "".join([*pieces, text[at:]])


def _ibans(text: str) -> Iterator[tuple[int, int]]:
    at = 0
    while (found := _IBAN.search(text, at)) is not None:
        length = _iban_length(found, text)
        at = found.start() + (length or 4)
        if length:
            yield found.start(), at


def _iban_length(found: re.Match[str], text: str) -> int:
    """Return how many characters of the text are an IBAN, with the spaces in it; 0 where it is none."""
    digits = _IBAN_LENGTHS.get(found[0][:2].upper(), 0)
    places = [place for place, character in enumerate(found[0]) if character.isalnum()][:digits]
    if not digits or len(places) < digits:
        return 0
    length = places[-1] + 1
    if text[found.start() + length : found.start() + length + 1].isalnum():
        return 0
    iban = "".join(found[0][place] for place in places)
    number = "".join(str(int(character, 36)) for character in iban[4:] + iban[:4])
    return length if int(number) % 97 == 1 else 0


def _cards(text: str) -> Iterator[tuple[int, int]]:
    at = 0
    while (found := _CARD.search(text, at)) is not None:
        groups = list(_GROUP.finditer(found[0]))
        length = _card_length(groups)
        at = found.start() + (length or groups[0].end())
        if length:
            yield found.start(), at


def _card_length(groups: list[re.Match[str]]) -> int:
    """Return how many characters of some groups of digits are a card number, from the first; 0: none."""
    digits, length = "", 0
    for place, group in enumerate(groups):
        if place and len(groups[place - 1][0]) < _MIN_GROUP:
            break
        digits += group[0]
        if len(digits) in _CARD_DIGITS and _has_check_digit(digits):
            length = group.end()
    return length


def _has_check_digit(digits: str) -> bool:
    """Whether the last digit is that of Luhn's formula (ISO/IEC 7812-1)."""
    plain = sum(map(int, digits[-1::-2]))
    return (plain + sum(_DOUBLED[int(digit)] for digit in digits[-2::-2])) % 10 == 0
