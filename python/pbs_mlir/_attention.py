# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Attention as functions; programs are compiled at their first use."""

import ctypes
import os
import threading

import numpy

from . import _library, _tensors
from ._program import Program, make_compile_options

# The runtime refuses a program on a device of another capability.
# PBS_CUDA_TARGET=compute_90a makes PTX, for drivers that take no cubin.
_TARGETS = {_library.CPU: "host",
            _library.CUDA: os.environ.get("PBS_CUDA_TARGET") or "sm_90a"}

_MAX_KNOWN = 256

_programs = {}
_lock = threading.Lock()


def _get_program(device, **config):
    """The program of a configuration, compiled at the first request."""
    key = (device, *sorted(config.items()))
    with _lock:
        program = _programs.get(key)
    if program is not None:
        return program
    handle = ctypes.c_void_p()
    _library.check(_library.get().pbs_attention_create(
        ctypes.byref(_library.AttentionConfig(**config)),
        ctypes.byref(make_compile_options(_TARGETS[device])),
        ctypes.byref(handle)))
    # Two threads may have compiled it; one result stays.
    with _lock:
        return _programs.setdefault(key, Program(handle))


# Programs by the tensors and options of a call, so that a call like an earlier
# one need not make a configuration.
_known = {}


def _find_program(tensors, options, make_config):
    """The program for a call; `make_config` is called if it is new."""
    key = (*map(_tensors.describe, tensors), *options)
    try:
        program = None if None in key[:len(tensors)] else _known.get(key)
    except TypeError:  # an option without a hash
        return _get_program(**make_config())
    if program is None:
        program = _get_program(**make_config())
        if None not in key[:len(tensors)]:
            if len(_known) >= _MAX_KNOWN:
                _known.clear()
            _known[key] = program
    return program


def _choose(name, value, choices):
    if value not in choices:
        raise _library.InvalidArgumentError(
            f"{name}: expected one of {', '.join(choices)}, got {value!r}")
    return choices[value]


def _get_sizes(q, k, v):
    """Configuration fields that follow from the tensors."""
    views = [_tensors.View(f"argument '{name}'", tensor)
             for name, tensor in (("q", q), ("k", k), ("v", v))]
    for name, view in zip("qkv", views):
        if len(view.shape) != 4:
            raise _library.InvalidArgumentError(
                f"argument '{name}': expected shape [B, H, N, D], got "
                f"{list(view.shape)}")
        if view.device != views[0].device:
            raise _library.InvalidArgumentError(
                f"argument '{name}': expected a tensor on the device of q")
    query, key, _ = views
    if query.device == _library.CUDA and query.dtype == _library.F32:
        raise _library.UnsupportedError(
            "argument 'q': expected float16 or bfloat16 on CUDA, got float32")
    return dict(device=query.device, query_heads=query.shape[1], kv_heads=key.shape[1],
                head_dim=query.shape[3], dtype=query.dtype)


def _get_method(causal, scale, block, segment, threshold, top_k, permute,
                sharing, proxy, proxy_rows, proxy_seed):
    """Configuration fields of the method."""
    return dict(
        kind=_library.PERMUTED, causal=int(causal), scale=float(scale or 0),
        query_block=block, key_block=block, segment=segment,
        unpermuted=int(not permute),
        stop_rule=_library.TOP_P if top_k is None else _library.TOP_K,
        threshold=float(threshold), count=top_k or 0,
        proxy=_choose("proxy", proxy, _library.PROXIES),
        proxy_rows=proxy_rows, proxy_seed=proxy_seed,
        sharing=_choose("sharing", sharing, _library.SHARINGS))


def attention(q, k, v, *, causal=True, scale=None, block=128, segment=256,
              threshold=0.9, top_k=None, permute=True, sharing="share_mean",
              proxy="last_rows", proxy_rows=128, proxy_seed=0,
              dense_below=None, return_lse=False, outputs=(), out=None,
              workspace=None, num_threads=None, cu_seqlens_q=None,
              cu_seqlens_k=None):
    """Permuted block-sparse attention (PBS-Attn, arXiv 2510.21270).

    Args:
      q: [B, Hq, M, D]; the ends of queries and keys are aligned, so M < N is a
        later chunk of a prefill.
      k, v: [B, Hkv, N, D], with Hq a multiple of Hkv; never modified.
      causal: a query sees keys at or before its position.
      scale: factor of the scores, by default 1/sqrt(D).
      block: rows of a query block and of a key block.
      segment: keys that are permuted among themselves; a multiple of `block`.
      threshold: share of the pooled mass to cover (Section 4.3 of the paper).
      top_k: take this many candidate blocks instead.
      permute: move important keys together (Section 4.2).
      sharing: "share_mean" (one permutation for each KV head, from the mean
        importance), "average_query" or "per_query_head".
      proxy: the query rows that importance is taken from: "last_rows",
        "strided_rows" or "random_rows" (of `proxy_seed`); `proxy_rows` many.
      dense_below: with fewer keys compute dense attention, which is faster then
        (exact, too); by default as many as pay on the device (8,192 on a GPU, none
        on a CPU), 0 for never.
      return_lse: return (output, lse), lse f32 [B, Hq, M], natural logarithm.
      outputs: names of more to return, in this order, behind output and lse.
        Mb and Nb are the numbers of query and key blocks, H that of permutations.
        "positions": int32 [B, H, N], the original position of each permuted key;
        "block_list": int32 [B, Hq, Mb, ceil(Nb / 32)], rows of bits;
        "density": f32 [B, Hq, 1], blocks on the list over blocks that could be on
        it, which causal are those that hold a key which a row of the query block
        sees (0 where there are none);
        "covered_mass": f32 [B, Hq, 1], the mean over query blocks of the share
        that the list has of the softmax of the scores of the candidates, what
        `threshold` is about (of query blocks that have candidates; 1 where none
        has);
        for looking into the method: "importance": f32 [B, H, N], and "scores": f32
        [B, Hq, Mb, Nb], -inf where a block is no candidate.
        Any of these but "lse" computes the method at any length.
      out: tensors for all that is returned, in the same order; workspace,
        num_threads: see Program.
      cu_seqlens_q, cu_seqlens_k: where packed sequences begin in `q` and, by
        default the same, in `k` and `v`: S + 1 integers on the host (a list, a
        numpy array, a CPU tensor) from 0 to M and to N. Each sequence is computed
        as if it were alone, bit for bit; short ones may be dense attention and
        long ones the method (`dense_below`). With B > 1 the offsets hold for each
        entry of the batch.

    Returns: [B, Hq, M, D] of the type of `q`, or a tuple of it and what else was
      asked for. Of packed sequences the density and the covered mass are
      [1, Hq, S], and other outputs have the rows of one sequence after those of
      the other.
    Raises: PbsError, of the subclass that says what is wrong.
    """
    names = _check_outputs(return_lse, outputs)
    method = (causal, scale, block, segment, threshold, top_k, permute, sharing,
              proxy, proxy_rows, proxy_seed)
    program = _find_program(
        (q, k, v), (_library.PERMUTED, *method, dense_below, *names),
        lambda: dict(
            **_get_sizes(q, k, v), **_get_method(*method),
            # In C 0 is the default and -1 is never.
            dense_below=0 if dense_below is None else int(dense_below) or -1,
            outputs=sum(_library.OUTPUTS[name] for name in names)))
    # The program has them in the order of their bits.
    order = [0] + [1 + i for i in sorted(
        range(len(names)), key=lambda i: _library.OUTPUTS[names[i]])]
    out = _as_outputs(out)
    if out is not None:
        if len(out) != len(order):
            raise _library.InvalidArgumentError(
                f"out: expected {len(order)} tensors "
                f"({', '.join(['output', *names])}), got {len(out)}")
        out = [out[i] for i in order]
    results = program(q, k, v, out=out, workspace=workspace,
                      num_threads=num_threads, cu_seqlens_q=cu_seqlens_q,
                      cu_seqlens_k=cu_seqlens_k)
    if not names:
        return results
    return tuple(results[order.index(i)] for i in range(len(order)))


def dense_attention(q, k, v, *, causal=True, scale=None, return_lse=False,
                    out=None, num_threads=None, cu_seqlens_q=None,
                    cu_seqlens_k=None):
    """Dense attention; arguments as in `attention`.

    With `cu_seqlens_q`, S + 1 offsets, q, k and v hold S sequences one after
    the other: sequence s has the query rows from cu_seqlens_q[s] to before
    cu_seqlens_q[s + 1], and the keys and values that `cu_seqlens_k`, by default
    the same, says. A sequence sees itself only. Offsets on the host are as in
    `attention`. Offsets on CUDA (int32, both, batch size 1) are read by the one
    kernel that computes all sequences.
    """
    is_packed = cu_seqlens_q is not None and not _tensors.is_on_host(cu_seqlens_q)
    kind = _library.PACKED if is_packed else _library.DENSE
    program = _find_program(
        (q, k, v), (kind, causal, scale, return_lse), lambda: dict(
            **_get_sizes(q, k, v), kind=kind, causal=int(causal),
            scale=float(scale or 0),
            outputs=_library.LSE if return_lse else 0))
    out = _as_outputs(out)
    if not is_packed:
        return program(q, k, v, out=out, num_threads=num_threads,
                       cu_seqlens_q=cu_seqlens_q, cu_seqlens_k=cu_seqlens_k)
    return program(q, k, v, cu_seqlens_q,
                   cu_seqlens_q if cu_seqlens_k is None else cu_seqlens_k,
                   out=out)


def sparse_attention(q, k, v, block_mask, *, key_positions=None, own_keys=None,
                     causal=True, scale=None, block=128, segment=256,
                     return_lse=False, out=None, workspace=None, num_threads=None,
                     checked=True, cu_seqlens_q=None, cu_seqlens_k=None):
    """Attention over the key blocks that the caller lists.

    Args:
      q, k, v: as in `attention`; `k` and `v` in the order of `key_positions`.
      block_mask: (count, index), int32 [B, Hq, Mb] and [B, Hq, Mb, L], of
        which the first `count` entries of a row of `index` are key blocks, each
        once; or a bool mask [B, Hq, Mb, Nb]. Mb and Nb are the numbers of
        query and key blocks.
      key_positions: int32 [B, Hkv, N], the original position of each key, by
        which it is masked; keys have to stay inside segments of `segment` keys.
      own_keys: (k, v) before they were permuted, [B, Hkv, N, D] both, for causal
        attention. The mask then speaks of the blocks before the own segments of a
        query block only, those that its positions meet: of these a row sees all
        visible keys, read in the order of positions, which is faster on a GPU.
      checked: raise InvalidDataError for an index that is out of range or
        listed twice. Unchecked, such an entry has no defined effect.
      cu_seqlens_q, cu_seqlens_k: as in `attention`. Mb is then the sum of the
        sequences' numbers of query blocks, each rounded up, and lists and
        `key_positions` count from the begin of a sequence.

    Returns: as `attention`. A row with no visible listed key is 0, its lse -inf.
    """
    if not isinstance(block_mask, (tuple, list)):
        block_mask = _make_lists(q, block_mask)
    positions = () if key_positions is None else (key_positions,)
    own = _check_own_keys(own_keys, causal)
    program = _find_program(
        (q, k, v), (_library.SPARSE, causal, scale, block, segment,
                    len(positions), len(own), return_lse),
        lambda: dict(
            **_get_sizes(q, k, v), kind=_library.SPARSE, causal=int(causal),
            scale=float(scale or 0), query_block=block, key_block=block,
            segment=segment, has_positions=len(positions),
            has_own_keys=len(own), outputs=_library.LSE if return_lse else 0))
    return program(q, k, v, *positions, *block_mask, *own, out=_as_outputs(out),
                   workspace=workspace, num_threads=num_threads,
                   checked=checked, cu_seqlens_q=cu_seqlens_q,
                   cu_seqlens_k=cu_seqlens_k)


def permutation(q, k, *, causal=True, scale=None, segment=256,
                block=128, sharing="share_mean", proxy="last_rows",
                proxy_rows=128, proxy_seed=0, return_importance=False):
    """The permutation of keys (Section 4.2 of the paper).

    Returns: positions, int32 [B, H, N] with H = Hkv (or Hq for sharing
      "per_query_head"), the original position of each permuted key; with
      `return_importance`, (positions, importance), importance f32 [B, H, N].
    """
    program = _get_program(
        **_get_sizes(q, k, k),
        **_get_method(causal, scale, block, segment, 1.0, None, True, sharing,
                      proxy, proxy_rows, proxy_seed),
        outputs=(_library.STAGES_ONLY | _library.IMPORTANCE |
                 _library.POSITIONS))
    importance, positions = program(q, k, k)
    return (positions, importance) if return_importance else positions


def select_blocks(q, k, *, causal=True, scale=None, block=128,
                  segment=256, threshold=0.9, top_k=None, permute=True,
                  sharing="share_mean", proxy="last_rows", proxy_rows=128,
                  proxy_seed=0):
    """The block mask of the method (Section 4.3 of the paper).

    Returns: a bool mask, numpy [B, Hq, Mb, Nb], over the permuted key blocks.
    """
    program = _get_program(
        **_get_sizes(q, k, k),
        **_get_method(causal, scale, block, segment, threshold, top_k, permute,
                      sharing, proxy, proxy_rows, proxy_seed),
        outputs=_library.STAGES_ONLY | _library.BLOCK_LIST)
    words = program(q, k, k)
    if _tensors.is_torch(words):
        words = words.cpu().numpy()
    num_blocks = -(-_tensors.View("k", k).shape[2] // block)
    bits = numpy.unpackbits(
        numpy.ascontiguousarray(words).view(numpy.uint8), axis=-1,
        bitorder="little")
    return bits[..., :num_blocks].astype(bool)


def _check_outputs(return_lse, outputs):
    """Names of the outputs behind the first one."""
    if isinstance(outputs, str):
        outputs = (outputs,)
    names = (["lse"] if return_lse else []) + list(outputs)
    for i, name in enumerate(names):
        _choose("outputs", name, _library.OUTPUTS)
        if name in names[:i]:
            raise _library.InvalidArgumentError(
                f"outputs: expected each name once, got {name!r} twice")
    return names


def _check_own_keys(own_keys, causal):
    """Keys and values of own segments, or nothing."""
    if own_keys is None:
        return ()
    if not isinstance(own_keys, (tuple, list)) or len(own_keys) != 2:
        raise _library.InvalidArgumentError(
            f"own_keys: expected (k, v), got {type(own_keys).__name__}")
    if not causal:
        raise _library.InvalidArgumentError(
            "own_keys: expected causal attention, got causal=False")
    return tuple(own_keys)


def _as_outputs(out):
    if out is None or isinstance(out, (tuple, list)):
        return out
    return (out,)


def _make_lists(like, mask):
    """(count, index) of a bool mask, on the device of `like`."""
    is_torch = _tensors.is_torch(mask)
    array = mask.cpu().numpy() if is_torch else numpy.asarray(mask)
    if array.dtype != bool or array.ndim != 4:
        raise _library.InvalidArgumentError(
            "block_mask: expected (count, index) or a bool mask "
            f"[B, Hq, Mb, Nb], got {array.dtype} {list(array.shape)}")
    count = array.sum(axis=-1, dtype=numpy.int32)
    # Listed blocks first, in order.
    index = numpy.argsort(~array, axis=-1, kind="stable").astype(numpy.int32)
    if not _tensors.is_torch(like):
        return count, index
    import torch  # pylint: disable=import-outside-toplevel
    return (torch.from_numpy(count).to(like.device),
            torch.from_numpy(index).to(like.device))
