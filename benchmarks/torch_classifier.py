"""The classifier with its network trained and asked by PyTorch: the same clips, batches, settings and first weights."""

from dataclasses import replace

import in_torch
import numpy as np
import torch
from torch.nn import functional

import audioconv as ac
from audioconv import parallel


class TorchClassifier(ac.KeywordClassifier):
    """As `KeywordClassifier`; the weights of the last epoch are kept."""

    def _train(self, batches, weights, held, checkpoint):
        torch.set_num_threads(parallel.thread_count(self.threads))
        config, module = self._training_config(), in_torch.translate(self.network_).train()
        epochs = self.epochs or config.epochs_for(batches.steps)
        rate = config.schedule(config.learning_rate, epochs * batches.steps)
        matrices = [p for p in module.parameters() if p.ndim > 1]
        vectors = [p for p in module.parameters() if p.ndim <= 1]
        optimiser = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": config.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
        )
        for epoch in range(epochs):
            for number, (x, targets, _) in enumerate(batches(epoch, 0)):
                for group in optimiser.param_groups:
                    group["lr"] = rate(epoch * batches.steps + number)
                optimiser.zero_grad(set_to_none=True)
                logits = module(in_torch.data(x))
                wanted = torch.from_numpy(np.asarray(targets, np.float32))
                functional.cross_entropy(logits, wanted, label_smoothing=config.label_smoothing).backward()
                optimiser.step()
        self.scorer_ = replace(self.scorer_, network=_Asked(module.eval(), self.network_))
        self.history_, self.interrupted_, self.best_epoch_ = [], False, epochs


class _Asked:
    """A module of PyTorch as `predict_proba` asks networks."""

    def __init__(self, module, network):
        self.module, self.dims = module, network.layers[0].dims

    def forward(self, x, threads=None):
        with torch.inference_mode():
            return self.module(in_torch.data(x)).numpy()

    def inference(self):
        return self.forward
