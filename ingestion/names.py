"""Names as upstreams and people spell them, made comparable by one rule.

A name is the same with other accents, capitals or punctuation ('Räikkönen',
'RAIKKONEN'); of a driver also with its words in another order ('Zhou Guanyu').
"""

import unicodedata
from functools import lru_cache


def fold(name: str) -> str:
    """A name as a slug: lower case, without accents, its parts joined by hyphens. Letters that have
    no plain form ('ø') are left out, since grands prix and drivers are named in addresses by it."""
    letters = (
        char
        for char in unicodedata.normalize("NFKD", name)
        if char.isascii() or (not char.isalnum() and not unicodedata.combining(char))
    )
    parts = "".join(char if char.isalnum() else " " for char in letters).lower().split()
    return "-".join(parts)


# A new key is compared with everybody who is known, some 900.
@lru_cache(maxsize=4096)
def fold_name(name: str) -> frozenset[str]:
    """The words of a driver's name, whatever their order."""
    return frozenset(fold(name).split("-")) - {""}
