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
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from moe_core.corpus import builtin_vocabulary as lexicon

WORDS_MIN, WORDS_MAX = 80, 250

PRONOUNS = {  # they, them, their, theirs, self
    "she": ("she", "her", "her", "hers", "herself"),
    "he": ("he", "him", "his", "his", "himself"),
    "it": ("it", "it", "its", "its", "itself"),
    "they": ("they", "them", "their", "theirs", "themselves"),
}
PRONOUN_FORMS = ("they", "them", "their", "theirs", "self")
AGREEMENT = {"is": "are", "was": "were", "has": "have", "this": "these", "looks": "look"}

CHOICE = re.compile(r"\(([^()]*)\)")
RULE = re.compile(r"<([\w.]+)(?::(\w+))?>")
SPEECH = re.compile(r"(\w+)(?:/(\w+))?: (.+)", re.DOTALL)
CHAIN = re.compile(r"(\w+)\* (.+)", re.DOTALL)
ADVERBIAL = re.compile(r" *(\^{1,2})([^^]+)\^")
REFERENCE = re.compile(r'(\{\w+(?:\.\w+)?\}|"|[.!?] )')
ARTICLE = re.compile(r"\b([Aa]) (?=[\"]?(\w+))")
CAPITAL = re.compile(r'~("?)(\w)')
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


def _inflect(phrase: str, form) -> str:  # type: ignore[no-untyped-def]
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

    # ------------------------------------------------------------ plan

    def expand(self, text: str) -> str:
        """Resolve choices `(a|b)` and rules `<name>` until only mentions `{h}` remain."""
        while "(" in text:
            text = CHOICE.sub(lambda m: self.rng.choice(m[1].split("|")), text)
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
                self.rows[table] = self.rng.choice(_rows(lexicon.TABLES[table]))
            return self.expand(self.rows[table][column])
        if not self.unused.get(name):  # draw without replacement: no phrase twice in a story
            block = self.setting[name] if name in self.setting else lexicon.PRODUCTIONS[name]
            self.unused[name] = self.rng.sample(lines := _alternatives(block), len(lines))
        return self.expand(self.unused[name].pop())

    # ------------------------------------------------------------ realise

    def realise(self, segment: str) -> str:
        """One segment of the plan as one or more sentences."""
        if speech := SPEECH.fullmatch(segment):
            return self.speech(speech[1], speech[2], speech[3])
        if chain := CHAIN.fullmatch(segment):
            return self.chain(chain[1], chain[2])
        return _sentences(segment)

    def speech(self, speaker: str, mood: str | None, line: str) -> str:
        """Direct speech with a tag before, after or inside it, or an action in its place."""
        mood = mood or {"?": "ask", "!": "cry"}.get(line[-1], "say")
        line = _sentences(line)
        comma = line[:-1] + "," if line.endswith(".") else line
        verb = self.rule(f"say.{mood}")
        manner = self.own(speaker, f"manner.{mood}")
        who, name = f"{{{speaker}}}", f"{{{speaker}.n}}"
        tag = self.rng.choice((f"{verb} {name}", f"{verb} {name}{manner}", f"{who} {verb}{manner}"))
        head, stop, tail = re.fullmatch(r"(?s)(.*?)(?:([.!?]) (~.*))?", line).groups()  # type: ignore[union-attr]
        form = self.rng.random()
        if form < 0.15:
            return f'~{self.own(speaker, f"gesture.{mood}")}. "{line}"'
        if form < 0.35:
            return f'~{who} {verb}{manner if manner[0] == " " else ""}, "{line}"'
        if tail and form < 0.75:
            return f'~"{head}{"," if stop == "." else stop}" {tag}. "{tail}"'
        return f'~"{comma}" {tag}.'

    def own(self, speaker: str, name: str) -> str:
        """Expand a rule about `{S}`, the speaker."""
        return self.rule(name).replace("{S", "{" + speaker)

    def chain(self, subject: str, text: str) -> str:
        """A subject with one to three verb phrases, coordinated, subordinated or split."""
        adverbial = ADVERBIAL.search(text)
        front = back = ""
        if adverbial:
            text = text.replace(adverbial[0], "")
            fronted = adverbial[1] == "^^" or self.rng.random() < 0.6
            front, back = (adverbial[2] + ", ", "") if fronted else ("", " " + adverbial[2])
        phrases = text.split(" * ")
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
        if not first.startswith(("=", "be ")):
            forms.append(f"{front}after {_inflect(first, gerund)}, {who} {later}{back}.")
            forms.append(
                f"{front}when {who} had {_inflect(first, participle)}, {who} {later}{back}."
            )
        if not rest[-1].startswith(("=", "be ")):
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
        if who and form in ("kind", "hands", "described"):
            return str(getattr(who, form))
        clear = salient.get(pronoun) == key and not quoted
        if not quoted:
            for member in key if pair else ():  # "she" is spoilt if both of a pair are she
                salient.pop(self.cast[member].pronoun, None)
            salient[pronoun] = key
        may_shorten = form != "n" and clear
        if may_shorten and (form == "p" or key in in_sentence or self.rng.random() < 0.75):
            return PRONOUNS[pronoun][{"": 0, "o": 1, "p": 2}[form]]
        if not quoted:
            in_sentence.add(key)
        if pair:
            words = " and ".join(self.full(letter, quoted) for letter in key)
            salient.setdefault("they", key)
        else:
            words = self.full(key, quoted)
        words = self.refer_inside(words, quoted, salient, in_sentence)
        return words + ("'s" if form == "p" else "")

    def refer_inside(
        self, words: str, quoted: bool, salient: dict[str, str], in_sentence: set[str]
    ) -> str:
        """Resolve the mentions inside an introduction such as `{h.p} friend Tom`."""
        outer = dict(salient)
        words = re.sub(
            r"\{(\w+)\.?(\w*)\}",
            lambda m: self.mention(m[1], m[2], quoted, salient, in_sentence),
            words,
        )
        salient.update(outer)
        return words

    def full(self, key: str, quoted: bool) -> str:
        """A name; an introduction at the first mention; at times a description."""
        who = self.cast[key]
        if quoted:
            return who.name
        if key not in self.met:
            self.met.add(key)
            return self.rng.choice(who.first)
        unique = sum(other.kind == who.kind for other in self.cast.values()) == 1
        return f"the {who.kind}" if unique and self.rng.random() < 0.12 else who.name


def _sentences(text: str) -> str:
    """Mark the beginning of every sentence for capitalisation."""
    return "~" + re.sub(r"([.!?]) (?=\S)", r"\1 ~", text)


def _thing(thing: Entity, form: str) -> str:
    many = thing.pronoun == "they"
    forms = {
        "": f"the {thing.name}",
        "n": thing.name,
        "described": thing.described,
        "a": f"a pair of {thing.described}" if many else f"a {thing.described}",
        "one": "some" if many else "one",
    }
    return forms[form]


# ---------------------------------------------------------------- drawing a story


def _cast(story: Story) -> None:
    """Fill the story's cast; names start with different letters so that no two are confused."""
    rng, setting = story.rng, story.setting
    initials: set[str] = set()

    def name(pronoun: str) -> str:
        free = [n for n in lexicon.NAMES[pronoun] if n[0] not in initials]
        initials.add((chosen := rng.choice(free))[0])
        return chosen

    people = "house" in setting and rng.random() < 0.5
    story.setting = setting | {"home": setting["house" if people else "den"]}
    kinds = rng.sample(setting["animals"].split(), 4)
    for key, adjectives in (("h", "trait"), ("f", "trait"), ("r", "boast"), ("s", "weary")):
        pronoun = rng.choice(("she", "he"))
        child = people and key != "s"
        kind = ("girl" if pronoun == "she" else "boy") if child else kinds.pop()
        chosen = name(pronoun)
        if key == "s" and story.plot["stranger"] != "-":
            kind = story.rule(story.plot["stranger"])
        described = f"{story.rule(adjectives)} {kind}"
        first = {
            "h": (chosen,),
            "f": (f"{{h.p}} friend {chosen}", f"{{h.p}} good friend {chosen}")
            + (() if child else (f"{chosen} the {kind}", f"{{h.p}} friend {chosen} the {kind}")),
        }.get(key, (f"a {described} named {chosen}", f"a {described} called {chosen}"))
        hands = "hands" if child else "paws"
        story.cast[key] = Entity(chosen, pronoun, kind, described, first, hands)
    role, pronoun = rng.choice(lexicon.FAMILY)
    story.cast["g"] = Entity(
        role, pronoun, role, role, (f"{{h.p}} {role.lower()}", role), "hands" if people else "paws"
    )
    kind, pronoun = story.rule("elder.people" if people else "elder.animals"), rng.choice(("she", "he"))
    chosen = name(pronoun)
    story.cast["e"] = Entity(
        chosen, pronoun, kind, f"old {kind}", (f"{chosen} the {kind}", f"old {chosen} the {kind}")
    )
    story.cast["k"] = story.cast[story.rng.choice(story.plot["helper"].split())]
    things = [
        row
        for row in _rows(lexicon.TABLES["things"])
        if story.plot["thing"] in row["tags"].split() + ["-"]
        and (row["where"] == "any" or setting["name"] in row["where"].split())
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
    helper = next(key for key, who in story.cast.items() if who is story.cast["k"])
    plan = story.expand(f"<open> <{story.plot['name']}> ## <end>")
    plan = re.sub(r"\{(h?)k\b", rf"{{\1{helper}", re.sub(r"\b(h?)k(?=[*:/])", rf"\1{helper}", plan))
    del story.cast["k"]
    paragraphs = []
    for part in plan.split("##"):
        text, speaker = "", ""
        for segment in filter(None, (piece.strip() for piece in part.split("//"))):
            speech = SPEECH.fullmatch(segment)
            if speech and speaker not in ("", speech[1]) and rng.random() < 0.4:
                paragraphs.append(text)
                text = ""
            speaker = speech[1] if speech else speaker
            text += (" " if text else "") + story.realise(segment)
        paragraphs.append(text)
    spelled = (story.refer(paragraph) for paragraph in paragraphs if paragraph)
    text = "\n\n".join(re.sub(" +", " ", paragraph) for paragraph in spelled)
    return with_articles(CAPITAL.sub(lambda m: m[1] + m[2].upper(), text))


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
