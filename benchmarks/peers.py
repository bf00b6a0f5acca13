"""Other people's restricted Boltzmann machines behind one small interface, each trained as its own documentation does."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

import harmonium as hm


class Peer(Protocol):
    """`update` makes that many updates, `rbm` is what has been learned so far."""

    name: str
    settings: str

    def update(self, count: int) -> None: ...

    def rbm(self) -> hm.RBM: ...


class ScikitLearn:
    """`BernoulliRBM.partial_fit`, batch by batch: PCD-1 with as many chains as rows, float32."""

    name = "scikit-learn"

    def __init__(self, rows: np.ndarray, hidden: int, batch: int, rate: float = 0.05) -> None:
        from sklearn.neural_network import BernoulliRBM

        self.settings = f"BernoulliRBM, PCD-1, batch and chains {batch}, learning rate {rate}, float32"
        self._rows, self._batch = rows.astype(np.float32), batch
        self._estimator = BernoulliRBM(hidden, learning_rate=rate, batch_size=batch, random_state=0)
        self._random = np.random.default_rng(0)

    def update(self, count: int) -> None:
        for _ in range(count):
            self._estimator.partial_fit(self._rows[self._random.integers(len(self._rows), size=self._batch)])

    def rbm(self) -> hm.RBM:
        from harmonium.sklearn import from_bernoulli_rbm

        return from_bernoulli_rbm(self._estimator)


class Rbms:
    """`rbms.training.pcd.fit_batch_pcd` and SGD, as its `train` does, without the archive it writes at every update."""

    name = "rbms"

    def __init__(self, rows: np.ndarray, hidden: int, batch: int, rate: float = 0.01, steps: int = 1, chains: int = 0) -> None:
        import torch
        from rbms.bernoulli_bernoulli.classes import BBRBM

        self.settings = f"centered PCD-{steps}, batch {batch}, chains {chains or batch}, learning rate {rate}, float32"
        self._torch, self._batch, self._steps = torch, batch, steps
        torch.manual_seed(0)
        self._data = torch.from_numpy(rows.astype(np.float32))
        self._weights = torch.ones(len(rows), 1)
        bias, hidden_bias, weights = _rbms_start(torch, self._data, hidden)
        self._model = BBRBM(weights, bias, hidden_bias)
        self._chains = self._model.init_chains(chains or batch)
        for parameter in self._model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        self._optimizer = torch.optim.SGD(self._model.parameters(), lr=rate, maximize=True)

    def update(self, count: int) -> None:
        from rbms.training.pcd import fit_batch_pcd

        with self._torch.no_grad():
            for _ in range(count):
                chosen = self._torch.randint(len(self._data), (self._batch,))
                batch = (self._data[chosen], self._weights[chosen])
                self._optimizer.zero_grad(set_to_none=False)
                self._chains, _ = fit_batch_pcd(batch, self._chains, self._model, self._steps, 1.0)
                self._optimizer.step()

    def rbm(self) -> hm.RBM:
        model = self._model
        return hm.RBM(
            hm.Binary(model.vbias.numpy().copy()), hm.Binary(model.hbias.numpy().copy()), model.weight_matrix.numpy().copy()
        )


def _rbms_start(torch: Any, data: Any, hidden: int) -> Any:
    from rbms.bernoulli_bernoulli.implement import _init_parameters

    return _init_parameters(hidden, data, torch.device("cpu"), torch.float32)


class Learnergy:
    """`learnergy`'s RBM: CD-1 through autograd. Its `fit` goes over a whole data set, so it is given one batch at a time."""

    name = "learnergy"

    def __init__(self, rows: np.ndarray, hidden: int, batch: int, rate: float = 0.1) -> None:
        import torch
        from learnergy.models.bernoulli import RBM

        self.settings = f"CD-1, batch {batch}, learning rate {rate}, float32"
        self._torch, self._batch = torch, batch
        torch.manual_seed(0)
        self._data = torch.from_numpy(rows.astype(np.float32))
        self._model = RBM(rows.shape[1], hidden, steps=1, learning_rate=rate)
        self._random = np.random.default_rng(0)

    def update(self, count: int) -> None:
        model, torch = self._model, self._torch
        for _ in range(count):
            rows = self._data[self._random.integers(len(self._data), size=self._batch)]
            # The body of its `fit`, without the reports that it computes besides.
            visible = model.gibbs_sampling(rows)[4].detach()
            cost = torch.mean(model.energy(rows)) - torch.mean(model.energy(visible))
            model.optimizer.zero_grad()
            cost.backward()
            model.optimizer.step()

    def rbm(self) -> hm.RBM:
        a, b, weights = (part.detach().numpy().copy() for part in (self._model.a, self._model.b, self._model.W))
        return hm.RBM(hm.Binary(a), hm.Binary(b), weights)


class Torch:
    """PCD-1 written out in eager PyTorch, the chain keeping its h: five products an update."""

    name = "PyTorch, by hand"

    def __init__(self, rows: np.ndarray, hidden: int, batch: int, rate: float = 0.01) -> None:
        import torch

        self.settings = f"PCD-1, batch and chains {batch}, learning rate {rate}, float32"
        self._torch, self._batch, self._rate = torch, batch, rate
        torch.manual_seed(0)
        self._data = torch.from_numpy(rows.astype(np.float32))
        self._weights = 0.01 * torch.randn(rows.shape[1], hidden)
        self._a, self._b, self._h = torch.zeros(rows.shape[1]), torch.zeros(hidden), torch.zeros(batch, hidden)

    def update(self, count: int) -> None:
        torch, weights = self._torch, self._weights
        with torch.no_grad():
            for _ in range(count):
                v = self._data[torch.randint(len(self._data), (self._batch,))]
                h = torch.sigmoid(v @ weights + self._b)
                w = torch.bernoulli(torch.sigmoid(self._h @ weights.T + self._a))
                g = torch.sigmoid(w @ weights + self._b)
                self._h = torch.bernoulli(g)
                step = self._rate / self._batch
                weights.addmm_(v.T, h, alpha=step).addmm_(w.T, g, alpha=-step)
                self._a += step * (v.sum(0) - w.sum(0))
                self._b += step * (h.sum(0) - g.sum(0))

    def rbm(self) -> hm.RBM:
        return hm.RBM(*(hm.Binary(x.numpy().copy()) for x in (self._a, self._b)), self._weights.numpy().copy())


PEERS = (ScikitLearn, Rbms, Learnergy, Torch)
