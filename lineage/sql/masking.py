"""Which functions hide the value they are given."""

from __future__ import annotations

import re
from functools import lru_cache

from sqlglot import exp

from lineage.sql.tree import Node

# Hashes, ciphers, tokens and masks, those of the dialects and those people write themselves. What shortens,
# counts or replaces parts of a value may leave it readable and is not here, nor is what gives it back.
_HIDING = re.compile(
    r"""
    (?!un|remove|reverse|decrypt)
    (?: md[45] (?:_? (?:digest|hex|binary|number_?(?:lower|upper)64) )? | half_?md5
    | (?:func_)? sha [0-9_]* (?:_?(?:digest|hex|binary|256|512))?
    | (?:murmur|city|farm|sip|xx|metro|fnv|java|hive|int|consistent|spooky|wy|blake) _?hash [0-9_a-z]*
    | murmur3 | fnv_?[0-9]+a? | blake[0-9] [a-z0-9]* | xxh[0-9]+ | siphash[0-9]*
    | hash (?:_agg|_?bytes|_?text|_?row|_?crc32|_?md5|_?sha[0-9]*|_?value|_?string|_?email|_?pii|[0-9]*)
    | hash \w* extended | standardhash | \w+_hash (?:ed|_[0-9]+)? | (?:farm_?)?fingerprint
    | crc (?:32|64) \w*
    | (?:binary_|row_)? checksum | hmac \w* | digest | crypt | \w* encrypt (?:ed|_\w+|by\w+)?
    | mask \w* | \w+_mask (?:ed)? | (?:\w+_)? redact \w* | obfuscat \w+ | scrambl\w+
    | (?:de_?identif|anonymi[sz]|pseudonymi[sz]|tokeni[sz]) \w* )
    """,
    re.VERBOSE | re.IGNORECASE,
)


def hides(node: Node) -> bool:
    """Whether a node is a call of a function that hashes, encrypts or masks its arguments."""
    if not isinstance(node, exp.Func):
        return False
    return _hides(node.name if isinstance(node, exp.Anonymous) else node.key)


@lru_cache(maxsize=4096)
def _hides(name: str) -> bool:
    return _HIDING.fullmatch(name) is not None
