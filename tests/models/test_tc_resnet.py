"""TC-ResNet8 is the published network."""

import numpy as np
import pytest

from audioconv import models
from audioconv.errors import ArgumentError


def test_parameter_count_of_the_paper():
    network = models.build("tc-resnet8", 12, 40, 0)
    assert sum(p.size for p in network.parameters().values()) == 65_180
    assert network.forward(np.zeros((2, 98, 40), "float32")).shape == (2, 12)


def test_the_seed_makes_the_network():
    first, again, other = (models.build("tc-resnet8", 3, 10, seed).state_dict() for seed in (5, 5, 6))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["0.weight"], other["0.weight"])


def test_an_unknown_name_is_refused():
    with pytest.raises(ArgumentError, match="tc-resnet8"):
        models.build("resnet", 12, 40, 0)
