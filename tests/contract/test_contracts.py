"""Every registered norm and model keeps its contract, in both directions."""

from __future__ import annotations

import torch

from eqnorm.testing import parametrize_contracts


@parametrize_contracts(dtypes=[torch.float32])
def test_the_contract_holds(contract) -> None:
    contract.check()
