"""Words in a post that may name a place. A geocoder is asked about them; they prove nothing.

A name is a phrase of capitalised words, what follows *in*, *at* or *near*, or a hashtag.
"""

import calendar
import re
from dataclasses import dataclass

_WORD = re.compile(r"[^\W_][\w'’-]*")
_HASHTAG = re.compile(r"#(\w{3,60})")
_HUMP = re.compile(r"(?<=[^\W_A-Z])(?=[A-Z])|_+")  # where #EiffelTower and #eiffel_tower have gaps
_PREPOSITION = re.compile(r"\b(?:in|at|near)\s+((?:the|a|an|my|our|this|that)\s+)?", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]{1,5}[A-Za-z]? ")
_SENTENCE_ENDS = frozenset(".!?:\n\ufffc")

# Small words inside of names: Place de la Concorde, Tower of London, Frankfurt am Main.
_LINKS = re.compile(
    "am|an|auf|da|del?|della|der|des|di|dos?|du|las?|les?|of|sur|the", re.IGNORECASE
)
_ABBREVIATIONS = frozenset({"St", "Mt", "Ft"})  # their full stop ends no sentence
_NO_NAMES = re.compile(
    "an?|and|at|but|for|from|he|her|here|his|i|if|in|is|its?|me|my|near|not|on|our|she|so|that"
    "|the|their|there|these|they|this|those|to|today|tomorrow|tonight|we|what|when|where|who"
    "|why|with|yes|yesterday|your?|" + "|".join((*calendar.day_name, *calendar.month_name[1:])),
    re.IGNORECASE,
)
_MOST_PLAIN_WORDS = 3


@dataclass(frozen=True, slots=True)
class PlaceName:
    """Words that may name a place.

    Attributes:
        start: Where they begin in the text.
        end: Where they end.
        spellings: What to ask for, one after the other, until something is found.
        parts: What to ask for if nothing was: each may be a name of its own.
    """

    start: int
    end: int
    spellings: tuple[str, ...]
    parts: tuple[str, ...] = ()


def find_names(text: str) -> list[PlaceName]:
    """What may name a place in a text, most likely first, nothing twice."""
    found = [*_behind_prepositions(text), *_hashtags(text)]
    found += [name for name in _phrases(text) if not any(_overlap(name, other) for other in found)]
    first = {name.spellings[0].casefold(): name for name in reversed(found)}
    return [name for name in found if first[name.spellings[0].casefold()] is name]


def phrase_end(text: str, start: int) -> int:
    """Where the capitalised phrase that begins at ``start`` ends; ``start`` if there is none.

    Commas between capitalised words are part of it: Springfield, Illinois.
    """
    position = end = start
    while word := _WORD.match(text, position):
        if word[0][0].isupper() or (word[0][0].isdigit() and end > start):
            end = word.end()
        elif end == start or not _LINKS.fullmatch(word[0]):
            break
        gap = ". " if word[0] in _ABBREVIATIONS else ", " if end == word.end() else " "
        position = word.end()
        position += len(gap) if text.startswith(gap, position) else text.startswith(" ", position)
        if position == word.end():
            break
    return end


def _behind_prepositions(text: str) -> list[PlaceName]:
    names = []
    for match in _PREPOSITION.finditer(text):
        start = match.end()
        number = _NUMBER.match(text, start)  # 10 Downing Street
        after_number = number.end() if number else start
        if (end := phrase_end(text, after_number)) > after_number:
            names += _name(text, start, end)
        elif match[1] is None:
            names += _plain_words(text, start)
    return names


def _plain_words(text: str, start: int) -> list[PlaceName]:
    """Up to three words in small letters: in paris; at piazza navona."""
    position = end = start
    for _ in range(_MOST_PLAIN_WORDS):
        word = _WORD.match(text, position)
        if word is None or _NO_NAMES.fullmatch(word[0]) or not word[0][0].isalpha():
            break
        end, position = word.end(), word.end() + 1
        if text[word.end() : position] != " ":
            break
    return [PlaceName(start, end, _shorter(text[start:end]))] if end > start else []


def _shorter(words: str) -> tuple[str, ...]:
    """The words, and without the last one, and so on: the name may have ended before."""
    parts = words.split(" ")
    return tuple(" ".join(parts[:n]) for n in range(len(parts), 0, -1))


def _hashtags(text: str) -> list[PlaceName]:
    return [
        PlaceName(match.start(), match.end(), (_HUMP.sub(" ", match[1]).strip(),))
        for match in _HASHTAG.finditer(text)
        if not match[1].strip("_").isdigit() and match[1].strip("_")
    ]


def _phrases(text: str) -> list[PlaceName]:
    names: list[PlaceName] = []
    position = 0
    while word := _WORD.search(text, position):
        start, position = word.span()
        if _NO_NAMES.fullmatch(word[0]) or (end := phrase_end(text, start)) == start:
            continue
        position = end
        begins = _begins_sentence(text, start)
        if not (begins and end == word.end()):  # any word begins a sentence with a capital
            names += _name(text, start, end, without_first=begins)
    return names


def _begins_sentence(text: str, start: int) -> bool:
    """Whether no word stands between ``start`` and the end of the sentence before it."""
    for position in range(start - 1, -1, -1):
        if text[position] in _SENTENCE_ENDS:
            return True
        if text[position].isalnum():
            return False
    return True


def _name(text: str, start: int, end: int, *, without_first: bool = False) -> list[PlaceName]:
    """The phrase as a name; what stands between its commas as its parts."""
    phrase = text[start:end]
    if len(phrase) < 3 or _NO_NAMES.fullmatch(phrase):
        return []
    spellings = [phrase]
    if without_first and " " in phrase:
        spellings.append(phrase.split(" ", 1)[1])
    parts = tuple(phrase.split(", ")) if ", " in phrase else ()
    return [PlaceName(start, end, tuple(spellings), parts)]


def _overlap(a: PlaceName, b: PlaceName) -> bool:
    return a.start < b.end and b.start < a.end
