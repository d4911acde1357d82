"""The claims file: each claim in plain words, where it was made, and the rule that judges it."""

from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, ValidationError, model_validator

from moe_core.claims.rules import Rule, Selection, leaves
from moe_core.errors import StudyError
from moe_core.strict import Strict

Text = Annotated[str, Field(min_length=1)]


class Claim(Strict):
    """One claim.

    source: the document and the place that make it. doubt: why it is suspect.
    awaits: the experiment that could judge it and does not exist yet; else it has a rule.
    premise: what must hold for the rule to say anything. told: measures that the verdict does not
    rest on and whose range over the rule's strategies stands in its reason.
    """

    id: Annotated[str, Field(pattern=r"^C\d\d$")]
    sentence: Text
    source: Text
    doubt: Text
    premise: Rule | None = None
    rule: Rule | None = None
    told: list[Selection] = Field(default_factory=list)
    awaits: Text | None = None

    @model_validator(mode="after")
    def _judged_or_waiting(self) -> "Claim":
        if (self.rule is None) == (self.awaits is None):
            raise ValueError("a claim has either a rule or the experiment that it awaits")
        rules = [rule for rule in (self.premise, self.rule) if rule]
        if any(arm.strategy is None for r in rules for x in leaves(r) for arm in x.arms()):
            raise ValueError("an arm names no strategy, and no quantifier gives it one")
        return self


def load_claims(path: Path) -> list[Claim]:
    """Read and check a claims file.

    Raises StudyError: one line with the file, the claim's id, the key and what is wrong.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise StudyError(str(path), f"is not YAML: {error}") from None
    if not isinstance(content, dict) or content.keys() != {"claims"}:
        raise StudyError(str(path), "one key belongs here", "claims: a list of claims")
    claims = [_claim(path, item) for item in content["claims"] or []]
    ids = [claim.id for claim in claims]
    for repeated in sorted({i for i in ids if ids.count(i) > 1}):
        raise StudyError(f"{path}: {repeated}", "stands there twice")
    return claims


def _claim(path: Path, item: Any) -> Claim:
    try:
        return Claim.model_validate(item)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = item.get("id", "a claim without id") if isinstance(item, dict) else repr(item)
        where = ".".join([f"{path}: {name}", *map(str, first["loc"])])
        raise StudyError(where, f"{first['input']!r} is wrong: {first['msg']}") from None
