"""A tiny model that learns a noisy sum."""

import torch

torch.manual_seed(1)
torch.set_num_threads(1)
data = torch.utils.data.TensorDataset(torch.randn(96, 8))
model = torch.nn.Linear(8, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.02)


def loss_of(module, rows):
    """Return the loss on some rows."""
    wanted = rows.sum(1, keepdim=True) + 0.5 * torch.randn(len(rows), 1)
    return (module(rows) - wanted).pow(2).mean()


def step():
    """Train one step; return the loss."""
    loss = loss_of(model, torch.randn(16, 8))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
