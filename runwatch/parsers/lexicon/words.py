"""The words of printed names: which say how training goes, and which part of the data it is.

Everything here looks at one name, at its words and never at its digits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise

from runwatch.parsers.lexicon import languages
from runwatch.parsers.lexicon.counters import counter_of

_WORDS = re.compile(rb"[A-Za-z]+")
_HUMP = re.compile(rb"(?<=[a-z0-9])(?=[A-Z][a-z])|(?<=[a-z]{2})(?=[A-Z]{2})|(?<=oss)(?=[A-Z])")
"""Where a word begins in `valLoss`, `valPSNR`, `LearningRate` and `lossD`, but not in `mAP` and `mIoU`."""
_DIMENSION = re.compile(rb"(?<![A-Za-z\d])[1-4][dD](?![A-Za-z])")
"""How many dimensions something has, `2d_loss`: no discriminator."""
_STAMPED = re.compile(rb"(?<![A-Za-z])ts=")
"""Begins a line with the time at which it was written, and no test: `ts=2030-01-02T03:04:05 loss=0.5`."""
_HELD_OUT = re.compile(rb"(?i)(?<![a-z])h[eo]ld[ _-]?out(?![a-z])")
_GLUED = re.compile(
    rb"(trn|tr|t|train|valid|val|vl|va|v|cv|test|tst|ts|te|dev|eval)(loss|acc|accuracy|auc|roc|f1|err|error)"
    rb"|r?(ms)(train|valid|val|test)?(?:err|error)"
)
"""A part of the data and a score in one word: `trloss`, `valacc`, `MSTestError`."""
_LETTERED = re.compile(rb"(?<![A-Za-z])(tr|vl|va|te|ts)([LA])(?![A-Za-z])")
"""A score by its letter behind the part of the data: `trL`, `vlA`."""
SHORT_LOSS = re.compile(
    rb"(?P<split>val_)?[lL]_(?:[gd]_)?(?:pix|percep|style|gan|adv|total|tot|all|mse|mae|l[12]|ssim|ms_ssim|char\w*|fft|freq|"
    rb"edge|tv|lpips|cb|rec|align|kd|con\w*|enc|id\w*|cycle|ce|bce|nll|kl|mask|warp|flow|per|color)(?:_\d)?"
)
"""Losses in the short names of BasicSR and of much that was made of it, and of GANs."""
LETTER = re.compile(rb"(?<![A-Za-z])L(?=_(?:train|trn?|val|valid|va|test|te|dev|eval)(?![A-Za-z]))")
"""A loss by its letter before the part of the data: `L_train`."""
_SHORT = {
    **dict.fromkeys((b"tr", b"trn"), b"train"),
    **dict.fromkeys((b"vl", b"va", b"vd", b"vld", b"cv"), b"val"),
    **dict.fromkeys((b"te", b"ts", b"tst"), b"test"),
}
_LETTERS = {**_SHORT, b"t": b"train", b"v": b"val"}
"""The same glued to a score: `tloss`, `vacc`."""
_SCORED = frozenset(b"loss losses acc accuracy auc err error mse mae f ppl".split())
"""Words behind which, or before which, a short one is a part of the data: `tr_loss`, `loss_va`."""
_QUALITY = frozenset(
    b"loss losses nll trl ce bce mse mae rmse logloss mlogloss merror perplexity ppl bpb bpc bpt acc "
    b"error err accuracy auc reward rewards rew return returns bleu rouge wer cer miou iou dice elbo fid "
    b"xent crossentropy ctc infonce score fitness psnr ssim lpips map ap ndcg prec precision recall mrr mcc "
    b"kappa hitrate auroc auprc jaccard dsc sensitivity specificity meteor cider chrf pesq stoi mpjpe "
    b"objective mape uas spearman pearson".split()
)
"""Words of names that say how well training goes."""
_F_SCORE = re.compile(rb"(?i)(?<![a-z\d])(?:micro|macro|weighted)?fb?[12](?![a-z\d.])")
"""Scores whose name is a letter and a digit."""
_AT = re.compile(rb"(?i)(?<![a-z\d.@])[a-z]{1,9}@\d")
"""A score of so many first guesses: `HR@10`, `R@1`."""
_AT_RANK = re.compile(rb"(?i)(?:.* )?(?:rank-|(?:hr|hits?|recall|precision|map|ndcg|mrr) ?@ ?)\d{1,3}")
"""A score of retrieval by how many of the first guesses count, as that of a process is not spelled."""
_OF_RANKS = frozenset((b"ndcg", b"mrr"))
"""Such scores, whether or not it is said how many count."""
_PERPLEXITY = frozenset((b"ppl", b"perplexity"))
"""End the name of what is made of a loss."""
_NOT_QUALITY = frozenset(b"scale time coeff code".split())
_COEFFICIENTS = frozenset(b"dice jaccard kappa".split())
"""Scores that are coefficients."""
_SETTINGS = frozenset((b"interval", b"iters", b"every", b"freq", b"frequency", b"steps", b"batches", b"size"))
_TRAINED = frozenset(b"nll ce bce xent perplexity ppl bpb bpc bpt elbo fitness".split())
"""Scores that are minimized, or sought, themselves; others are also printed by what only measures."""
_SOFT = frozenset(b"lr gnorm norm learning grad grads kl entropy wd mfu kimg".split())
"""Words of names that only training prints."""
TEST = frozenset(b"test tested testing testset".split())
VAL = TEST | frozenset(
    b"val vali valid validate validation validated validating eval evaluation evaluated evaluating evl "
    b"dev devel heldout holdout valset devset evalset".split()
)
"""Words for data that is not trained on; a name that holds one is of such data."""
TRAIN = frozenset(b"train training trn trainset".split())
_PASSES = frozenset(b"predict predicting prediction infer inference".split())
"""Words for passes over data that are no training, where a column or key says what its row is of."""
SPLIT_WORDS = VAL | TRAIN
SPLIT_KEYS = (
    *("split", "mode", "phase", "stage", "set", "subset"),
    *("dataset", "dset", "type", "_type", "part", "kind", "event"),
)
"""Keys and columns whose word may say which part of the data a record is about."""
RUNS = frozenset(
    b"fold run trial seed split experiment exp client model agent task subject stage attempt repeat "
    b"config cv".split()
)
"""Words of names whose numbers distinguish trainings."""
MEMORY = frozenset(b"memory mem ram vram".split())
"""Words of names of how much memory is used."""
SHARES = frozenset(b"percent pct progress done complete completed".split())
"""Words of names of how far training is."""
_EPISODE = frozenset(b"episode episodes episodic ep".split())
_REWARDS = frozenset(b"return returns reward rewards rew".split())
_RETURNS = _REWARDS - {b"rew"} | {b"score"}
_OF_MODEL = (
    (_QUALITY | {b"top"})
    - _TRAINED
    - _REWARDS
    - frozenset(
        b"loss losses trl mse mae rmse mape logloss mlogloss merror error err crossentropy ctc infonce "
        b"score".split()
    )
)
"""Words of scores that say how good a model is; with these, of names that say nothing else."""
_AVERAGED = frozenset(
    b"m a fw mean avg average overall global pix pixel macro micro weighted score f".split()
)
REPEATED = frozenset(
    b"best final finished end average avg mean overall last early stop stopping summary".split()
)
"""Words of lines and names that show again what others reported."""
CHANGED = frozenset(
    b"best decrease decreased increase increased improve improved reduced stopping previous prev".split()
)
"""Words of lines that show a value again as it has changed: `Validation loss decreased (0.5 -->`."""
_SAVED = frozenset(b"save saved saves saving".split())
SAVES = frozenset(b"save saved saves saving checkpoint checkpoints best load loaded loading".split())
"""Words of lines that show what was done then, not that a record begins."""
OTHER_WORK = _PASSES | frozenset(
    b"predictions inferring inferred download downloading tokenizing preprocessing".split()
)
"""Words of the heads of lines that count something else than training."""
_ITEMS = frozenset(
    b"sample image img example file video question query sentence item patient document doc row case".split()
)
"""What is scored one by one."""
_EPOCHS = tuple([word] for word in b"epoch episode round ep e".split())
_MEASURED = frozenset(b"ms squared square batch minibatch reconstruction recon".split())
"""What an error is of, or how it is taken, that is a loss; others are shares of what was guessed wrong."""
_COSTS = frozenset(b"batch reader data".split())
"""Whose cost is a time."""
_COMPARED = frozenset(
    b"difference diff change delta improvement decrease reduction gap threshold patience in".split()
)
"""Last words of names of what is only about a loss: `loss difference`, `loss in 30 moves`."""
_STATISTICS = frozenset(b"avg average mean max best".split())
"""Names of what is shown of the fitness of a generation."""
_NOW = frozenset(b"lr learning rate current new the now train training".split())
"""Words of the name of a learning rate."""
own_losses: set[bytes] = set()
"""Names of losses that the user shows, in small letters."""
_NAMES = 1024
"""Names of which is remembered what they say."""
_LONGEST_NAME = 48
"""Bytes; longer ones are parts of lines, which do not return."""


def words(name: bytes) -> Sequence[bytes]:
    """Return the words of a printed name in lower case: `Train/avg_loss` -> train, avg, loss."""
    return _words(name) if len(name) <= _LONGEST_NAME else _words.__wrapped__(name)


@lru_cache(_NAMES)
def _words(name: bytes) -> Sequence[bytes]:
    name = languages.translated(_STAMPED.sub(b"", name))
    name = _LETTERED.sub(lambda m: m[1] + (b"loss" if m[2] == b"L" else b"acc"), LETTER.sub(b"loss", name))
    name = _HELD_OUT.sub(b"heldout", _HUMP.sub(b" ", _DIMENSION.sub(b"", name)))
    parts = [part for word in _WORDS.findall(name) for part in _apart(word.lower())]
    if len(parts) > 1 and not _SCORED.isdisjoint(parts):
        return [_SHORT.get(part, part) for part in parts]
    return parts


def _apart(word: bytes) -> tuple[bytes, ...]:
    """Return a word in English, or the two of which it is made: `valloss`, `Trainingsverlust`."""
    glued = _GLUED.fullmatch(word)
    if glued is not None and glued[3]:
        return (b"ms", glued[4], b"error") if glued[4] else (b"ms", b"error")
    if glued is not None:
        return _LETTERS.get(glued[1], glued[1]), glued[2]
    compound = languages.COMPOUND.fullmatch(word)
    parts = (word,) if compound is None else (compound[1], compound[2])
    return tuple(languages.LATIN.get(part, part) for part in parts)


def apart(word: str) -> list[str]:
    """Return a word of a name in English, or the two of which it is made: `valloss` -> val, loss."""
    return [part.decode() for part in _apart(word.encode("utf-8", "replace"))]


def without_split(tokens: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Return the part of the data that words speak of, "" for none, "both" for two, and the other words."""
    said = [token.encode() for token in tokens]
    if not _SCORED.isdisjoint(said):
        said = [_SHORT.get(token, token) for token in said]
    rest = tuple(token.decode() for token in said if token not in SPLIT_WORDS)
    trains, held_out = not TRAIN.isdisjoint(said), not VAL.isdisjoint(said)
    if trains and held_out:
        return "both", rest
    return "test" if not TEST.isdisjoint(said) else "val" if held_out else "train" if trains else "", rest


@lru_cache(_NAMES)
def is_quality(name: bytes) -> bool:
    """Whether a name says how well training goes: loss, accuracy, reward."""
    parts = words(name)
    if is_setting(name):
        return False
    known = is_loss(name) or not _QUALITY.isdisjoint(parts) or parts[-1:] == [b"top"]  # top1, student top-5
    known = known or _F_SCORE.search(name) is not None or _AT.search(name) is not None
    return known and (_NOT_QUALITY.isdisjoint(parts) or not _COEFFICIENTS.isdisjoint(parts))


@lru_cache(_NAMES)
def is_epoch(name: bytes) -> bool:
    """Whether a name is that of an epoch, or of an episode."""
    return words(name)[-1:] in _EPOCHS or counter_of(name.decode("utf-8", "replace")) == "epoch"


@lru_cache(_NAMES)
def is_loss(name: bytes) -> bool:
    """Whether a name is that of a loss."""
    if name.lower() in own_losses:
        return True
    parts = words(name)
    pairs = {*pairwise(parts)}
    if (b"loss", b"rate") in pairs or not (_PERPLEXITY | _COMPARED).isdisjoint(parts[-1:]):
        return False  # of packets; `lm loss PPL`
    if any(word.endswith((b"loss", b"losses")) or word == b"trl" for word in parts):
        return True
    if (b"cross", b"entropy") in pairs or SHORT_LOSS.fullmatch(name):
        return True
    if b"error" in parts and not _MEASURED.isdisjoint(parts):
        return True
    timed = b"time" in parts or any((of, b"cost") in pairs for of in _COSTS)
    return any(word.endswith(b"cost") for word in parts) and not timed


def is_of_model(name: bytes) -> bool:
    """Whether a name is that of a score of how good a model is, not of what it is trained by: `Mean dice`."""
    known = not _OF_MODEL.isdisjoint(words(name)) or _F_SCORE.search(name) is not None
    return known and is_quality(name) and not is_best(name)


def is_plain_score(name: bytes) -> bool:
    """Whether a name is that of such a score, and says nothing else: of no class, of no part of the data."""
    return (_OF_MODEL | _AVERAGED).issuperset(words(name))


def is_best(name: bytes) -> bool:
    """Whether a name is that of the best of some values."""
    return b"best" in words(name)


def is_trained(name: bytes) -> bool:
    """Whether a name is of what training changes: a loss, a reward, any score of what is learned from."""
    return is_loss(name) or not (TRAIN | _REWARDS | _TRAINED).isdisjoint(words(name)) or is_return(name)


@lru_cache(_NAMES)
def is_meaningful(name: bytes) -> bool:
    """Whether a name is one that only training prints."""
    return is_quality(name) or not _SOFT.isdisjoint(words(name)) or is_retrieval(name)


@lru_cache(_NAMES)
def is_rate(name: bytes) -> bool:
    """Whether a name is that of the learning rate, and of no other's: `lr`, `Current learning rate`."""
    parts = words(name)
    return (
        bool(parts)
        and (parts[-1] == b"lr" or parts[-2:] == [b"learning", b"rate"])
        and _NOW.issuperset(parts)
    )


def is_retrieval(name: bytes) -> bool:
    """Whether a name is that of a score of retrieval, `Rank-5`, `NDCG`, which only an evaluation shows."""
    ranks = _AT_RANK.fullmatch(name) is not None or not _OF_RANKS.isdisjoint(words(name))
    return ranks and TRAIN.isdisjoint(words(name))


def is_val(text: bytes) -> bool:
    """Whether a name or a head speaks of validation."""
    return not VAL.isdisjoint(words(text))


def repeats(text: bytes) -> bool:
    """Whether a sentence is about a value that others show; a best one may be all that a block shows.

    `Validation loss decreased`, `Best model saved with accuracy`
    """
    said = words(text)
    saved = b"best" in said and not _SAVED.isdisjoint(said)
    return saved or not (CHANGED - {b"best"}).isdisjoint(said)


def is_setting(name: bytes) -> bool:
    """Whether a name speaks of how something is done, and not of what came of it: `eval_interval`."""
    return not _SETTINGS.isdisjoint(words(name)[-1:])


def split_of(text: bytes) -> str:
    """Return the part of the data that a name or a cell speaks of: train, val, test, or "" for none."""
    parts = words(text)
    if not TEST.isdisjoint(parts):
        return "test"
    if not (VAL | _PASSES).isdisjoint(parts):
        return "val"
    return "" if TRAIN.isdisjoint(parts) else "train"


def is_split(name: bytes) -> bool:
    """Whether a name is only that of a part of the data, as in `train=2.5 val=2.6`."""
    return bool(parts := words(name)) and SPLIT_WORDS.issuperset(parts)


def is_return(name: bytes) -> bool:
    """Whether a name is that of the return of one episode: `episodic returns`, `Cumulative Reward`."""
    parts = words(name)
    return not (_EPISODE | {b"cumulative"}).isdisjoint(parts) and not _RETURNS.isdisjoint(parts)


def of_episodes(names: Iterable[bytes]) -> bool:
    """Whether names are those of episodes, each of which takes as long as it lasts: `Ep`, `Dur`, `Rew`."""
    parts = {part for name in names for part in words(name)}
    return not (_EPISODE - {b"ep"}).isdisjoint(parts) or (b"ep" in parts and not _REWARDS.isdisjoint(parts))


def distinguishes_runs(name: bytes) -> bool:
    """Whether a name is that of a run, a fold, or what else is trained one after the other."""
    return not name[-1:].isdigit() and not RUNS.isdisjoint(words(name)[-1:])


def is_item(name: bytes) -> bool:
    """Whether a name is that of one of the things that are scored: `sample 3: score 0.5`."""
    return not _ITEMS.isdisjoint(words(name)[-1:])


def is_population(columns: Sequence[bytes]) -> bool:
    """Whether columns are of generations and what their fitness is: `gen nevals avg std min max`."""
    names = [column.strip().lower() for column in columns]
    return names[0] in (b"gen", b"generation") and not _STATISTICS.isdisjoint(names[1:])


def shows_both(columns: Iterable[bytes]) -> bool:
    """Whether columns are a loss of training and one of validation."""
    return {is_val(name) for name in columns if is_loss(name)} == {True, False}


def is_indexed(columns: Sequence[bytes]) -> bool:
    """Whether nothing but the nameless index of a data frame counts, and all columns are of training.

    They are scores, parts of the data, and times, or anything next to a loss of training and of validation.
    """
    if columns[0] not in (b"", b"Unnamed: 0") or len(columns) < 3:
        return False
    return shows_both(columns) or all(
        is_meaningful(n) or is_split(n) or b"time" in words(n) for n in columns[1:]
    )
