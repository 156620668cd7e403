"""The tables of the lexicon: which words make the name of a metric, and which change nothing."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from runwatch.core.metrics import (
    DATA_TIME,
    EPOCH,
    GRAD_NORM,
    LEARNING_RATE,
    LOSS,
    LOSS_SCALE,
    LR_MULTIPLIER,
    MFU,
    REMAINING,
    SAMPLES_PER_SEC,
    STEP_TIME,
    TFLOPS,
    TOKENS_PER_SEC,
    VAL_BPB,
    VAL_LOSS,
)
from runwatch.parsers.lexicon import units


@lru_cache
def word_set(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


class Kind(NamedTuple):
    """One row of the lexicon: names made of these words, in any order, mean one metric."""

    metric: str
    role: str
    cores: tuple[str, ...]
    """What the words of a name are without those that change nothing."""
    fillers: frozenset[str] = frozenset()
    """Words that change nothing: of two names in a record, the one with fewer of them is the metric."""
    numbered: bool = False
    """Whether a number in the name is one of a list, as in `lr/group0`, of which the first counts."""
    splits: frozenset[str] = frozenset(("", "train"))
    """Parts of the data of which a name can be."""


def _cores(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


SMOOTHED = word_set("avg average averaged mean avr running smooth smoothed ema")
ANY = SMOOTHED | word_set("cur current curr now new the an and at of using")
"""Words that change nothing, whatever the name."""
WHOLE = word_set("total tot whole full sum overall main global reduced combined joint all")
HELD_OUT = frozenset(("val",))
KINDS = (
    Kind(
        LOSS,
        "loss",
        _cores("loss,losses,lm loss"),
        WHOLE | word_set("batch minibatch mini step iter iteration"),
    ),
    Kind(
        VAL_LOSS,
        "loss",
        _cores("loss,losses,lm loss"),
        WHOLE | word_set("epoch set data on"),
        False,
        HELD_OUT,
    ),
    Kind(VAL_BPB, "score", _cores("bpb,bits per byte"), WHOLE | word_set("epoch"), False, HELD_OUT),
    Kind(
        GRAD_NORM,
        "gradient norm",
        _cores(
            "grad norm,gradient norm,gradients norm,grads norm,gnorm,gradnorm,grdn,g norm,norm,gradientnorm"
            ",grad l2,grads l2,gradient l2,gradients l2,grad,gn,pre clip grad norm"
        ),
        WHOLE | word_set("l2 optim optimizer default model unclipped preclip"),
        numbered=True,
    ),
    Kind(
        LEARNING_RATE,
        "learning rate",
        _cores("lr,learning rate,learn rate,learningrate,learnrate,lrate,lr rate,l r"),
        word_set(
            "base last group groups pg param params optim optimizer default opt scheduler schedule sched"
            " generator gen g"
        ),
        numbered=True,
    ),
    Kind(LR_MULTIPLIER, "amount", _cores("lrm,lr mult,lr multiplier,learning rate multiplier")),
    Kind(LOSS_SCALE, "amount", _cores("loss scale,grad scale,loss scaling,amp scale,loss scaler")),
    Kind(EPOCH, "counter", _cores("epoch"), splits=frozenset(("",))),
    Kind(
        MFU,
        "share",
        _cores("mfu,model flops utilization,model flops util,flops utilization,flops util"),
        word_set("bf16"),
    ),
    Kind(TFLOPS, "rate", _cores("tflops,tflop per s,tflops per s"), units.DEVICE | word_set("per")),
    Kind(TOKENS_PER_SEC, "rate", _cores("tps,tgs,wps")),
    Kind(SAMPLES_PER_SEC, "rate", _cores("ips")),
    Kind(
        STEP_TIME,
        "duration",
        _cores("dt,dur,step time,iter time,iteration time,it time,itr time,batch time,update time,updt time")
        + _cores("time per step,time per iter,time per iteration,time per it,time per batch,time per update")
        + _cores("step duration,iter duration,iteration duration,batch duration,step timing,iter timing")
        + _cores("batch timing,step latency,batch cost,t step,step t,step dt"),
        word_set("elapsed"),
    ),
    Kind(REMAINING, "duration", _cores("remaining time,time remaining,time left")),
    Kind(
        DATA_TIME,
        "duration",
        _cores("data time,data load time,data loading time,data loader time,dataload time,dataloader time")
        + _cores("dataloading time,data wait time,data wait,data fetch time,data prep time,data cost")
        + _cores("data loading,data load,data loader wait,dataloader wait,loader wait,data fetch,data timing")
        + _cores("batch fetch time,batch wait time,loader wait time,dataloader wait time")
        + _cores("reader cost,dt data,load time,loading time,loader time,fetch time,t data"),
    ),
)
"""The lexicon. Times may end with their unit: `step_ms`, `data_s`, `iter time (ms)`."""
METRICS = frozenset(kind.metric for kind in KINDS)
EXACT = {
    "lm loss value": VAL_LOSS,  # Megatron's, on its lines of validation
}
OWN = word_set("train_samples_per_second train_steps_per_second train_runtime total_flos time_step timestep")
"""Sums and means of the whole run, as the Hugging Face Trainer prints them at its end, and counters."""
PERCENT = word_set("bf16_mfu percent pct %")
"""Names, and words of names, of a share that is printed in per cent."""
SORTS = word_set(
    "ce bce mse nll xent cross entropy crossentropy lm mlm clm ntp huber l1 smoothl1 ctc dice tversky "
    "jaccard lovasz hinge triplet contrastive infonce charbonnier"
)
"""Words for the function that a loss is computed by: such a loss is the loss if there is no other."""
BARE = _cores(
    "ctc,infonce,nt xent,"
    "nll,xent,cross entropy,crossentropy,ce,bce,cost,objective,logloss,mlogloss,binary logloss,multi logloss,"
    "multi class,multi class one vs all,multi cross entropy,pair logit,pair logit pairwise,query rmse,"
    "query soft max,query cross entropy,yeti rank,yeti rank pairwise,multi rmse,multi quantile,survival aft"
)
ERRORS = word_set(
    "mse rmse rmsle msle mae mape smape l1 l2 lq huber expectile quantile poisson gamma tweedie focal"
)
"""Names of functions that regression minimizes: a loss if they are next to a part of the data."""
HOLDERS = word_set(
    "metrics data logs log scalars charts stats results values losses loss_metrics perf performance "
    "throughput device trainer optim optimizer opt speed system schedule scheduler info "
    "learner learners learner_stats default default_policy __all_modules__"
)
"""What holds a metric and says no more, before a slash."""
TIMERS = word_set("time times timing timings timer timers")
"""What holds how long something took, or how often it is done, before a slash."""
STATISTICS = word_set("best min lowest max highest std stdev stddev variance")
"""Words of names that say again what others said, or how far it scattered."""
