"""A plain PyTorch loop over a DataLoader, as PyTorch's tutorials write it."""

from __future__ import annotations

from time import perf_counter

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.peers.harness import Array, Trained, main
from benchmarks.workloads import Workload


def make_network(workload: Workload) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in zip(workload.widths, workload.widths[1:], strict=False):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def make_optimizer(workload: Workload, network: nn.Module) -> torch.optim.Optimizer:
    if workload.optimizer == "adam":
        return torch.optim.Adam(
            network.parameters(), lr=workload.learning_rate, weight_decay=workload.l2
        )
    return torch.optim.SGD(
        network.parameters(),
        lr=workload.learning_rate,
        momentum=workload.momentum,
        weight_decay=workload.l2,
    )


def fit(workload: Workload, X: Array, y: Array, epochs: int) -> Trained:
    torch.manual_seed(0)
    dataset = TensorDataset(torch.from_numpy(X), torch.from_numpy(y))
    loader = DataLoader(dataset, batch_size=workload.batch_size, shuffle=True)
    network = make_network(workload)
    optimizer = make_optimizer(workload, network)
    loss_function = nn.CrossEntropyLoss()
    ends, losses = [], []
    for _ in range(epochs):
        total = 0.0
        for batch, target in loader:
            loss = loss_function(network(batch), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        losses.append(total / len(X))
        ends.append(perf_counter())

    def predict(rows: Array) -> Array:
        with torch.no_grad():
            scores: Array = network(torch.from_numpy(rows)).numpy()
        return scores

    return Trained(ends, losses, predict)


if __name__ == "__main__":
    main(fit)
