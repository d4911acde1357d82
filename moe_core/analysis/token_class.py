"""What kind of token a text is, by its characters alone."""

from moe_core.corpus.sources import SEPARATOR

CLASSES = (
    "separator",
    "space",
    "punctuation",
    "digit",
    "uppercase",
    "vowel",
    "consonant",
    "function word",
    "word start",
    "word piece",
    "other",
)
# the closed classes of English: articles, pronouns, prepositions, conjunctions, auxiliaries
CLOSED = (
    "a about after again all am an and any are around as at away be because been before "
    "but by can could did do does down each even every for from had has have he her here "
    "him his how i if in into is it its just me more my no not now of off on one or our "
    "out over she so some than that the their them then there they this to too under up "
    "us very was we were what when where which who why will with would you your"
)
FUNCTION_WORDS = frozenset(CLOSED.split())


def token_class(text: str) -> str:
    """One of ``CLASSES``.

    Single letters are ``vowel``, ``consonant`` or ``uppercase``; of subwords the capitalised ones
    are ``uppercase``, those after a space ``function word`` or ``word start``, others
    ``word piece``.
    """
    word = text.strip()
    if text == SEPARATOR:
        return "separator"
    if not word:
        return "space"
    if not any(character.isalnum() for character in word):
        return "punctuation"
    if word.isdecimal():
        return "digit"
    if not word.isalpha():
        return "other"
    starts = text[0].isspace() or word[0].isupper()
    if len(text) > 1 and starts and word.lower() in FUNCTION_WORDS:
        return "function word"
    if word[0].isupper():
        return "uppercase"
    if len(text) == 1:
        return "vowel" if word in "aeiou" else "consonant"
    return "word start" if text[0].isspace() else "word piece"
