#!/usr/bin/env python3
"""Captures Q, K (after RoPE) and V of a llama-type GGUF model on a long text.

Needs numpy, gguf and tokenizers (from PyPI). The model has to be a llama
architecture with a GPT-2 type tokenizer, such as SmolLM2. The forward pass is
plain numpy in f32 and prints the perplexity on the text, which says whether it
is right.

The result is a .safetensors file in bf16 with tensors `layerL.q`
[1, heads, N, D], `layerL.k` and `layerL.v` [1, kv heads, N, D].

Example (what made the file in benchmarks/data):

  bible -f gen1:1-50:26 | sed 's/^[^ ]* //' > genesis.txt
  capture.py --model SmolLM2-135M-Instruct.Q4_1.gguf --text genesis.txt \
    --tokens 8192 --keep 14:0,1:8192 --keep 2:0,1:3584 --keep 27:0,1:3584 \
    --output smollm2-135m-genesis.safetensors
"""
import argparse
import json
import struct
import sys
import time

import numpy as np
from gguf import GGUFReader
from gguf.quants import dequantize
from tokenizers import Tokenizer, decoders, models, pre_tokenizers


class Model:
    """Weights and hyperparameters of a llama-type GGUF file, in f32."""

    def __init__(self, path):
        reader = GGUFReader(path)
        self.fields = reader.fields
        arch = self.field("general.architecture")
        if arch != "llama":
            sys.exit(f"{path}: expected a llama architecture, got {arch}")
        self.layers = self.field("llama.block_count")
        self.heads = self.field("llama.attention.head_count")
        self.kv_heads = self.field("llama.attention.head_count_kv")
        self.dim = self.field("llama.embedding_length")
        self.head_dim = self.dim // self.heads
        self.theta = self.field("llama.rope.freq_base")
        self.eps = self.field("llama.attention.layer_norm_rms_epsilon")
        self.context = self.field("llama.context_length")
        self.tensors = {tensor.name: tensor for tensor in reader.tensors}

    def field(self, name):
        return self.fields[name].contents()

    def weight(self, name):
        """A matrix as [out, in], or a vector."""
        tensor = self.tensors[name]
        values = dequantize(tensor.data, tensor.tensor_type)
        return values.astype(np.float32).reshape(tuple(reversed(tensor.shape)))

    def tokenizer(self):
        tokens = self.field("tokenizer.ggml.tokens")
        merges = [tuple(merge.split(" "))
                  for merge in self.field("tokenizer.ggml.merges")]
        vocab = {token: i for i, token in enumerate(tokens)}
        tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges))
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False)])
        tokenizer.decoder = decoders.ByteLevel()
        return tokenizer


def rms_norm(x, weight, eps):
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps) * weight


def rope(x, theta):
    """Rotates pairs (2i, 2i + 1), the order in which GGUF stores Q and K."""
    positions = np.arange(x.shape[-2], dtype=np.float64)
    dim = x.shape[-1]
    angles = np.outer(positions, theta ** (-np.arange(0, dim, 2) / dim))
    cos, sin = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
    even, odd = x[..., 0::2], x[..., 1::2]
    result = np.empty_like(x)
    result[..., 0::2] = even * cos - odd * sin
    result[..., 1::2] = even * sin + odd * cos
    return result


def attention(q, k, v, block=512):
    """Causal attention, [heads, N, D] over [kv heads, N, D]."""
    heads, n, dim = q.shape
    group = heads // k.shape[0]
    out = np.empty_like(q)
    for head in range(heads):
        keys, values = k[head // group], v[head // group]
        for lo in range(0, n, block):
            hi = min(lo + block, n)
            scores = q[head, lo:hi] @ keys[:hi].T * np.float32(dim ** -0.5)
            hidden = np.arange(hi) > np.arange(lo, hi)[:, None]
            scores[hidden] = -np.inf
            scores -= scores.max(axis=1, keepdims=True)
            np.exp(scores, out=scores)
            scores /= scores.sum(axis=1, keepdims=True)
            out[head, lo:hi] = scores @ values[:hi]
    return out


def perplexity(model, x, ids, block=1024):
    """Of each token but the first, given those before it."""
    x = rms_norm(x, model.weight("output_norm.weight"), model.eps)
    head = ("output.weight" if "output.weight" in model.tensors
            else "token_embd.weight")
    weight = model.weight(head)
    loss = 0.0
    for lo in range(0, len(ids) - 1, block):
        hi = min(lo + block, len(ids) - 1)
        logits = x[lo:hi] @ weight.T
        logits -= logits.max(axis=1, keepdims=True)
        chosen = logits[np.arange(hi - lo), ids[lo + 1:hi + 1]]
        loss += float(np.sum(np.log(np.exp(logits).sum(axis=1)) - chosen))
    return np.exp(loss / (len(ids) - 1))


def to_bf16(x):
    """Bits of `x` rounded to bf16, to nearest even."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def write_safetensors(path, tensors, metadata):
    header, offset = {"__metadata__": metadata}, 0
    for name, bits in tensors.items():
        header[name] = {"dtype": "BF16", "shape": list(bits.shape),
                        "data_offsets": [offset, offset + bits.nbytes]}
        offset += bits.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for bits in tensors.values():
            file.write(bits.tobytes())


def parse_keep(text):
    """`LAYER:HEAD,HEAD,...:TOKENS`"""
    layer, heads, tokens = text.split(":")
    return int(layer), [int(head) for head in heads.split(",")], int(tokens)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", required=True, help=".gguf file")
    parser.add_argument("--text", required=True, help="UTF-8 text file")
    parser.add_argument("--tokens", type=int, default=8192)
    parser.add_argument("--keep", type=parse_keep, action="append",
                        required=True, help="LAYER:QUERY_HEADS:TOKENS")
    parser.add_argument("--output", required=True, help=".safetensors file")
    args = parser.parse_args()

    model = Model(args.model)
    text = open(args.text, encoding="utf-8").read()
    ids = model.tokenizer().encode(text).ids
    if len(ids) < args.tokens:
        sys.exit(f"expected a text of {args.tokens} tokens, got {len(ids)}")
    if args.tokens > model.context:
        sys.exit(f"expected at most {model.context} tokens, got {args.tokens}")
    ids = np.array(ids[:args.tokens])
    keep = {layer: (heads, tokens) for layer, heads, tokens in args.keep}
    group = model.heads // model.kv_heads

    tensors = {}
    x = model.weight("token_embd.weight")[ids]
    start = time.time()
    for layer in range(model.layers):
        prefix = f"blk.{layer}."

        def split(h, name, heads):
            y = h @ model.weight(prefix + name).T
            return y.reshape(len(ids), heads, model.head_dim).swapaxes(0, 1)

        h = rms_norm(x, model.weight(prefix + "attn_norm.weight"), model.eps)
        q = rope(split(h, "attn_q.weight", model.heads), model.theta)
        k = rope(split(h, "attn_k.weight", model.kv_heads), model.theta)
        v = split(h, "attn_v.weight", model.kv_heads)
        if layer in keep:
            heads, tokens = keep[layer]
            kv = sorted({head // group for head in heads})
            if len(heads) % len(kv):
                sys.exit("expected as many query heads for each KV head")
            for name, value, chosen in (("q", q, heads), ("k", k, kv),
                                        ("v", v, kv)):
                tensors[f"layer{layer}.{name}"] = to_bf16(
                    value[chosen, :tokens][None])
        o = attention(q, k, v).swapaxes(0, 1).reshape(len(ids), -1)
        x = x + o @ model.weight(prefix + "attn_output.weight").T
        h = rms_norm(x, model.weight(prefix + "ffn_norm.weight"), model.eps)
        gate = h @ model.weight(prefix + "ffn_gate.weight").T
        gate = gate / (1 + np.exp(-gate)) * (h @ model.weight(
            prefix + "ffn_up.weight").T)
        x = x + gate @ model.weight(prefix + "ffn_down.weight").T
        print(f"layer {layer + 1}/{model.layers}, {time.time() - start:.0f} s",
              file=sys.stderr)

    print(f"perplexity {perplexity(model, x, ids):.2f}")
    write_safetensors(args.output, tensors, {
        "model": str(model.field("general.name")),
        "model_license": str(model.field("general.license")),
        "text": args.text.rsplit("/", 1)[-1],
        "tokens": f"0..{args.tokens}",
        "rope_theta": str(model.theta),
        "rope_pairs": "interleaved (2i, 2i + 1)",
        "heads": json.dumps({f"layer{layer}": heads
                             for layer, (heads, _) in sorted(keep.items())}),
        "command": " ".join(["capture.py"] + sys.argv[1:]),
    })


if __name__ == "__main__":
    main()
