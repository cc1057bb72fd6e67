# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Other implementations that bench_runtime.py times ours beside, and their inputs."""
import importlib.util
import math

import torch
import torch.nn.functional as F
from torch.nn.attention import sdpa_kernel

BLOCK, SEGMENT = 128, 256


def tensors(heads, kv_heads, n, d=128, layout="bhnd"):
    def make(h):
        if layout == "bnhd":
            return torch.randn(1, n, h, d, device="cuda").bfloat16().transpose(1, 2)
        return torch.randn(1, h, n, d, device="cuda").bfloat16()
    q, k, v = make(heads), make(kv_heads), make(kv_heads)
    return q, k, v, torch.empty_like(q), \
        torch.empty(1, heads, n, device="cuda")


def add_tflops(result, tiles, d):
    for entry in result.values():
        entry["tflops"] = 4 * BLOCK * BLOCK * d * tiles / entry["ms"] / 1e9


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


def random_lists(heads, n, density, seed):
    """bool [1,H,Nb,Nb]: earlier segments at random, own segment always."""
    blocks, per_segment = n // BLOCK, SEGMENT // BLOCK
    g = torch.Generator(device="cuda").manual_seed(seed)
    index = torch.arange(blocks, device="cuda") // per_segment
    own = index[:, None] == index[None, :]
    earlier = index[:, None] > index[None, :]
    mask = torch.rand(1, heads, blocks, blocks, device="cuda", generator=g)
    return (mask < density) & earlier | own, own


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


def published_triton(path, q, k, v, mask, positions):
    spec = importlib.util.spec_from_file_location("pbs_triton", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    import triton
    heads, n, d = q.shape[1], q.shape[2], q.shape[3]
    group = heads // k.shape[1]
    o = torch.empty_like(q)
    kpos = positions.long().repeat_interleave(group, 1).contiguous()
    qpos = torch.arange(n, device="cuda")[None, None].expand(1, heads, n)

    def run():
        module._permuted_block_sparse_attn_fwd[
            lambda meta: (triton.cdiv(n, meta["BLOCK_M"]), heads, 1)](
            q, k, v, o, mask, qpos, kpos, kpos, *q.stride(), *k.stride(),
            *v.stride(), *o.stride(), *mask.stride(), *qpos.stride(),
            *kpos.stride(), *kpos.stride(), n, n, 1 / math.sqrt(d), H=heads,
            num_kv_groups=group, HEAD_DIM=d, SEGMENT_SIZE=SEGMENT,
            LOGICAL_BLOCK_SIZE=BLOCK, STAGE=3)
        return o
    return run
