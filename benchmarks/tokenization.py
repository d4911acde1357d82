"""Encoding speed beside the tokenizer's own, and the peak memory of files to tokens.

    python benchmarks/tokenization.py --megabytes 2000 --memory-kind bpe --out tokenization.json

Speed: `encode_stories` (encode, count, hash, write) and a bare `encode_batch_fast` on the same
stories in memory, in turn; the ratio is the median of the ratios of the repeats. Memory: peak RSS
of a child process that runs file_stories -> write_splits -> read_stories -> encode_stories on a
file of the size asked for. Needs about four times that size under --folder.
"""

import argparse
import json
import os
import platform
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from importlib import metadata
from itertools import accumulate, islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tokenizers import Tokenizer

from benchmarks.outcome import publish
from moe_core.corpus.sources import SEPARATOR, file_stories
from moe_core.corpus.splits import SPLITS, read_stories, write_splits
from moe_core.corpus.tokenization import (
    STORIES_AT_ONCE,
    bpe_tokenizer,
    character_tokenizer,
    encode_stories,
)

TRAIN_STORIES = 5000


def synthetic_stories(seed: int) -> Iterator[str]:
    """Endless stories of about 1 kB, as in TinyStories; 3,000 words of syllables, by Zipf."""
    rng = random.Random(seed)
    syllables = [c + v for c in "bcdfghjklmnprstvwz" for v in ("a", "e", "i", "o", "u", "en", "ar")]
    words = ["".join(rng.choices(syllables, k=rng.randint(1, 4))) for _ in range(3000)]
    weights = [*accumulate(1 / rank for rank in range(1, len(words) + 1))]

    def sentence() -> str:
        return " ".join(rng.choices(words, cum_weights=weights, k=rng.randint(5, 14))).capitalize()

    sentences = [sentence() + rng.choice((".", ".", ".", "!", "?")) for _ in range(20_000)]
    while True:
        yield " ".join(rng.choices(sentences, k=rng.randint(10, 24)))


def megabytes_of(stories: Iterable[str], megabytes: float) -> Iterator[str]:
    """Stories until their UTF-8 text reaches that size."""
    left = megabytes * 1e6
    for story in stories:
        if left <= 0:
            return
        left -= len(story.encode())
        yield story


def tokenizer_of(kind: str, vocab_size: int) -> Tokenizer:
    """A tokenizer trained on other stories of the same language."""
    stories = islice(synthetic_stories(0), TRAIN_STORIES)
    return character_tokenizer(stories) if kind == "char" else bpe_tokenizer(stories, vocab_size)


def speed(tokenizer: Tokenizer, stories: list[str], repeats: int, folder: Path) -> dict[str, float]:
    """MB/s of both, and the share of the tokenizer's own speed that is left."""
    megabytes = sum(len(s.encode()) for s in stories) / 1e6
    chunks = [stories[i : i + STORIES_AT_ONCE] for i in range(0, len(stories), STORIES_AT_ONCE)]
    own, ours = [], []
    for repeat in range(repeats + 1):
        start = time.perf_counter()
        for chunk in chunks:
            tokenizer.encode_batch_fast(chunk, add_special_tokens=False)
        middle = time.perf_counter()
        encode_stories(tokenizer, stories, folder / "speed.bin")
        end = time.perf_counter()
        if repeat:  # the first warms caches
            own.append(megabytes / (middle - start))
            ours.append(megabytes / (end - middle))
    return {
        "ratio": statistics.median(b / a for a, b in zip(own, ours, strict=True)),
        "ours_mb_per_s": statistics.median(ours),
        "tokenizer_mb_per_s": statistics.median(own),
        "megabytes": megabytes,
    }


def files_to_tokens(text: Path, tokenizer: Path, folder: Path) -> dict[str, float]:
    """The child: the whole path from a text file to token arrays, with its own peak RSS."""
    start = time.perf_counter()
    counts = write_splits(file_stories([text], "text"), folder, 0.05, 0.05)
    middle = time.perf_counter()
    loaded, tokens = Tokenizer.from_file(str(tokenizer)), 0
    for split in SPLITS:
        stories = read_stories(folder / f"{split}.jsonl")
        encoded = encode_stories(loaded, stories, folder / f"{split}.bin")
        tokens += int(encoded.counts_V.sum())
    return {
        "stories": sum(counts.values()),
        "tokens": tokens,
        "split_s": middle - start,
        "encode_s": time.perf_counter() - middle,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,  # KiB on Linux
    }


def memory(kind: str, megabytes: float, vocab_size: int, folder: Path) -> dict[str, object]:
    """Write the file, then measure a fresh process on it."""
    text, tokenizer = folder / "stories.txt", folder / "tokenizer.json"
    tokenizer_of(kind, vocab_size).save(str(tokenizer))
    with text.open("w") as out:
        for story in megabytes_of(synthetic_stories(1), megabytes):
            out.write(f"{story}\n{SEPARATOR}\n")
    command = [sys.executable, __file__, "--child", str(text), str(tokenizer), str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return {"kind": kind, "file_mb": text.stat().st_size / 1e6} | json.loads(done.stdout)


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--megabytes", type=float, default=200, help="text of the memory run")
    arguments.add_argument("--memory-kind", choices=("char", "bpe"), default="bpe")
    arguments.add_argument("--speed-megabytes", type=float, default=16)
    arguments.add_argument("--repeats", type=int, default=5)
    arguments.add_argument("--vocab-size", type=int, default=2048)
    arguments.add_argument("--folder", type=Path, help="for temporary files; default: the system's")
    arguments.add_argument("--out", type=Path, help="write the JSON here too")
    arguments.add_argument("--child", type=Path, nargs=3, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.child:
        print(json.dumps(files_to_tokens(*given.child)))
        return
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        # before the speed test: a child's peak starts at what its parent holds
        peak = memory(given.memory_kind, given.megabytes, given.vocab_size, folder)
        stories = [*megabytes_of(synthetic_stories(2), given.speed_megabytes)]
        speeds = {
            kind: speed(tokenizer_of(kind, given.vocab_size), stories, given.repeats, folder)
            for kind in ("char", "bpe")
        }
    result = {
        "speed": speeds,
        "memory": peak,
        "cpus": os.cpu_count(),
        "tokenizers_parallelism": os.environ.get("TOKENIZERS_PARALLELISM", "default"),
        "versions": {"python": platform.python_version()}
        | {name: metadata.version(name) for name in ("tokenizers", "numpy")},
    }
    publish(result, given.out)


if __name__ == "__main__":
    main()
