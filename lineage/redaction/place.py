"""Where in a statement a renderer stands: what came just before, the nesting, the kind of statement."""

from __future__ import annotations

from lineage.redaction import words

HEAD = 6
"""So many words of a statement's beginning tell its kind."""


class Frame:
    """What is known of one parenthesis (or of the statement itself): one level of nesting."""

    __slots__ = ("argument", "function", "in_table_place", "ordinals", "paths", "querying", "verb")

    def __init__(self, function: str = "", in_table_place: bool = False) -> None:
        self.function = function
        self.in_table_place = in_table_place
        self.argument = 0
        self.verb = ""
        self.querying = False
        self.ordinals = ""
        self.paths = False


class Place:
    """The last three tokens, the open parentheses and the first words of the statement.

    `hiding` says that what follows without a space belongs to something hidden, `kept` holds the indices
    of numbers that are part of a type, `wary` whether the text has any word that credentials stand beside,
    `depth` how many strings the text stands in, `other_language` whether it names one that is not SQL (None
    until that is asked).
    """

    __slots__ = (
        "before",
        "before2",
        "before3",
        "depth",
        "dialect",
        "frames",
        "head",
        "hiding",
        "kept",
        "other_language",
        "querying",
        "wary",
    )

    def __init__(self, dialect: str, wary: bool, depth: int = 0) -> None:
        self.dialect = dialect
        self.depth = depth
        self.other_language: bool | None = None
        self.wary = wary
        self.hiding = False
        self.kept: set[int] = set()
        self.new_statement()

    def new_statement(self) -> None:
        """Forget what came before: a statement begins."""
        self.before = self.before2 = self.before3 = ""
        self.frames = [Frame()]
        self.head: list[str] = []
        self.querying = False

    def step(self, token: str) -> None:
        """Move behind a token; a literal counts as `'`, a quoted name as `"`, a number as `0`."""
        self.before3, self.before2, self.before = self.before2, self.before, token
        frame = self.frames[-1]
        if not frame.verb and token != "(":
            frame.verb = token

    @property
    def verb(self) -> str:
        """The statement's first word."""
        return self.head[0] if self.head else ""


def turn(place: Place, word: str) -> None:
    """Note a word that changes how what follows is read."""
    frame = place.frames[-1]
    if len(place.head) < HEAD:
        place.head.append(word)
    if word in words.QUERYING:
        place.querying = True
        frame.querying = frame.querying or word == "SELECT"
    if word == "BY":
        frame.ordinals = place.before if place.before in ("GROUP", "ORDER") else ""
    elif frame.ordinals and word in words.KEYWORDS and word not in ("ASC", "DESC", "WITH"):
        frame.ordinals = ""
