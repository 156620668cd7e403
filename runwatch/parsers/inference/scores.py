"""Lines that show scores of the model where no word says of which data they are.

`mAP: 0.5`, `Epoch 3: mIoU = 0.4`, `FID at step 900: 21.5`
"""

from __future__ import annotations

from collections.abc import Collection

from runwatch.parsers.inference.roles import STEP_RANK, is_pace
from runwatch.parsers.inference.tokens import Field, masked
from runwatch.parsers.lexicon.counters import RANKS
from runwatch.parsers.lexicon.words import (
    SAVES,
    is_best,
    is_epoch,
    is_item,
    is_loss,
    is_meaningful,
    is_of_model,
    is_plain_score,
    words,
)

_SIGNS = b" \t:=,;|-*#>+.%(){}[]'\""
"""Between named values."""


def names_alone(line: bytes, found: list[Field], start: int = 0) -> bool:
    """Whether a line shows named values, and nothing else: `mean loss: 0.5; test acc: 71.2%`, but no item."""
    end, rest = start, b""
    for field in found:
        rest += b"".join(line[end : field.start].rpartition(field.name or b"_")[::2])
        end = field.end + len(field.suffix)
    others = (rest + line[end:]).replace(b"dB", b"").strip(_SIGNS)
    return not (others or any(is_item(field.name) for field in found))


def lead_of(head: bytes, line: bytes) -> int:
    """Return the length of what precedes the records, too, and counts nothing: `[exp2] `, an emoji."""
    length = 0
    for word, own in zip(head.split(b" "), line.split(b" "), strict=False):
        if masked(own) != word or b"#" in word or RANKS.keys() & {*map(bytes.decode, words(word))}:
            break
        length += len(own) + 1
    return length


def scores_alone(line: bytes, found: list[Field]) -> bool:
    """Whether a line shows scores of the model and nothing else: `mAP: 0.5`, `PSNR: 21.5 dB, SSIM: 0.8`."""
    return all(is_of_model(f.name) and is_plain_score(f.name) for f in found) and names_alone(line, found)


def measures(
    line: bytes,
    found: list[Field],
    ranked: list[tuple[int, int]],
    shown: Collection[bytes],
    *,
    losses: bool = False,
) -> bool:
    """Whether a line shows scores of the model, none of which records have shown, alone or at a place.

    `losses` says whether a loss may be next to them.
    """
    new = [f for f in found if is_of_model(f.name) and f.name not in shown]
    if not ranked:
        return new == found and scores_alone(line, found)
    places = {i for _, i in ranked}
    named = any(r <= STEP_RANK or is_epoch(found[i].name) for r, i in ranked)
    rest = [f for i, f in enumerate(found) if i not in places]
    real = (f for f in rest if not (is_best(f.name) or is_pace(f)))
    known = all(is_meaningful(f.name) or b"." in line[f.start : f.end] for f in real)
    known = known and (losses or not any(is_loss(f.name) for f in rest))
    return bool(new) and named and known and SAVES.isdisjoint(words(line[: new[0].start]))
