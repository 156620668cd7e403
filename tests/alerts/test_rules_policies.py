"""Rules about reinforcement learning, adversaries, clipping and data times."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.alerts.rules.common.roles import ENTROPY, JUDGE, KL, LENGTH, REWARD, role
from runwatch.alerts.rules.nonfinite.nonfinite import NonFinite
from runwatch.alerts.rules.nonfinite.skipped_steps import SkippedSteps
from runwatch.alerts.rules.optimization.clip_saturation import ClipSaturation
from runwatch.alerts.rules.policies.discriminator import Discriminator
from runwatch.alerts.rules.policies.policy_collapse import PolicyCollapse
from runwatch.alerts.rules.policies.policy_shift import PolicyShift
from runwatch.alerts.rules.policies.reward_collapse import RewardCollapse
from runwatch.alerts.rules.speed.data_bound import DataBound
from runwatch.core.findings import Verdict

from .columns import GRAD, TIME, Log, healthy

ROWS = 1200


def fired(findings):
    return [(f.severity.value, f.metric) for f in findings if f.verdict is Verdict.FIRING]


def policy(reward="critic/score/mean", entropy="actor/entropy", kl="actor/ppo_kl", seed=0):
    """A policy that learns: its reward rises, its entropy falls to a half."""
    rng = np.random.default_rng(seed)
    curve = 1 / (1 + np.exp(-(np.arange(ROWS) - 300) / 60))
    log = Log(train__loss=0.05 * rng.normal(size=ROWS))
    log.set(reward, 0.1 + 0.6 * curve + 0.02 * rng.normal(size=ROWS))
    log.set(entropy, (1 - 0.5 * curve) * np.exp(0.05 * rng.normal(size=ROWS)))
    return log.set(kl, 0.01 * np.exp(0.5 * rng.normal(size=ROWS)))


def game(seed=0):
    rng = np.random.default_rng(seed)
    log = Log(d_loss=0.6 * np.exp(0.3 * rng.normal(size=ROWS)))
    return log.set("g_loss", 1.5 * np.exp(0.3 * rng.normal(size=ROWS)))


def waiting(share, seed=0):
    rng = np.random.default_rng(seed)
    log = Log(perf__step_time=np.exp(0.02 * rng.normal(size=ROWS)))
    return log.set("data_time", log.columns[TIME] * share * np.exp(0.1 * rng.normal(size=ROWS)))


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("critic/score/mean", REWARD),
        ("rollout/ep_rew_mean", REWARD),
        ("charts/episodic_return", REWARD),
        ("env_runners/episode_return_mean", REWARD),
        ("Mean reward", REWARD),
        ("train/entropy_loss", ENTROPY),
        ("policy/entropy_avg", ENTROPY),
        ("info/learner/default_policy/learner_stats/entropy", ENTROPY),
        ("policy/approxkl_avg", KL),
        ("completions/mean_length", LENGTH),
        ("loss_D", JUDGE),
        ("rewards/chosen", ""),  # of preferences
        ("val/mean_reward", ""),
        ("router/entropy", ""),
        ("train/loss", ""),
    ],
)
def test_names_play_roles(printed, expected):
    assert role(printed) == expected


# -- rewards and policies --------------------------------------------------------------------------


def test_an_interval_in_which_no_episode_ended_is_a_note():
    log = policy("episode_reward_mean").set("episode_len_mean", np.full(ROWS, 50.0))
    for name in ("episode_reward_mean", "episode_len_mean"):
        log.columns[name][[300, 700]] = np.nan
    assert {severity for severity, _ in fired(log.judge(NonFinite()))} == {"info"}
    log = policy("critic/score/mean")
    log.columns["critic/score/mean"][300] = np.nan  # each step has answers
    assert fired(log.judge(NonFinite())) == [("warning", "critic/score/mean")]


def test_a_policy_that_learns_is_left_alone():
    for rule in (RewardCollapse(), PolicyCollapse(), PolicyShift()):
        assert policy().judge(rule) == []


def test_a_reward_that_falls_and_stays_down_is_reported_with_its_best():
    log = policy()
    log.columns["critic/score/mean"][800:] -= 0.55
    (found,) = log.judge(RewardCollapse())
    assert fired([found]) == [("warning", "critic/score/mean")]
    assert 800 <= found.step < 850
    assert "down from its best of 0.7" in found.title


def test_a_reward_that_recovers_ends_it_and_a_short_dip_begins_nothing():
    log = policy()
    log.columns["critic/score/mean"][800:1000] -= 0.55
    assert [f.verdict for f in log.judge(RewardCollapse())] == [Verdict.FIRING, Verdict.CLEAR]
    log = policy()
    log.columns["critic/score/mean"][800:840] -= 0.55
    assert log.judge(RewardCollapse()) == []


def explored(rates, falls):
    """A policy that learns, and falls between some rows, while it explores at these rates."""
    log = policy().set("exploration_rate", np.interp(np.arange(ROWS), *rates))
    for low, high, depth in falls:
        log.columns["critic/score/mean"][low:high] -= depth
    return log


@pytest.mark.parametrize(
    ("rates", "severity"),
    [
        (([0, 1200], [1.0, 0.2]), "info"),
        (([0, 600], [1.0, 0.5]), "warning"),  # it explores for as long as it trains
        (([0, 1200], [0.2, 0.01]), "warning"),  # it hardly explores
    ],
)
def test_what_falls_while_a_policy_learns_to_explore_less_is_a_note(rates, severity):
    log = explored(rates, [(800, 1200, 0.55)])
    found = log.judge(RewardCollapse())
    assert fired(found) == [(severity, "critic/score/mean")]
    assert log.judge(RewardCollapse(), range(0, ROWS, 13)) == found


@pytest.mark.parametrize(("now", "severity"), [(100.0, "info"), (40.0, "warning")])
def test_a_reward_that_falls_while_evaluations_do_not_has_cost_the_policy_nothing(now, severity):
    rng, rows = np.random.default_rng(2), np.arange(ROWS)
    log = Log(rollout__ep_rew_mean=np.where(rows < 800, 90.0, 45.0) + rng.normal(size=ROWS))
    log.set("val/mean_reward", np.full(ROWS, np.nan))
    log.columns["val/mean_reward"][9::10] = np.where(rows < 800, 100.0, now)[9::10]
    found = log.judge(RewardCollapse())
    assert [severity for severity, _ in fired(found)] == [severity]
    assert log.judge(RewardCollapse(), range(0, ROWS, 17)) == found


@pytest.mark.parametrize(
    ("falls", "severities"),
    [
        ([(500, 600, 0.5), (700, 800, 0.5), (900, 1200, 0.55)], ["warning", "warning", "info"]),
        ([(500, 600, 0.5), (900, 1200, 0.55)], ["warning", "warning"]),
        (
            [(500, 600, 0.5), (700, 800, 0.5), (900, 1200, 0.55), (1050, 1200, 0.6)],
            ["warning", "warning", "info", "warning"],
        ),
    ],
)
def test_a_reward_that_has_come_back_twice_must_fall_further(falls, severities):
    log = explored(([0, 1], [0.0, 0.0]), falls)
    assert [severity for severity, _ in fired(log.judge(RewardCollapse()))] == severities


@pytest.mark.parametrize(
    ("rewards", "name", "found"),
    [
        ([40, 25, -1, -30, -40, -45, -44, -50, -48, -49, -46], "ep_rew_mean", 1),
        ([40, 25, -1, -30, -40, -45, -44, -50, -48, -49], "ep_rew_mean", 1),
        ([40, 25, -1, -30, -40, -45, -44, -50, -48], "ep_rew_mean", 0),  # seven below both
        ([40, 25, -1, -30, -40, 30, -44, -50, -48, -49, -46, -44, -43], "ep_rew_mean", 0),
        ([40, 25, *[20] * 10], "ep_rew_mean", 0),
        ([1.0, 0.9, *[-9, 0.4] * 6], "ep_rew_mean", 0),  # it scatters as widely
        ([40, 25, -1, -30, -40, -45, -44, -50, -48, -49, -46], "episodic_return", 0),
        ([0.1, 0.2, *np.linspace(-5, 30, 20)], "ep_rew_mean", 0),
        ([-1, 5, -40, -110, -127, -60, -12, *[-5.5] * 9], "ep_rew_mean", 0),  # it has come back
    ],
)
def test_a_reward_that_ends_far_below_its_first_rows_is_a_warning_however_few(rewards, name, found):
    log = Log(train__loss=np.ones(len(rewards))).set(name, rewards)
    ends = log.judge(RewardCollapse())
    assert [severity for severity, _ in fired(ends)] == ["warning"] * found
    assert log.judge(RewardCollapse(), range(0, len(rewards), 3)) == ends
    assert [f.step for f in ends] == [2] * found
    assert log.judge(RewardCollapse(), end=False) == []


@pytest.mark.parametrize(("name", "severities"), [("curriculum_stage", []), ("other", ["warning"])])
def test_a_reward_of_a_harder_part_of_a_curriculum_is_compared_with_that_part(name, severities):
    rows = np.arange(600)
    stage = rows // 200
    learned = 1 - np.exp(-(rows % 200) / 40)
    rewards = (100 - 40 * stage) * learned + np.random.default_rng(5).normal(size=600)
    log = Log(train__loss=np.ones(600)).set("episode_reward_mean", rewards).set(name, stage.astype(float))
    found = log.judge(RewardCollapse())
    assert [severity for severity, _ in fired(found)][:1] == severities
    assert log.judge(RewardCollapse(), range(0, 600, 7)) == found


def test_a_reward_that_rose_steeply_and_collapsed_is_reported_when_the_log_ends():
    rises = np.linspace(10, 200, 60)
    fallen = 15 * np.exp(0.2 * np.random.default_rng(0).normal(size=60))
    log = Log(train__loss=np.ones(120)).set("reward", np.append(rises, fallen))
    found = log.judge(RewardCollapse())
    assert [(f.severity.value, f.step) for f in found] == [("warning", 79)]
    assert log.judge(RewardCollapse(), range(0, 120, 7)) == found
    assert log.judge(RewardCollapse(), end=False) == []  # more rows may come
    noisy = np.append(rises, fallen + 100) * np.random.default_rng(0).choice([0.4, 1.6], 120)
    assert Log(train__loss=np.ones(120)).set("reward", noisy).judge(RewardCollapse()) == []


def test_few_episodes_of_which_the_first_two_were_lucky_show_nothing():
    lucky = [108.0, 154.0, -116.0, -84.0, -82.0, -14.0, -94.0, -104.0, -46.0, -114.0]
    for rewards, found in (
        (lucky, []),
        ([*lucky, -80.0, -30.0, -95.0, -60.0], [("warning", "reward")]),
        ([108.0, 154.0, *[-90.0] * 8], [("warning", "reward")]),  # far below
        (
            [100.0, 90.0, 60.0, 20.0, -10.0, -30.0, -50.0, -45.0, -70.0, -90.0],
            [("warning", "reward")],
        ),  # by order
    ):
        log = Log(train__loss=np.ones(len(rewards))).set("reward", rewards)
        assert fired(log.judge(RewardCollapse())) == found
        assert log.judge(RewardCollapse(), range(0, len(rewards), 3)) == log.judge(RewardCollapse())


def test_the_reward_of_single_episodes_is_no_more_than_a_note():
    log = policy("episodic_return")
    log.columns["episodic_return"][800:] -= 0.55
    assert fired(log.judge(RewardCollapse())) == [("info", "episodic_return")]


def test_an_entropy_that_vanishes_for_nothing_is_a_warning_and_for_rewards_a_note():
    log = policy()
    log.columns["actor/entropy"][700:] *= 0.01
    assert fired(log.judge(PolicyCollapse())) == [("info", "actor/entropy")]
    log.columns["critic/score/mean"][:] = 0.1 + 0.02 * np.sin(np.arange(ROWS))
    (found,) = log.judge(PolicyCollapse())
    assert fired([found]) == [("warning", "actor/entropy")]
    assert "always does the same" in found.cause


def test_a_score_counts_before_rewards_with_a_penalty_in_them():
    log = policy().set("critic/rewards/mean", np.linspace(-13, -1, ROWS))  # the penalty shrinks
    log.columns["critic/score/mean"][:] = np.linspace(-0.7, -1.0, ROWS)
    log.columns["actor/entropy"][700:] *= 0.01
    assert fired(log.judge(PolicyCollapse())) == [("warning", "actor/entropy")]


def test_without_rewards_no_entropy_is_that_of_a_policy():
    log = policy()
    log.columns["actor/entropy"][700:] *= 0.01
    log.columns["actor/ppo_kl"][700:] = 3.0
    del log.columns["critic/score/mean"]
    assert log.judge(PolicyCollapse()) == log.judge(PolicyShift()) == []


def test_a_divergence_of_many_times_the_usual_is_reported_unless_rewards_rise():
    log = policy()
    log.columns["actor/ppo_kl"][800:] *= 40
    log.columns["critic/score/mean"][800:] -= 0.1
    (found, *_) = log.judge(PolicyShift())
    assert fired([found]) == [("warning", "actor/ppo_kl")]
    assert "its usual 0.01" in found.title
    log.columns["critic/score/mean"][800:] += 0.4
    assert fired(log.judge(PolicyShift())) == [("info", "actor/ppo_kl")]
    log = policy()
    log.columns["actor/ppo_kl"][60:] *= 40  # it leaves its reference
    assert log.judge(PolicyShift()) == []


# -- adversaries -----------------------------------------------------------------------------------


def test_a_discriminator_that_wins_is_a_note_and_a_warning_when_the_generator_suffers():
    log = game()
    assert log.judge(Discriminator()) == []
    log.columns["d_loss"][500:] *= 1e-4
    assert fired(log.judge(Discriminator())) == [("info", "d_loss")]
    log.columns["g_loss"][500:] *= 3
    (found,) = log.judge(Discriminator())
    assert fired([found]) == [("warning", "d_loss")]
    assert "g loss has risen" in found.cause


@pytest.mark.parametrize(("low", "found"), [(1e-3, True), (0.02, False)])
def test_a_discriminator_that_wins_in_a_short_log_is_found_by_its_newest_rows(low, found):
    rows = np.arange(300)
    loss = np.where(rows < 100, 0.7, low * (1 + rows % 3))
    log = Log(d_loss=loss, g_loss=1 + 0.05 * rows)
    judged = log.judge(Discriminator())
    assert [(f.severity.value, f.step) for f in judged] == [("warning", 175)] * found  # it has not ended
    assert log.judge(Discriminator(), range(0, 300, 7)) == judged
    loss[150] = 0.7
    assert log.judge(Discriminator(), end=False) == log.judge(Discriminator(), range(0, 300, 7), end=False)
    assert [f.step for f in log.judge(Discriminator())] == [223] * found


def test_losses_on_real_and_fake_images_must_both_be_at_zero():
    log = game()
    log.columns["D_fake"] = log.columns.pop("d_loss")
    log.columns["D_fake"][500:] *= 1e-4
    log.set("D_real", np.full(ROWS, 0.4))
    assert log.judge(Discriminator()) == []
    log.columns["D_real"][500:] = 0.0
    assert fired(log.judge(Discriminator())) == [("info", "D_fake")]


def test_a_discriminator_of_both_signs_or_switched_on_later_is_not_judged():
    log = game()
    log.columns["d_loss"][500:] = -0.5
    assert log.judge(Discriminator()) == []
    log = game()
    log.columns["d_loss"][:600] = 0.0
    assert log.judge(Discriminator()) == []


# -- clipped norms and data times ------------------------------------------------------------------


def test_norms_that_reach_their_ceiling_are_noted():
    log = healthy()
    log.columns[GRAD] = np.minimum(log.columns[GRAD], 2.0)
    assert log.judge(ClipSaturation()) == []
    log.columns[GRAD][1500:] = 2.0
    (found,) = log.judge(ClipSaturation())
    assert fired([found]) == [("info", GRAD)]
    assert "ceiling of 2 " in found.title
    log.columns[GRAD][:] = 2.0  # as it was meant
    assert log.judge(ClipSaturation()) == []


def test_waiting_for_data_is_a_warning_where_it_began_and_a_note_where_it_always_was_so():
    assert waiting(0.02).judge(DataBound()) == []
    assert fired(waiting(0.5).judge(DataBound())) == [("info", "data_time")]
    log = waiting(0.02)
    log.columns["data_time"][600:900] *= 20
    found = log.judge(DataBound())
    assert fired(found) == [("warning", "data_time")]
    assert "2% before" in found[0].title
    assert found[-1].verdict is Verdict.CLEAR


def test_waiting_for_nearly_all_of_the_time_is_a_warning_from_the_beginning():
    log = Log(perf__step_time=np.full(45, 110.0), data_time=np.full(45, 109.0))
    found = log.judge(DataBound())
    assert fired(found) == [("warning", "data_time")]
    assert found[0].title == "99% of the step time is spent waiting for data"
    assert log.judge(DataBound(), range(45)) == found
    log.columns["data_time"][30::10] = 80.0
    assert log.judge(DataBound()) == []
    detected = Log(perf__step_time=np.full(45, 110.0), data_time=np.full(45, 109.0))
    assert fired(detected.judge(DataBound())) == [("warning", "data_time")]
    detected.columns["data_time"][:] = 110.0  # the same clock twice
    assert detected.judge(DataBound()) == []


# -- skipped steps ---------------------------------------------------------------------------------


def skips(odds, each=False, seed=0):
    counts = np.random.default_rng(seed).binomial(10, odds)
    name = "number of skipped iterations" if each else "skipped"
    log = Log(steps=np.arange(len(odds)) * 10.0, train__loss=np.ones(len(odds)))
    return log.set(name, counts if each else np.cumsum(counts))


@pytest.mark.parametrize("each", [False, True])
def test_steps_that_are_skipped_are_reported_by_their_part_after_the_search(each):
    odds = np.full(600, 0.02)
    odds[:30] = 0.9
    assert skips(odds, each).judge(SkippedSteps()) == []
    odds[300:400], odds[400:450] = 0.3, 1.0
    found = skips(odds, each).judge(SkippedSteps())
    assert [(f.verdict.value, f.severity.value) for f in found] == [
        ("firing", "warning"),
        ("firing", "critical"),
        ("clear", "info"),
    ]
    assert 3000 <= found[0].step <= 3300


# -- whatever the blocks ---------------------------------------------------------------------------


def troubled():
    """A run in which everything goes wrong at some time, with a restart."""
    log = policy()
    log.columns["critic/score/mean"][400:700] -= 0.5
    log.columns["actor/entropy"][350:800] *= 0.02
    log.columns["actor/ppo_kl"][500:] *= 60
    for other in (game(), waiting(0.03)):
        log.columns |= other.columns
    log.columns["d_loss"][300:900] *= 1e-4
    log.columns["g_loss"][450:] *= 2
    log.columns["data_time"][500:700] *= 20
    norms = np.exp(0.3 * np.random.default_rng(3).normal(size=ROWS))
    log.set("skipped", np.cumsum(np.where(np.arange(ROWS) > 600, 1, 0)))
    log.set(GRAD, np.minimum(norms * np.where(np.arange(ROWS) > 500, 30, 1), 1.5))
    log.restarts = [1000]
    log.steps[1000:] -= 30
    return log


RULES = (RewardCollapse, PolicyCollapse, PolicyShift, Discriminator, ClipSaturation, DataBound, SkippedSteps)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, ROWS - 1), max_size=12))
def test_findings_do_not_depend_on_how_rows_are_cut(cuts):
    log = troubled()
    for rule in RULES:
        whole = log.judge(rule())
        assert whole, f"{rule.name} finds something here"
        assert log.judge(rule(), cuts) == whole


@pytest.mark.deep
def test_row_by_row_is_the_same():
    log = troubled()
    for rule in RULES:
        assert log.judge(rule(), range(1, ROWS)) == log.judge(rule())


@pytest.mark.parametrize(
    ("first", "last", "reward", "fires"),
    [(0.5, 11.0, 0.2, ["warning"]), (0.5, 11.0, 0.9, ["info"]), (0.5, 3.0, 0.2, []), (9.0, 14.0, 0.2, [])],
)
def test_an_entropy_that_grows_to_that_of_guesses_is_told_within_few_rows(first, last, reward, fires):
    count = 40
    entropy = np.geomspace(first, last, count)
    rewards = 0.2 + np.linspace(0, reward - 0.2, count) + 0.01 * np.random.default_rng(1).normal(size=count)
    log = Log(train__loss=np.ones(count)).set("actor/entropy", entropy).set("critic/score/mean", rewards)
    found = log.judge(PolicyCollapse())
    assert [severity for severity, _ in fired(found)] == fires
    assert log.judge(PolicyCollapse(), range(count)) == found
    log.columns["actor/entropy"][35:] = 0.5
    if fires and fires != ["info"]:
        assert [f.verdict.value for f in log.judge(PolicyCollapse())][-1] == "clear"
    log.columns["actor/entropy"] = np.append(np.zeros(10), np.full(30, 5.7))  # at first it is not measured
    assert log.judge(PolicyCollapse()) == []
