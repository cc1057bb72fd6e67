# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Block lists for the benchmarks: causal, over permuted keys.

Masks are bool [1, H, Nb, Nb]: a query block lists its own segment and some blocks
of earlier segments.
"""
import torch

BLOCK, SEGMENT = 128, 256
KINDS = ("band", "rows", "heads", "mixed")


def candidates(n):
    """(own, earlier), bool [Nb, Nb]: blocks of the own and of earlier segments."""
    index = torch.arange(n // BLOCK, device="cuda") // (SEGMENT // BLOCK)
    return index[:, None] == index[None, :], index[:, None] > index[None, :]


def random_lists(heads, n, density, seed):
    """(mask, own): earlier segments at random, own segment always."""
    own, earlier = candidates(n)
    g = torch.Generator(device="cuda").manual_seed(seed)
    mask = torch.rand(1, heads, *own.shape, device="cuda", generator=g)
    return (mask < density) & earlier | own, own


def uneven_lists(kind, heads, n):
    """Lists whose rows differ as those of models do.

      band   the first two blocks and the sixteen blocks before the own segment
      rows   the same, and every sixteenth row lists all there is
      heads  the same, and every eighth head lists all there is
      mixed  the same, and half of all there is in the rows and heads of both
    """
    own, earlier = candidates(n)
    blocks = own.shape[0]
    index = torch.arange(blocks, device="cuda")
    band = (index[None, :] < 2) | (index[:, None] - index[None, :] < 18)
    mask = band.expand(1, heads, blocks, blocks).clone()
    if kind == "rows":
        mask[:, :, ::16] = True
    elif kind == "heads":
        mask[:, ::8] = True
    elif kind == "mixed":
        mask[:, :, ::16, ::2] = True
        mask[:, ::8, :, ::2] = True
    elif kind != "band":
        raise ValueError(f"expected one of {', '.join(KINDS)}, got {kind!r}")
    return mask & earlier | own, own


def even_lists(total, heads, n, seed):
    """(mask, own): about `total` listed blocks in all, and in each row the same
    share of what there is."""
    own, earlier = candidates(n)
    share = (total / heads - int(own.sum())) / max(int(earlier.sum()), 1)
    return random_lists(heads, n, share, seed)
