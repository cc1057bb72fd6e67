# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models of transformers with our attention beside their own."""
import pytest
import torch
import transformers

import pbs_mlir
import pbs_mlir.transformers

LENGTH = 700


def make_model(implementation, **changes):
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=64, hidden_size=128, intermediate_size=128, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=2048,
        **changes)
    model = transformers.LlamaForCausalLM(config).eval()
    model.set_attn_implementation(implementation)
    return model


def make_tokens(batch=1, length=LENGTH):
    return torch.randint(64, (batch, length),
                         generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module", autouse=True)
def registered():
    # All that is visible is listed: the same as dense attention.
    pbs_mlir.transformers.register("pbs_all", threshold=1.0, dense_below=0)
    pbs_mlir.transformers.register("pbs", threshold=0.5, dense_below=0)


def test_prefill_with_all_blocks_is_dense():
    with torch.no_grad():
        got = make_model("pbs_all")(make_tokens(2)).logits
        expected = make_model("eager")(make_tokens(2)).logits
    torch.testing.assert_close(got, expected, atol=2e-4, rtol=1e-3)


def test_fewer_blocks_are_another_result():
    with torch.no_grad():
        got = make_model("pbs")(make_tokens(length=1500)).logits
        expected = make_model("eager")(make_tokens(length=1500)).logits
    assert not torch.allclose(got, expected, atol=1e-4)


def test_chunks_and_steps_over_a_cache():
    tokens = make_tokens()
    model, eager = make_model("pbs_all"), make_model("eager")
    cache = transformers.DynamicCache()
    with torch.no_grad():
        parts = [model(part, cache=cache, use_cache=True).logits
                 for part in (tokens[:, :500], tokens[:, 500:690],
                              *tokens[:, 690:].split(1, dim=1))]
        expected = eager(tokens).logits
    torch.testing.assert_close(torch.cat(parts, dim=1), expected, atol=2e-4,
                               rtol=1e-3)


def test_generation():
    tokens = make_tokens()
    options = dict(max_new_tokens=4, do_sample=False,
                   attention_mask=torch.ones_like(tokens))
    got = make_model("pbs_all").generate(tokens, **options)
    expected = make_model("eager").generate(tokens, **options)
    assert torch.equal(got, expected)


def expect_error(words, call):
    with torch.no_grad(), pytest.raises(pbs_mlir.UnsupportedError, match=words):
        call()


def test_padding_is_an_error():
    mask = torch.ones(2, LENGTH, dtype=torch.long)
    mask[1, :9] = 0
    expect_error("expected sequences of one length, got padding",
                 lambda: make_model("pbs")(make_tokens(2), attention_mask=mask))


def test_masks_of_the_caller_are_an_error():
    mask = torch.zeros(1, 1, LENGTH, LENGTH)
    expect_error("attention_mask: expected none, got a tensor",
                 lambda: make_model("pbs")(make_tokens(), attention_mask=mask))


def test_modules_that_are_not_causal():
    module = torch.nn.Module()
    module.is_causal = False
    q, k, v = torch.randn(3, 1, 2, 300, 64, generator=torch.Generator().manual_seed(2))
    got, _ = transformers.AttentionInterface()["pbs_all"](module, q, k, v, None)
    expected = torch.nn.functional.scaled_dot_product_attention(q, k, v)
    torch.testing.assert_close(got, expected.transpose(1, 2), atol=1e-5, rtol=1e-4)


def test_earlier_versions_are_an_error():
    with pytest.raises(ImportError, match="5 or later, got 4.57.1"):
        pbs_mlir.transformers._check_version("4.57.1")


def test_caches_of_fixed_size_are_an_error():
    model = make_model("pbs")
    cache = transformers.StaticCache(config=model.config, max_cache_len=1024)
    expect_error("take a cache that grows", lambda: model(
        make_tokens(), cache=cache, use_cache=True))


def test_packed_sequences_are_an_error():
    positions = torch.cat([torch.arange(300), torch.arange(LENGTH - 300)])[None]
    expect_error("packed sequences", lambda: make_model("pbs")(
        make_tokens(), position_ids=positions, use_cache=False))


def test_gradients_are_an_error():
    with pytest.raises(pbs_mlir.PbsError, match="no_grad"):
        make_model("pbs")(make_tokens())


def test_dropout_is_an_error():
    model = make_model("pbs", attention_dropout=0.5).train()
    expect_error("dropout: expected 0, got 0.5", lambda: model(make_tokens()))


@pytest.mark.parametrize("name", pbs_mlir.transformers._UNSUPPORTED)
def test_what_changes_scores_is_an_error(name):
    attention = transformers.AttentionInterface()["pbs"]
    q = torch.zeros(1, 4, 200, 32)
    expect_error(f"{name}: expected none, got 5", lambda: attention(
        torch.nn.Module(), q, q, q, None, **{name: 5}))


def test_unknown_options_are_an_error():
    with pytest.raises(pbs_mlir.InvalidArgumentError, match="got 'treshold'"):
        pbs_mlir.transformers.register("other", treshold=0.9)
