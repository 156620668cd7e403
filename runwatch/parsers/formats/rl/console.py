"""Reinforcement learning on the console: stable-baselines3 boxes and CleanRL lines."""

from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import evaluation, training
from runwatch.parsers.tables.boxes import BoxReader

SB3 = Format(
    name="stable-baselines3",
    title="stable-baselines3, OpenAI baselines",
    example="|    ep_rew_mean        | -12.5    |",
    readers=(BoxReader,),
)

_RETURN = rb"episodic[_ ]return=\[?{return}"
_NAMES = {"return": "episodic_return"}

CLEANRL = Format(
    name="cleanrl",
    title="CleanRL",
    example="global_step=4000, episodic_return=[125.]",
    matchers=(
        training(rb"global[_ ]step={step}, " + _RETURN, aliases=_NAMES),
        evaluation(rb"SPS: {SPS}\s*$", "pace"),
        evaluation(rb"eval_episode=\d+, " + _RETURN, aliases={"return": "val/episodic_return"}),
    ),
    weak=True,
)

CLEANRL_EVAL = Format(
    name="cleanrl-eval",
    title="CleanRL evaluation of a saved model",
    example="eval_episode=2, episodic_return=125.0",
    matchers=(training(rb"eval_episode={step}, " + _RETURN, "episode", aliases=_NAMES),),
    weak=True,
)
