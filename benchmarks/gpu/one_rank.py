"""What the check has torchrun start with one process: the exchanges that ranks make, of which one rank makes none.

torchrun --standalone --nproc-per-node 1 -m benchmarks.gpu.one_rank cuda
"""

import sys

import torch
from torch import distributed

from energan.engine.distributed import Ranks, rank_from_env


def main(device: str) -> None:
    cuda = device.startswith("cuda")
    distributed.init_process_group("gloo")
    ranks = Ranks(*rank_from_env())
    if cuda:
        torch.cuda.set_device(ranks.local)
    kind = "nccl" if cuda else "gloo"
    ranks._tensors = distributed.new_group(backend=kind)  # as `Ranks.device` makes it where there are several
    given = [torch.rand(1000, 7, device=device), torch.rand(3, device=device, dtype=torch.float64)]
    tensors = [x.clone() for x in given]
    ranks.average_(tensors)
    total = ranks.sum_(given[0].clone())
    on_cpu = torch.rand(5)
    copied = on_cpu.clone()
    ranks.copy_([copied])  # by gloo
    pairs = [*zip(given, tensors, strict=True), (given[0], total), (on_cpu, copied)]
    assert all(torch.equal(a, b) for a, b in pairs), "one rank's mean is not its own"
    assert not ranks.any(False), "a vote of one is another's"
    assert ranks.on_rank_zero(lambda: 7) == 7
    print(f"{kind}: equal", flush=True)
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1])
