"""Attribute vectors by hand, and what has none."""

import pytest
import torch
from shape_checks import untyped

from energan.inference.codes.attribute_vectors import attribute_vectors
from energan.utils.errors import UserError


def test_each_is_the_mean_with_minus_the_mean_without():
    codes = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
    present = torch.rand(20, 2, generator=torch.Generator().manual_seed(1)) < 0.4
    for k, vector in enumerate(attribute_vectors(codes, present)):
        torch.testing.assert_close(vector, codes[present[:, k]].mean(0) - codes[~present[:, k]].mean(0))


@pytest.mark.parametrize(
    ("codes", "present", "said"),
    [
        (torch.zeros(2, 1), torch.tensor([[True], [True]]), "attribute 0 is in all of the 2 images"),
        (torch.zeros(2, 1), torch.tensor([[True, False], [False, False]]), "attribute 1 is in none"),
        (torch.zeros(3, 1), torch.tensor([[True], [False]]), "3 codes cannot have the attributes of 2 images"),
        (torch.tensor([[0.0], [float("nan")]]), torch.tensor([[True], [False]]), "finite"),
    ],
)
def test_what_has_no_vector_is_refused(codes, present, said):
    with untyped(), pytest.raises(UserError, match=said):
        attribute_vectors(codes, present)
