"""What a network is asked in training beside its classes: which word a clip is, unknown and made-up ones, too.

A network that learns of ten words only that they are unknown forgets what tells them apart, and with it what would tell
an eleventh from them. So the trained one has a second softmax, over all words and over what is made of each; what is
known of it is dropped when the training is over. See docs/trials.md, "Words from few clips".

References
----------
Caruana, Multitask Learning, Machine Learning 28 (1997).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from audioconv import nn
from audioconv._typing import Array, ArrayLike, Float32Array
from audioconv.classify.made_up_words import BACKWARDS, HALVED, SPLICED, SWAPPED
from audioconv.nn.ops.graph import MICRO_BATCH, Graph, Planner, Tensor
from audioconv.nn.ops.instructions import Instruction, extent, instruction
from audioconv.nn.ops.tensor_view import TensorView, shape3

WEIGHT = 0.5  # of the loss of words beside that of classes
KINDS = (SWAPPED, HALVED, BACKWARDS)  # of made-up words that are of one word


@dataclass(frozen=True, eq=False)
class AuxiliaryWords:
    """The second targets: a class for each word, for what is made of it in each of `KINDS`, for splices and for noise.

    Parameters
    ----------
    words : int array, shape (clips,)
        The word of each clip, from 0.
    count : int
        Words.
    """

    words: Array
    count: int

    @classmethod
    def of(cls, labels: Array) -> "AuxiliaryWords":
        """Make them of the words of clips, as texts."""
        names, words = np.unique(labels, return_inverse=True)
        return cls(words, len(names))

    @property
    def size(self) -> int:
        """Classes."""
        return self.count * (1 + len(KINDS)) + 2

    def targets(self, numbers: Array, recipes: Array, made_up: int) -> Float32Array:
        """Return those of some clips by their numbers; made-up words come after the clips, and noise after these.

        Parameters
        ----------
        numbers : int array, shape (batch,)
        recipes : structured array, shape (batch,)
            Of `MadeUpWords`.
        made_up : int
            Made-up words in an epoch.

        Returns
        -------
        targets : float32 array, shape (batch, size)
        """
        clips = len(self.words)
        of_kind = self.count * (1 + recipes["kind"] - SWAPPED) + self.words[recipes["first"]]
        own = np.where(recipes["kind"] == SPLICED, self.size - 2, of_kind)
        own = np.where(numbers < clips, self.words[np.minimum(numbers, clips - 1)], own)
        return nn.one_hot(np.where(numbers < clips + made_up, own, self.size - 1), self.size)


class AuxiliaryCrossEntropy(nn.SoftmaxCrossEntropy):
    """The loss of classes, which are the first outputs, and `WEIGHT` times that of words, which are the others.

    Parameters
    ----------
    of_classes : nn.SoftmaxCrossEntropy
        With all weights; its label smoothing holds for words, too, its class weights do not.
    classes : int
    """

    def __init__(self, of_classes: nn.SoftmaxCrossEntropy, classes: int) -> None:
        super().__init__(of_classes.label_smoothing)
        self._of_classes, self._classes = of_classes, classes

    def _prepare(self, targets: ArrayLike, outputs: Array) -> tuple[Array, Array]:
        targets, classes = np.asarray(targets), self._classes
        own, weights = self._of_classes._prepare(targets[:, :classes], outputs[:, :classes])
        words, equal = super()._prepare(targets[:, classes:], outputs[:, classes:])
        # one weight a clip is all that the kernels take: what it would do to words is undone in their targets
        scale = WEIGHT * np.divide(equal, weights, out=np.zeros_like(weights), where=weights > 0)
        return np.concatenate((own, words * scale[:, None]), axis=1).astype(outputs.dtype), weights

    def _build(self, graph: Graph, outputs: Tensor) -> Tensor:
        targets, weights = graph.placeholder("targets", outputs.shape), graph.placeholder("weights", (1,))
        told = graph.placeholder("loss", (1,), MICRO_BATCH, accumulator=True)
        of_words, gradient = Tensor((1,), MICRO_BATCH, accumulator=True), Tensor(outputs.shape)

        def encode(plan: Planner, reads: Sequence[TensorView], writes: Sequence[TensorView]) -> list[Instruction]:
            (out, target, weight), (grad, loss, unused) = reads, writes
            made = []
            for first, end, total in ((0, self._classes, loss), (self._classes, outputs.shape[-1], unused)):
                views = [view.shifted(channel=first) for view in (out, target)]
                views += [weight, grad.shifted(channel=first), total]
                operands: dict[str, Any] = dict(zip(self._kernel.layout.operands, views, strict=True))
                size = extent(shape3((*outputs.shape[:-1], end - first)))
                made.append(instruction(self._kernel, plan.dtype, **operands, **size))
            return made

        graph.add(encode, [outputs, targets, weights], [gradient, told, of_words])
        return gradient


class AuxiliaryStep(nn.TrainingStep):
    """A training step that gives the outputs of the classes alone, by which the accuracy is told."""

    loss: AuxiliaryCrossEntropy

    def __call__(
        self,
        x: ArrayLike,
        targets: ArrayLike,
        learning_rate: float,
        seeds: ArrayLike | None = None,
        threads: int | None = None,
    ) -> tuple[float, Array]:
        """As of `nn.TrainingStep`; the loss, too, is that of the classes."""
        loss, outputs = super().__call__(x, targets, learning_rate, seeds, threads)
        return loss, outputs[:, : self.loss._classes]
