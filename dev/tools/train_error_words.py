"""Train the scorer of errors that no rule decides, and write its weights to seeds/error_word_weights.csv.

A multinomial logistic regression on the words of labelled errors. It is small and made without any library,
so that the same files always give the same weights.
"""

import argparse
import csv
import json
import math
import random
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

from rich.progress import track

PROJECT = Path(__file__).resolve().parents[2]
FIXTURES = PROJECT / "tests" / "fixtures" / "errors"
WEIGHTS = PROJECT / "seeds" / "error_word_weights.csv"
# As in int_error_words_scored; `*` is every error's own word and carries how common a category is.
NOT_A_WORD = re.compile("[^a-z]+")
BIAS = "*"
EPOCHS, STEP, DECAY = 40, 0.4, 0.0015
# A word that stands in one error only says nothing of others; a weight that is nearly none is left out.
MIN_ERRORS, MIN_WEIGHT = 2, 0.08

Example = tuple[frozenset[str], str]
Weights = dict[str, dict[str, float]]


def words(error: dict[str, object]) -> frozenset[str]:
    """Return the words of an error."""
    text = f"{error.get('message') or ''}\n{error.get('response_body') or ''}".lower()
    return frozenset([BIAS, *(word for word in NOT_A_WORD.split(text[-3000:]) if word not in ("", "null"))])


def examples(paths: Iterable[Path]) -> list[Example]:
    """Return what is to be learnt from: errors of a model or a tool other than a shell, none held back."""
    errors = [json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines()]
    return [
        (words(error), error["label"])
        for error in errors
        if not str(error.get("split")).startswith("held_back")
        and error.get("tool") != "bash"
        and error["label"] != "unknown"
    ]


def shares(known: frozenset[str], weights: Weights, categories: list[str]) -> dict[str, float]:
    """Return the probability of each category for an error with these words."""
    scores = {
        category: sum(weights[word].get(category, 0.0) for word in known if word in weights)
        for category in categories
    }
    highest = max(scores.values())
    odds = {category: math.exp(score - highest) for category, score in scores.items()}
    total = sum(odds.values())
    return {category: odd / total for category, odd in odds.items()}


def train(learnt: list[Example]) -> Weights:
    """Return a weight for each word and category."""
    common = {word for word, n in Counter(w for known, _ in learnt for w in known).items() if n >= MIN_ERRORS}
    categories = sorted({category for _, category in learnt})
    weights: Weights = {word: defaultdict(float) for word in sorted(common)}
    order = random.Random(1)  # noqa: S311 - the order of training, nothing secret
    prepared = [(frozenset(known & common), category) for known, category in learnt]
    for epoch in track(range(EPOCHS), "Training"):
        order.shuffle(prepared)
        step = STEP / (1 + epoch / 10)
        for known, right in prepared:
            of_category = shares(known, weights, categories)
            rate = step / math.sqrt(len(known))
            for category, share in of_category.items():
                error = (1.0 if category == right else 0.0) - share
                if abs(error) > 0.001:
                    for word in known:
                        weight = weights[word]
                        weight[category] += rate * error - step * DECAY * weight[category]
    return weights


def accuracy(learnt: list[Example], n_folds: int = 5) -> tuple[float, float, float]:
    """Return the shares of unseen errors that are right, are decided, and are right if decided."""
    right = decided = right_decided = 0
    for fold in range(n_folds):
        weights = train([example for i, example in enumerate(learnt) if i % n_folds != fold])
        categories = sorted({category for of_word in weights.values() for category in of_word})
        for known, category in learnt[fold::n_folds]:
            of_category = shares(known, weights, categories)
            best = max(of_category, key=lambda name: of_category[name])
            right += best == category
            if of_category[best] >= 0.35 and sum(word in weights for word in known) > 2:
                decided += 1
                right_decided += best == category
    n = len(learnt)
    return right / n, decided / n, right_decided / max(decided, 1)


def main() -> int:
    """Train, say how good it is on errors it has not seen, and write the weights."""
    parser = argparse.ArgumentParser(description="Train the scorer of errors that no rule decides.")
    parser.add_argument("files", nargs="*", type=Path, default=sorted(FIXTURES.glob("*.jsonl")))
    parser.add_argument(
        "--check", action="store_true", help="only say how good it is on errors it has not seen"
    )
    options = parser.parse_args()
    learnt = examples(options.files)
    if options.check:
        right, decided, right_decided = accuracy(learnt)
        sys.stdout.write(
            f"{len(learnt)} errors, by five-fold cross-validation: {right:.1%} right, "
            f"{decided:.1%} decided, {right_decided:.1%} of those right\n"
        )
        return 0
    weights = train(learnt)
    with WEIGHTS.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["word", "error_category", "weight"])
        for word, of_word in weights.items():
            for category, weight in sorted(of_word.items()):
                if abs(weight) >= MIN_WEIGHT:
                    writer.writerow([word, category, f"{weight:.2f}"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
