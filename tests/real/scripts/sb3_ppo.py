"""PPO of Stable-Baselines3, a box a rollout, with checkpoints. argv: directory."""

import sys

from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback, CheckpointCallback
from truth import Truth

ROLLOUT, ROLLOUTS = 64, 16
truth = Truth(ROLLOUT * ROLLOUTS, pause=0.1)


class Noted(BaseCallback):
    """Notes the steps of the rollout before, whose box was printed."""

    def _on_step(self):
        return True

    def _on_rollout_start(self):
        if self.num_timesteps:
            truth.reach(self.num_timesteps)


model = PPO("MlpPolicy", "CartPole-v1", n_steps=ROLLOUT, batch_size=32, n_epochs=1, verbose=1, device="cpu")
saved = CheckpointCallback(512, f"{sys.argv[1]}/checkpoints")
model.learn(ROLLOUT * ROLLOUTS, callback=[Noted(), saved])
