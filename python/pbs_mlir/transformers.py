# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Permuted block-sparse attention in models of Hugging Face transformers.

    import pbs_mlir.transformers
    pbs_mlir.transformers.register(threshold=0.9)
    model = AutoModelForCausalLM.from_pretrained(..., attn_implementation="pbs")

Prefill, also in chunks over a cache that grows, takes `pbs_mlir.attention`. A step
of one token, to which the method does not apply, takes torch's
scaled_dot_product_attention, which is dense. What cannot be computed is an error:
padding, caches of fixed size, packed sequences, sliding windows, soft caps, sinks,
dropout, gradients.
"""

import functools
import inspect

import torch
import transformers
from transformers import (AttentionInterface, AttentionMaskInterface,
                          masking_utils)

from . import _attention, _library


def _check_version(version):
    # Since then masks are asked for by numbers of queries and of keys before them.
    if int(version.split(".")[0]) < 5:
        raise ImportError(f"pbs_mlir.transformers: expected transformers 5 or later, "
                          f"got {version}")


_check_version(transformers.__version__)

# Arguments of models that change the scores or what a query sees.
_UNSUPPORTED = ("sliding_window", "softcap", "s_aux", "position_bias",
                "cu_seq_lens_q", "cu_seq_lens_k", "head_mask")


def register(name="pbs", **options):
    """Registers an attention that models take by `attn_implementation=name`.

    Args:
      name: a name; one that was registered before is replaced.
      options: of `pbs_mlir.attention`, such as `threshold`, `segment` or
        `dense_below`; neither tensors nor `causal` and `scale`, which a model
        gives, nor what would return more than the output.

    Raises: InvalidArgumentError for another option.
    """
    known = set(inspect.signature(_attention.attention).parameters) - {
        "q", "k", "v", "causal", "scale", "return_lse", "outputs", "out",
        "workspace", "cu_seqlens_q", "cu_seqlens_k"}
    for option in options:
        if option not in known:
            raise _library.InvalidArgumentError(
                f"register: expected options among {', '.join(sorted(known))}, "
                f"got {option!r}")
    AttentionInterface.register(name, functools.partial(_forward, options))
    AttentionMaskInterface.register(name, _check_mask)


def _forward(options, module, query, key, value, attention_mask, scaling=None,
             dropout=0.0, is_causal=None, **arguments):
    """query: [B, Hq, M, D]; key, value: [B, Hkv, N, D]; gives ([B, M, Hq, D], None),
    as transformers' attention functions do."""
    if attention_mask is not None:
        raise _library.UnsupportedError(
            "attention_mask: expected none, got a tensor; only causal attention "
            "and attention to all keys are computed")
    if dropout:
        raise _library.UnsupportedError(
            f"dropout: expected 0, got {dropout}; call model.eval()")
    for name in _UNSUPPORTED:
        if arguments.get(name) is not None:
            raise _library.UnsupportedError(
                f"{name}: expected none, got {arguments[name]!r:.80}")
    if query.shape[2] == 1:
        output = torch.nn.functional.scaled_dot_product_attention(
            query, key, value, scale=scaling,
            enable_gqa=query.shape[1] != key.shape[1])
        return output.transpose(1, 2).contiguous(), None
    if is_causal is None:
        is_causal = getattr(module, "is_causal", True)
    # As the caller wants it, so that nothing is copied.
    output = query.new_empty(query.transpose(1, 2).shape)
    _attention.attention(query, key, value, causal=bool(is_causal), scale=scaling,
                         out=output.transpose(1, 2), **options)
    return output, None


def _check_mask(*, q_length, kv_length, q_offset, kv_offset, mask_function,
                attention_mask=None, **arguments):
    """Makes no mask: what a query sees follows from its position alone, or it is
    an error. Called once for each forward pass of a model."""
    if mask_function not in (masking_utils.causal_mask_function,
                             masking_utils.bidirectional_mask_function):
        raise _library.UnsupportedError(
            "mask: expected causal attention or attention to all keys, got a mask "
            "of another kind (packed sequences, a sliding window, a prefix)")
    if int(q_offset) + q_length != kv_length or int(kv_offset) != 0:
        raise _library.UnsupportedError(
            f"cache: expected keys that end with the queries, got {kv_length} keys "
            f"for {q_length} queries behind {int(q_offset)}; take a cache that "
            f"grows (DynamicCache)")
    if attention_mask is not None and not bool(attention_mask.all()):
        raise _library.UnsupportedError(
            "attention_mask: expected sequences of one length, got padding; pass "
            "them one by one or packed to pbs_mlir.attention")
