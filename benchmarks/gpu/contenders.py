# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Other implementations that the benchmarks time ours beside, and their inputs."""
import functools
import importlib.util
import math
import os
import sys

import torch
import torch.nn.functional as F
from torch.nn.attention import sdpa_kernel

BLOCK, SEGMENT = 128, 256


def tensors(heads, kv_heads, n, d=128, layout="bhnd", dtype=torch.bfloat16):
    def make(h):
        if layout == "bnhd":
            return torch.randn(1, n, h, d, device="cuda").to(dtype).transpose(1, 2)
        return torch.randn(1, h, n, d, device="cuda").to(dtype)
    q, k, v = make(heads), make(kv_heads), make(kv_heads)
    return q, k, v, torch.empty_like(q), \
        torch.empty(1, heads, n, device="cuda")


def dense_tiles(heads, n, causal):
    blocks = n // BLOCK
    return heads * (blocks * (blocks + 1) // 2 if causal else blocks * blocks)


def add_tflops(result, tiles, d, **others):
    """Rates from the visited tiles, which `others` has for names with their own."""
    for name, entry in result.items():
        entry["tflops"] = (4 * BLOCK * BLOCK * d * others.get(name, tiles)
                           / entry["ms"] / 1e9)


def sdpa(q, k, v, causal, backend):
    group = q.shape[1] != k.shape[1]

    def run():
        with sdpa_kernel(backend):
            return F.scaled_dot_product_attention(q, k, v, is_causal=causal,
                                                  enable_gqa=group)
    return run


def try_contender(table, missing, name, make):
    """Adds make() if it runs."""
    try:
        function = make()
        function()
        torch.cuda.synchronize()
        table[name] = function
    except Exception as error:  # a missing package or an unsupported shape
        missing[name] = f"{type(error).__name__}: {str(error)[:200]}"


def fa4_dense(q, k, v, causal):
    from flash_attn.cute.interface import flash_attn_func
    # Its layout is [B,N,H,D]; views, no copies.
    q, k, v = (t.transpose(1, 2) for t in (q, k, v))
    return lambda: flash_attn_func(q, k, v, causal=causal)


def fa4_lists(q, k, v, mask, own):
    """FlashAttention 4 over the same lists. Its mask is the plain causal one: the same
    work, without the gather of positions."""
    import cutlass.cute as cute
    from flash_attn.cute.block_sparsity import BlockSparseTensorsTorch
    from flash_attn.cute.interface import _flash_attn_fwd

    @cute.jit
    def causal_mask(batch, head, m_idx, n_idx, seqlen_info, aux_tensors):
        return n_idx <= m_idx

    def lists(m):
        return m.sum(-1).int(), torch.argsort(
            m.byte(), dim=-1, descending=True, stable=True).int()
    partial, full = lists(mask & own), lists(mask & ~own)
    blocks = BlockSparseTensorsTorch(*partial, *full, block_size=(BLOCK, BLOCK))
    q, k, v = (t.transpose(1, 2) for t in (q, k, v))
    return lambda: _flash_attn_fwd(q, k, v, mask_mod=causal_mask, pack_gqa=False,
                                   block_sparse_tensors=blocks)[0].transpose(1, 2)


def segment_positions(kv_heads, n):
    keys = torch.rand(1, kv_heads, n // SEGMENT, SEGMENT, device="cuda").argsort(-1)
    start = torch.arange(0, n, SEGMENT, device="cuda")[:, None]
    return (keys + start).view(1, kv_heads, n).int().contiguous()


class Flex:
    """FlexAttention over the lists, compiled once for each length."""

    def __init__(self, group, positions):
        from torch.nn.attention.flex_attention import flex_attention
        # Above it torch would fall back to materialised scores in silence.
        torch._dynamo.config.recompile_limit = 64
        self.function = torch.compile(flex_attention, dynamic=False)
        self.mask_mod = lambda b, h, i, j: i >= positions[b, h // group, j]

    def __call__(self, q, k, v, mask, own):
        from torch.nn.attention.flex_attention import BlockMask

        def lists(m):
            return m.sum(-1).int(), torch.argsort(
                m.byte(), dim=-1, descending=True, stable=True).int()
        block_mask = BlockMask.from_kv_blocks(
            *lists(mask & own), *lists(mask & ~own), BLOCK_SIZE=BLOCK,
            mask_mod=self.mask_mod)
        return lambda: self.function(q, k, v, block_mask=block_mask,
                                     enable_gqa=True)


@functools.lru_cache(maxsize=None)
def load_published_kernel(folder, n):
    """The file of the published kernel, anew for each length: it is tuned once."""
    path = os.path.join(folder, "pbs_attn", "src", "kernels",
                        "permuted_block_sparse_attention.py")
    spec = importlib.util.spec_from_file_location(f"pbs_triton_{n}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module._permuted_block_sparse_attn_fwd


def published_triton(folder, q, k, v, mask, positions):
    """The published kernel alone, over lists."""
    import triton
    heads, n, d = q.shape[1], q.shape[2], q.shape[3]
    kernel = load_published_kernel(folder, n)
    group = heads // k.shape[1]
    o = torch.empty_like(q)
    kpos = positions.long().repeat_interleave(group, 1).contiguous()
    qpos = torch.arange(n, device="cuda")[None, None].expand(1, heads, n)

    def run():
        kernel[
            lambda meta: (triton.cdiv(n, meta["BLOCK_M"]), heads, 1)](
            q, k, v, o, mask, qpos, kpos, kpos, *q.stride(), *k.stride(),
            *v.stride(), *o.stride(), *mask.stride(), *qpos.stride(),
            *kpos.stride(), *kpos.stride(), n, n, 1 / math.sqrt(d), H=heads,
            num_kv_groups=group, HEAD_DIM=d, SEGMENT_SIZE=SEGMENT,
            LOGICAL_BLOCK_SIZE=BLOCK, STAGE=3)
        return o
    return run


class Published:
    """The published code: `folder` holds its package pbs_attn.

    It wants keys and values for every query head; copying them is part of a call.
    Its kernel is tuned at the first call after `retune`."""

    def __init__(self, folder):
        if folder not in sys.path:
            sys.path.insert(0, folder)
        from pbs_attn.src import pbs
        self.pbs = pbs
        self.kernel = pbs._permuted_block_sparse_attn_fwd

    def retune(self):
        self.kernel.cache.clear()

    def method(self, q, k, v, threshold=0.9):
        group = q.shape[1] // k.shape[1]
        return self.pbs.permuted_block_sparse_attn_fwd(
            q, k.repeat_interleave(group, 1), v.repeat_interleave(group, 1),
            block_size=BLOCK, segment_size=SEGMENT, threshold=threshold,
            causal=True, force_select_first_block=True, use_triton=True)

    def prepare(self, q, k, v, threshold=0.9):
        """What its method does before attention, by its functions; `k` and `v` are
        there for every query head already."""
        keys, positions = self.pbs.apply_permutation(
            query_states=q, key_states=k, block_size=BLOCK, segment_size=SEGMENT)
        rows = torch.arange(q.shape[2], device=q.device).expand(*q.shape[:3])
        _, mask, own = self.pbs.permuted_block_selection(
            q, keys, rows, positions, BLOCK, SEGMENT, threshold=threshold)
        index = positions[..., None].expand(-1, -1, -1, v.shape[3])
        return keys, torch.gather(v, 2, index), mask | own
