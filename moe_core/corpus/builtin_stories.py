"""A seeded grammar of short children's stories: the corpus that needs no network.

A story is made in four passes, each a pure function of the story's own random stream:

1. *cast*: draw a setting, characters with gender and species, and a thing the plot allows;
2. *plan*: expand the plot's productions into segments (speech, clause chains, plain sentences);
3. *realise*: turn segments into sentences, choosing word order, subordination and speech tags;
4. *refer*: replace each mention of an entity by an introduction, a name, a description or a
   pronoun, whichever the preceding text of the paragraph allows.

The notation of productions is explained at the top of `builtin_vocabulary`.
"""

import hashlib
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache

from moe_core.corpus import builtin_vocabulary as lexicon

WORDS_MIN, WORDS_MAX = 80, 250

PRONOUN_FORMS = ("they", "them", "their", "self")
PRONOUNS = {
    "she": ("she", "her", "her", "herself"),
    "he": ("he", "him", "his", "himself"),
    "it": ("it", "it", "its", "itself"),
    "they": ("they", "them", "their", "themselves"),
}
AGREEMENT = {"is": "are", "was": "were", "this": "these"}

CHOICE = re.compile(r"\(([^()]*)\)")
RULE = re.compile(r"<([\w.]+)(?::(\w+))?>")
SPEECH = re.compile(r"(\w+)(?:/(\w+))?: (.+)")
CHAIN = re.compile(r"(\w+)\* (.+)")
ADVERBIAL = re.compile(r" ?(\^{1,2})([^^]+)\^ ?")
MENTION = re.compile(r"\{(\w+)\.?(\w*)\}")
REFERENCE = re.compile(r'(\{\w+(?:\.\w+)?\}|"|[.!?] )')
ARTICLE = re.compile(r"\b([Aa]) (?=[\"]?(\w+))")
CAPITAL = re.compile(r"~(\w)")
AN_EXCEPTIONS = re.compile(r"(?:one|once|uni|use|usu|eu|ewe)", re.IGNORECASE)
SILENT_H = re.compile(r"(?:hour|honest|honor)", re.IGNORECASE)


# ---------------------------------------------------------------- morphology


def _doubles(verb: str) -> bool:
    """Whether the last consonant doubles before -ed and -ing (hop, hopped, hopping)."""
    one_syllable = re.fullmatch(r"(?:qu|[^aeiou])*[aeiouy][^aeiouwxy]", verb)
    return bool(one_syllable) or verb in lexicon.DOUBLING


@cache
def past(verb: str) -> str:
    """Past tense of a lemma; irregular forms come from the lexicon."""
    if verb in lexicon.IRREGULAR:
        return lexicon.IRREGULAR[verb][0]
    if verb.endswith("e"):
        return verb + "d"
    if re.search(r"[^aeiou]y$", verb):
        return verb[:-1] + "ied"
    return verb + (verb[-1] if _doubles(verb) else "") + "ed"


@cache
def participle(verb: str) -> str:
    """Past participle of a lemma (for the pluperfect)."""
    return lexicon.IRREGULAR[verb][1] if verb in lexicon.IRREGULAR else past(verb)


@cache
def gerund(verb: str) -> str:
    """The -ing form of a lemma."""
    if verb.endswith("ie"):
        return verb[:-2] + "ying"
    if verb.endswith("e") and not verb.endswith(("ee", "oe", "be")):
        return verb[:-1] + "ing"
    return verb + (verb[-1] if _doubles(verb) else "") + "ing"


def _inflect(phrase: str, form: Callable[[str], str]) -> str:
    """A verb phrase with its head lemma replaced by one of its forms."""
    verb, _, rest = phrase.partition(" ")
    return f"{form(verb)} {rest}".rstrip()


def with_articles(text: str) -> str:
    """Write `an` for `a` before a vowel sound."""

    def article(match: re.Match[str]) -> str:
        word = match[2]
        vowel = word[0] in "aeiouAEIOU" and not AN_EXCEPTIONS.match(word)
        return match[1] + ("n " if vowel or SILENT_H.match(word) else " ")

    return ARTICLE.sub(article, text)


# ---------------------------------------------------------------- cast


@dataclass(frozen=True)
class Entity:
    """A character or thing: what it is called, and the features agreement needs."""

    name: str  # proper name, or the bare noun of a thing
    pronoun: str  # a key of PRONOUNS
    kind: str  # species, role, or the thing's noun
    described: str  # noun phrase without article: "curious young fox", "red kite"
    first: tuple[str, ...] = ()  # how the first mention may read; empty for things
    hands: str = "paws"


@cache
def _alternatives(block: str) -> tuple[str, ...]:
    """Lines of a block; an indented line continues the one before."""
    return tuple(re.sub(r"\n\s+", " ", block.strip()).splitlines())


@cache
def _productions() -> dict[str, str]:
    """Rule name to its block of alternatives."""
    blocks = re.split(r"^= ", lexicon.PRODUCTIONS, flags=re.MULTILINE)[1:]
    return dict(block.split("\n", 1) for block in blocks)


@cache
def _rows(block: str) -> tuple[dict[str, str], ...]:
    """Rows of a table whose first line names the columns."""
    head, *rows = (line.split(" / ") for line in _alternatives(block))
    return tuple(dict(zip(head, row, strict=True)) for row in rows)


@dataclass
class Story:
    """The state of one story: its random stream, its cast and what is already settled."""

    rng: random.Random
    setting: dict[str, str]
    plot: dict[str, str]
    cast: dict[str, Entity] = field(default_factory=dict)
    bound: dict[str, str] = field(default_factory=dict)
    rows: dict[str, dict[str, str]] = field(default_factory=dict)
    unused: dict[str, list[str]] = field(default_factory=dict)
    met: set[str] = field(default_factory=set)
    asker: str = ""  # who asked a question in the segment before

    # ------------------------------------------------------------ plan

    def expand(self, text: str) -> str:
        """Resolve choices `(a|b)` and rules `<name>` until only mentions `{h}` remain."""
        while "(" in text:
            text = CHOICE.sub(lambda m: self.rng.choice(m[1].split("|")).strip(), text)
        return RULE.sub(lambda m: self.rule(m[1], m[2]), text)

    def rule(self, name: str, bind: str | None = None) -> str:
        """Expand rule `name`; with `bind`, settle the result for the whole story."""
        if bind is not None:
            if bind not in self.bound:
                self.bound[bind] = self.rule(name)
            return self.bound[bind]
        table, _, column = name.partition(".")
        if table in lexicon.TABLES:
            if table not in self.rows:
                self.rows[table] = self.rng.choice(self.fitting(table))
            return self.expand(self.rows[table][column])
        if not self.unused.get(name):  # draw without replacement: no phrase twice in a story
            lines = _alternatives(self.setting.get(name) or _productions()[name])
            self.unused[name] = self.rng.sample(lines, len(lines))
        return self.expand(self.unused[name].pop())

    def fitting(self, table: str) -> list[dict[str, str]]:
        """Rows of a table that suit the setting."""
        rows = _rows(lexicon.TABLES[table])
        return [
            r for r in rows if {"any", self.setting["name"]} & set(r.get("where", "any").split())
        ]

    # ------------------------------------------------------------ realise

    def realise(self, segment: str) -> str:
        """One segment of the plan as one or more sentences."""
        if speech := SPEECH.fullmatch(segment):
            answering = self.asker not in ("", speech[1])
            self.asker = speech[1] if segment.endswith("?") else ""
            return self.speech(speech[1], speech[2], speech[3], answering)
        self.asker = ""
        adverbial = ADVERBIAL.search(segment)
        if chain := CHAIN.fullmatch(ADVERBIAL.sub("", segment)):
            front, back = "", ""
            if adverbial and (adverbial[1] == "^^" or self.rng.random() < 0.6):
                front = adverbial[2] + ", "
            elif adverbial:
                back = " " + adverbial[2]
            return self.chain(chain[1], chain[2].split(" * "), front, back)
        return _sentences(segment)

    def speech(self, speaker: str, mood: str | None, line: str, answering: bool) -> str:
        """Direct speech with a tag before, after or inside it, or an action in its place."""
        mood = mood or {"?": "ask", "!": "cry"}.get(line[-1], "say")
        line = _sentences(line)
        verb = self.rule("say.answer" if answering and mood == "say" else f"say.{mood}")
        manner = self.own(speaker, f"manner.{mood}")  # ", nodding" or "calmly"
        adverb = "" if manner[0] == "," else " " + manner
        manner = adverb or manner
        who, name = f"{{{speaker}}}", f"{{{speaker}.n}}"
        tag = self.rng.choice((f"{verb} {name}", f"{verb} {name}{manner}", f"{who} {verb}{manner}"))
        head, _, tail = line.partition(" ~")
        form = self.rng.random()
        if form < 0.15:
            return f'~{self.own(speaker, f"gesture.{mood}")}. "{line}"'
        if form < 0.35:
            return f'~{who} {verb}{adverb}, "{line}"'
        if tail and form < 0.75:
            return f'"{_open_ended(head)}" {tag}. "~{tail}"'
        return f'"{_open_ended(line)}" {tag}.'

    def own(self, speaker: str, name: str) -> str:
        """Expand a rule about `{S}`, the speaker."""
        return self.rule(name).replace("{S", "{" + speaker)

    def chain(self, subject: str, phrases: list[str], front: str, back: str) -> str:
        """A subject with one to three verb phrases, coordinated, subordinated or split."""
        plural = subject not in self.cast or self.cast[subject].pronoun == "they"

        def tense(phrase: str) -> str:
            if phrase.startswith("="):
                return phrase[1:]
            done = _inflect(phrase, past)
            return re.sub(r"^was\b", "were", done) if plural else done

        first, *rest = phrases
        who, done = f"{{{subject}}}", [tense(phrase) for phrase in phrases]
        if not rest:
            return f"~{front}{who} {done[0]}{back}."
        later = done[1] if len(rest) == 1 else f"{done[1]} and {done[2]}"
        listed = " and ".join(done) if len(rest) == 1 else f"{done[0]}, {done[1]}, and {done[2]}"
        forms = [f"{front}{who} {listed}{back}."] * 2
        if first[0] != "=" and first.split()[0] not in lexicon.STATIVE:
            forms.append(f"{front}after {_inflect(first, gerund)}, {who} {later}{back}.")
            forms.append(
                f"{front}when {who} had {_inflect(first, participle)}, {who} {later}{back}."
            )
        if rest[0][0] != "=":
            link = self.rng.choice(("then", "next,", "after that,"))
            forms.append(f"{front}{who} {done[0]}. ~{link} {who} {later}{back}.")
            if len(rest) == 1:
                forms.append(f"{front}{who} {done[0]}, and then {who} {done[1]}{back}.")
        return "~" + self.rng.choice(forms)

    # ------------------------------------------------------------ refer

    def refer(self, paragraph: str) -> str:
        """Replace mentions by words, tracking who each pronoun would stand for."""
        salient: dict[str, str] = {}  # pronoun -> the one character it can mean here
        in_sentence: set[str] = set()
        quoted = False
        out: list[str] = []
        for token in REFERENCE.split(paragraph):
            if token == '"':
                quoted = not quoted
            elif token[-1:] == " " and token[:1] in ".!?":
                in_sentence.clear()
            elif token.startswith("{"):
                key, _, form = token[1:-1].partition(".")
                token = self.mention(key, form, quoted, salient, in_sentence)
            out.append(token)
        return "".join(out)

    def mention(
        self, key: str, form: str, quoted: bool, salient: dict[str, str], in_sentence: set[str]
    ) -> str:
        """One mention of the entity `key` (or the pair of entities) in the form asked for."""
        pair = [self.cast[letter] for letter in key] if key not in self.cast else []
        who = self.cast.get(key)
        pronoun = who.pronoun if who else "they"
        if form in PRONOUN_FORMS:
            return PRONOUNS[pronoun][PRONOUN_FORMS.index(form)]
        if form in AGREEMENT:
            return AGREEMENT[form] if pronoun == "they" else form
        if who and not who.first:
            return _thing(who, form)
        if who and form in ("a", "new", "name", "titled", "kind", "hands", "hand"):
            return self.described(key, form)
        clear = salient.get(pronoun) == key and not quoted
        sure = form == "p" or key in in_sentence
        if clear and form != "n" and (sure or self.rng.random() < 0.75):
            in_sentence.add(key)
            return PRONOUNS[pronoun][{"": 0, "o": 1, "p": 2}[form]]
        if pair:
            words = " and ".join(
                self.mention(member, "n", quoted, salient, in_sentence) for member in key
            )
            for member in pair:  # "she" is spoilt by a pair, which may hold two of them
                salient.pop(member.pronoun, None)
        else:
            words = MENTION.sub(  # an introduction may mention others: {h.p} friend Tom
                lambda m: self.mention(m[1], m[2], quoted, salient, in_sentence),
                self.full(key, quoted),
            )
        if not quoted:
            salient[pronoun] = key
            in_sentence.add(key)
        return words + ("'s" if form == "p" else "")

    def described(self, key: str, form: str) -> str:
        """A form that says what the character is; `new` introduces it by name too."""
        who = self.cast[key]
        self.met.add(key)
        child = who.kind in ("girl", "boy")
        return {
            "a": f"a {who.described}",
            "new": f"a {who.described} {self.rng.choice(('named', 'called'))} {who.name}",
            "name": who.name,
            "titled": who.name if child else f"{who.name} the {who.kind}",
            "kind": who.kind,
            "hands": who.hands,
            "hand": who.hands[:-1],
        }[form]

    def full(self, key: str, quoted: bool) -> str:
        """A name; an introduction at the first mention; at times a description."""
        who = self.cast[key]
        if quoted:
            return who.name
        if key not in self.met:
            self.met.add(key)
            return self.rng.choice(who.first)
        unique = sum(other.kind == who.kind for other in self.cast.values()) == 1
        described = unique and who.kind.islower() and self.rng.random() < 0.12
        return f"the {who.kind}" if described else who.name


def _sentences(text: str) -> str:
    """Mark the beginning of every sentence for capitalisation."""
    return "~" + re.sub(r"([.!?]) (?=\S)", r"\1 ~", text)


def _open_ended(quote: str) -> str:
    """A quotation as it stands before its tag: the full stop gives way to a comma."""
    return quote[:-1] + "," if quote.endswith(".") else quote


def _thing(thing: Entity, form: str) -> str:
    many = thing.pronoun == "they"
    return {
        "": f"the {thing.name}",
        "n": thing.name,
        "a": f"a pair of {thing.described}" if many else f"a {thing.described}",
    }[form]


# ---------------------------------------------------------------- drawing a story


def _cast(story: Story) -> None:
    """Fill the story's cast; names start with different letters so that no two are confused."""
    rng, setting = story.rng, story.setting
    initials: set[str] = set()

    def name(pronoun: str) -> str:
        free = [n for n in lexicon.NAMES[pronoun].split() if n[0] not in initials]
        initials.add((chosen := rng.choice(free))[0])
        return chosen

    people = "house" in setting and rng.random() < 0.5
    home, moral = setting["house" if people else "den"], f"<{story.plot['name']}.moral>"
    story.setting = setting | {"home": home, "moral": moral}
    hands = "hands" if people else "paws"
    kinds = rng.sample(setting["animals"].split(), 4)
    stranger = story.plot["stranger"]
    for key, adjective in (("h", "trait"), ("f", "trait"), ("r", "boast"), ("s", stranger)):
        pronoun = rng.choice(("she", "he"))
        child = people and (key != "s" or stranger == "fresh")
        kind = ("girl" if pronoun == "she" else "boy") if child else kinds.pop()
        described, chosen = story.rule(adjective), name(pronoun)
        if " " in described:  # a noun phrase of its own, such as "shimmering fairy"
            kind = described.split()[-1]
        else:
            described += " " + kind
        if key == "f":
            friend = chosen if child else f"{chosen} the {kind}"
            first = (f"{{h.p}} friend {friend}", f"{{h.p}} good friend {friend}")
        else:
            first = (f"a {described} named {chosen}", f"a {described} called {chosen}")
        story.cast[key] = Entity(chosen, pronoun, kind, described, first, hands)
    family = [r for r in story.fitting("family") if story.plot["family"] in r["tags"].split()]
    role, pronoun = (row := rng.choice(family))["role"], row["pronoun"]
    story.cast["g"] = Entity(role, pronoun, role, role, (f"{{h.p}} {role.lower()}",), hands)
    kind = story.rule("elder.people" if people else "elder.animals")
    chosen = name(pronoun := rng.choice(("she", "he")))
    first = (f"{chosen} the {kind}", f"old {chosen} the {kind}")
    story.cast["e"] = Entity(chosen, pronoun, kind, f"old {kind}", first, hands)
    things = [
        r for r in story.fitting("things") if story.plot["thing"] in [*r["tags"].split(), "-"]
    ]
    story.rows["things"] = thing = rng.choice(things)
    described = f"{story.expand(thing['looks'])} {thing['noun']}"
    number = "they" if thing["number"] == "many" else "it"
    story.cast["x"] = Entity(thing["noun"], number, thing["noun"], described)


def _draft(rng: random.Random) -> str:
    """One story of whatever length the productions give."""
    setting = rng.choice(lexicon.SETTINGS)
    story = Story(rng, setting, rng.choice(_rows(lexicon.TABLES["plots"])))
    _cast(story)
    helper = rng.choice(story.plot["helper"].split())
    plan = story.expand(f"<open> <{story.plot['name']}> ## <end>")
    plan = re.sub(r"\{(h?)k\b", rf"{{\1{helper}", re.sub(r"\b(h?)k(?=[*:/])", rf"\1{helper}", plan))
    paragraphs = []
    for part in plan.split("##"):
        text, speaker = "", ""
        for segment in filter(None, (piece.strip() for piece in part.split("//"))):
            speech = SPEECH.fullmatch(segment)
            if speech and speaker not in ("", speech[1]):  # a new speaker, a new paragraph
                paragraphs.append(text)
                text = ""
            speaker = speech[1] if speech else ""
            text += (" " if text else "") + story.realise(segment)
        paragraphs.append(text)
    spelled = (story.refer(paragraph) for paragraph in paragraphs if paragraph)
    text = "\n\n".join(re.sub(" +", " ", paragraph) for paragraph in spelled)
    return with_articles(CAPITAL.sub(lambda m: m[1].upper(), text))


def builtin_stories(seed: int, count: int) -> Iterator[str]:
    """Yield `count` stories of 80 to 250 words; story i depends on (seed, i) alone.

    Paragraphs are separated by a blank line; the text is plain ASCII.
    """
    for index in range(count):
        digest = hashlib.sha256(f"{seed}/{index}".encode()).digest()
        rng = random.Random(int.from_bytes(digest))
        story = _draft(rng)
        while not WORDS_MIN <= len(story.split()) <= WORDS_MAX:
            story = _draft(rng)
        yield story
