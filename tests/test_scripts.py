"""What commands refuse."""

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from moe_core.corpus.tokenization import character_tokenizer
from moe_core.errors import StudyError
from workflow_scripts.summary import same_machine
from workflow_scripts.tokenizer import refuse_lossy


def test_rates_of_two_machines_do_not_stand_side_by_side():
    two, four = ({"process": {"threads": n}} for n in (2, 4))
    same_machine([two, dict(two)])
    with pytest.raises(StudyError, match='throughput: timed under 2 settings: .*"threads": 4'):
        same_machine([two, four])


def test_a_tokenizer_that_loses_text_is_refused():
    stories = ["The Fox ran.", "It was happy."]
    refuse_lossy(character_tokenizer(stories), stories, "exact")
    lower = character_tokenizer([s.lower() for s in stories])
    lower.normalizer = normalizers.Lowercase()
    words = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    for tokenizer in (lower, words):
        with pytest.raises(StudyError, match="tokenizer.pretrained.name: 'bad' loses text"):
            refuse_lossy(tokenizer, stories, "bad")
