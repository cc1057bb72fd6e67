# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The functions on tensors of a CUDA device, against f64.

Needs PBS_CUDA_LIBRARY=libpbs_emu.so and PBS_CUDA_TARGET=compute_90a, or a GPU.
"""

import threading

import numpy
import pytest

import pbs_mlir
from device import DeviceArray, from_bfloat16, get_driver, to_bfloat16
from pbs_mlir import _attention, _library
from test_attention import bound, make, reference, row_error

# Probabilities are rounded to the input type before they are multiplied.
EXTRA = {"float16": 5e-4, "bfloat16": 4e-3}
INVALID = pbs_mlir.InvalidArgumentError


def round_to(dtype, *arrays):
    """float32 values that `dtype` holds."""
    if dtype == "bfloat16":
        return tuple(from_bfloat16(to_bfloat16(a)) for a in arrays)
    return tuple(a.astype(dtype).astype("float32") for a in arrays)


def upload(dtype, *arrays):
    """Copies on the device in `dtype`."""
    if dtype != "bfloat16":
        arrays = [a.astype(dtype) for a in arrays]
    return tuple(DeviceArray(a, dtype) for a in arrays)


def make_outputs(q, dtype):
    """Output and lse, filled with NaN."""
    outputs = (*upload(dtype, numpy.zeros(q.shape, "float32")),
               DeviceArray(numpy.zeros(q.shape[:3], "float32")))
    for output in outputs:
        output.fill()
    return outputs


def expect_right(dtype, q, k, outputs, expected, expected_lse):
    output, lse = (o.numpy().astype("float64") for o in outputs)
    assert row_error(output, expected) <= bound(q, k, EXTRA[dtype])
    numpy.testing.assert_allclose(lse, expected_lse, atol=1e-3)


@pytest.mark.parametrize("dtype,dim,causal,sizes", [
    ("bfloat16", 64, True, (130, 200)), ("float16", 128, False, (50, 129)),
    ("bfloat16", 128, True, (1, 1)), ("float16", 64, True, (140, 60))])
def test_dense(dtype, dim, causal, sizes):
    q, k, v = round_to(dtype, *make(queries=sizes[0], keys=sizes[1], dim=dim))
    outputs = make_outputs(q, dtype)
    result = pbs_mlir.dense_attention(
        *upload(dtype, q, k, v), causal=causal, return_lse=True, out=outputs)
    assert result[0] is outputs[0]
    expect_right(dtype, q, k, outputs, *reference(q, k, v, causal))


def make_sparse(keys=600, queries=200, dtype="bfloat16", seed=0):
    """Inputs, permuted keys and values, positions, lists, mask of keys."""
    rng = numpy.random.default_rng(seed)
    q, k, v = round_to(dtype, *make(queries=queries, keys=keys, seed=seed))
    positions = numpy.tile(numpy.arange(keys, dtype="int32"), (1, 2, 1))
    for head in range(2):
        for begin in range(0, keys - 255, 256):
            rng.shuffle(positions[0, head, begin:begin + 256])
    permuted = tuple(numpy.take_along_axis(x, positions[..., None], axis=2)
                     for x in (k, v))
    blocks = [-(-n // 128) for n in (queries, keys)]
    mask = rng.random((1, 4, *blocks)) < 0.5
    count = mask.sum(axis=-1, dtype="int32")
    index = numpy.argsort(~mask, axis=-1, kind="stable").astype("int32")
    visible = numpy.zeros((1, 4, queries, keys), bool)
    wide = mask.repeat(128, axis=2).repeat(128, axis=3)[..., :queries, :keys]
    for head in range(4):
        visible[0, head][:, positions[0, head // 2]] = wide[0, head]
    return (q, k, v), permuted, positions, (count, index), visible


@pytest.mark.parametrize("causal", [True, False])
def test_sparse(causal):
    (q, k, v), permuted, positions, lists, visible = make_sparse()
    outputs = make_outputs(q, "bfloat16")
    pbs_mlir.sparse_attention(
        *upload("bfloat16", q, *permuted), tuple(map(DeviceArray, lists)),
        key_positions=DeviceArray(positions), causal=causal, return_lse=True,
        out=outputs)
    expect_right("bfloat16", q, k, outputs,
                 *reference(q, k, v, causal, visible))


def test_own_keys():
    """Own segments are whole, whatever the lists say."""
    (q, k, v), permuted, positions, lists, visible = make_sparse()
    queries, keys = visible.shape[2:]
    rows = numpy.arange(queries) // 128 * 128 + keys - queries
    own = numpy.arange(keys) >= numpy.maximum(rows, 0)[:, None] // 256 * 256
    outputs = make_outputs(q, "bfloat16")
    pbs_mlir.sparse_attention(
        *upload("bfloat16", q, *permuted), tuple(map(DeviceArray, lists)),
        key_positions=DeviceArray(positions), own_keys=upload("bfloat16", k, v),
        return_lse=True, out=outputs)
    expect_right("bfloat16", q, k, outputs,
                 *reference(q, k, v, True, visible | own))


@pytest.mark.parametrize("options", [
    "", "ping-pong=0 overlap=0", "stages=1", "schedule=static",
    "specialize=0 ping-pong=0"])
def test_scores_see_original_positions(options):
    """In every block, not only where a mask needs them."""
    (q, k, v), permuted, positions, lists, visible = make_sparse()
    ir = """
    func.func @f(%q: tensor<?x4x?x64xbf16>, %k: tensor<?x2x?x64xbf16>,
                 %v: tensor<?x2x?x64xbf16>, %p: tensor<?x2x?xi32>,
                 %count: tensor<?x4x?xi32>, %index: tensor<?x4x?x?xi32>)
        -> (tensor<?x4x?x64xbf16>, tensor<?x4x?xf32>) {
      %kv = pbs.kv_from_positions %k, %v, %p
        : (tensor<?x2x?x64xbf16>, tensor<?x2x?x64xbf16>, tensor<?x2x?xi32>)
        -> !pbs.permuted_kv<?x2x?x64xbf16, block = 128, segment = 256>
      %list = pbs.block_list_from_indices %count, %index, %q, %kv {causal}
        : (tensor<?x4x?xi32>, tensor<?x4x?x?xi32>, tensor<?x4x?x64xbf16>,
           !pbs.permuted_kv<?x2x?x64xbf16, block = 128, segment = 256>)
        -> !pbs.block_list<?x4x?x?, block = 128x128, segment = 256, causal>
      %o, %lse = pbs.sparse_attention %q, %kv, %list {causal}
        score (%x, %b, %h, %i, %j) {
          %slope = arith.constant 0.05 : f32
          %distance = arith.subi %i, %j : i32
          %far = arith.sitofp %distance : i32 to f32
          %less = arith.mulf %far, %slope : f32
          %y = arith.subf %x, %less : f32
          pbs.yield %y
        }
        : (tensor<?x4x?x64xbf16>,
           !pbs.permuted_kv<?x2x?x64xbf16, block = 128, segment = 256>,
           !pbs.block_list<?x4x?x?, block = 128x128, segment = 256, causal>)
        -> (tensor<?x4x?x64xbf16>, tensor<?x4x?xf32>)
      return %o, %lse : tensor<?x4x?x64xbf16>, tensor<?x4x?xf32>
    }"""
    program = pbs_mlir.compile(
        ir, target=_attention._TARGETS[_library.CUDA], cache=False,
        pipeline_options=options or None)
    outputs = make_outputs(q, "bfloat16")
    program(*upload("bfloat16", q, *permuted), DeviceArray(positions),
            *map(DeviceArray, lists), out=outputs)
    expect_right("bfloat16", q, k, outputs,
                 *reference(q, k, v, True, visible, slope=0.05))


def pack(lengths):
    return numpy.cumsum([0, *lengths]).astype("int32")


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("dtype,dim", [("bfloat16", 64), ("float16", 128)])
@pytest.mark.parametrize("lengths_q,lengths_k", [
    ((130, 1, 0, 200, 128), (70, 300, 20, 256, 0)),
    ((1, 127, 128, 129, 0, 5), (129, 0, 128, 1, 7, 300)),
])
def test_packed_sequences(lengths_q, lengths_k, dtype, dim, causal):
    offsets_q, offsets_k = pack(lengths_q), pack(lengths_k)
    q, k, v = round_to(dtype, *make(queries=offsets_q[-1], keys=offsets_k[-1],
                                    dim=dim))
    # What is not a number in a sequence stays there.
    poisoned = v.copy()
    poisoned[:, :, offsets_k[3]:offsets_k[4]] = numpy.nan
    for values in (v, poisoned):
        outputs = make_outputs(q, dtype)
        pbs_mlir.dense_attention(
            *upload(dtype, q, k, values), causal=causal, return_lse=True,
            out=outputs, cu_seqlens_q=DeviceArray(offsets_q),
            cu_seqlens_k=DeviceArray(offsets_k))
        output, lse = (x.numpy() for x in outputs)
        for s in range(len(lengths_q)):
            rows = slice(offsets_q[s], offsets_q[s + 1])
            keys = slice(offsets_k[s], offsets_k[s + 1])
            if numpy.isnan(values[:, :, keys]).any() or not lengths_q[s]:
                continue
            if lengths_k[s]:
                expected, expected_lse = reference(
                    q[:, :, rows], k[:, :, keys], values[:, :, keys], causal)
            else:
                expected, expected_lse = 0, -numpy.inf
            numpy.testing.assert_allclose(output[:, :, rows], expected,
                                          atol=2e-2, rtol=0)
            numpy.testing.assert_allclose(lse[:, :, rows], expected_lse,
                                          atol=1e-3, rtol=0)


def test_offsets_beyond_the_tensors_touch_nothing_outside():
    q, k, v = make(queries=100, keys=100)
    out = make_outputs(q, "bfloat16")[0]
    for offsets in ((0, 500), (-300, 40), (90, 10), (1 << 30, 1 << 30), (7,)):
        pbs_mlir.dense_attention(
            *upload("bfloat16", q, k, v), out=out,
            cu_seqlens_q=DeviceArray(numpy.array(offsets, "int32")))
        get_driver().call("cuCtxSynchronize")
    check(INVALID, "as many sequences", pbs_mlir.dense_attention,
          *upload("bfloat16", q, k, v), out=out,
          cu_seqlens_q=DeviceArray(pack((100,))),
          cu_seqlens_k=DeviceArray(pack((50, 50))))


def test_strides_are_taken_as_they_are():
    q, k, v = round_to("bfloat16", *make(queries=130, keys=150))
    outputs = make_outputs(q, "bfloat16")
    pbs_mlir.dense_attention(*upload("bfloat16", q, k, v), out=outputs[0])
    inside = []
    for x in (q, k, v, numpy.zeros_like(q)):
        batch, heads, rows, dim = x.shape
        inside.append(DeviceArray(
            x.swapaxes(1, 2).copy(), "bfloat16", shape=x.shape,
            strides=(rows * heads * dim, dim, heads * dim, 1)))
    pbs_mlir.dense_attention(*inside[:3], out=inside[3])
    numpy.testing.assert_array_equal(inside[3].numpy().swapaxes(1, 2),
                                     outputs[0].numpy())


def test_threads_share_a_program():
    q, k, v = make(queries=60, keys=100)
    tensors = upload("bfloat16", q, k, v)
    outputs = [make_outputs(q, "bfloat16")[0] for _ in range(3)]

    def work(i):
        get_driver().enter()
        pbs_mlir.dense_attention(*tensors, out=outputs[i])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = outputs[0].numpy()
    assert not numpy.isnan(expected).any()
    for output in outputs[1:]:
        numpy.testing.assert_array_equal(output.numpy(), expected)


def check(error, match, function, *args, **kwargs):
    with pytest.raises(error, match=match):
        function(*args, **kwargs)


def test_outputs_are_named():
    arrays = round_to("bfloat16", *make(queries=200, keys=700, dim=64))
    q, k, v = upload("bfloat16", *arrays)
    names = ("covered_mass", "lse", "density")
    out = [*upload("bfloat16", numpy.zeros(arrays[0].shape, "float32")),
           *(DeviceArray(numpy.zeros((1, 4, n), "float32"))
             for n in (1, 200, 1))]
    pbs_mlir.attention(q, k, v, threshold=0.5, outputs=names, out=out)
    _, mass, lse, density = (o.numpy() for o in out)
    expected = pbs_mlir.attention(*arrays, threshold=0.5, outputs=names)
    for x, y, bound_of in zip((mass, lse, density), expected[1:],
                              (1e-4, 1e-3, 1e-6)):
        numpy.testing.assert_allclose(x, y, atol=bound_of)


def test_bad_lists():
    (q, k, v), _, _, _, _ = make_sparse(keys=300, queries=300)
    tensors = upload("bfloat16", q, k, v)
    out = make_outputs(q, "bfloat16")[0]
    count = numpy.ones((1, 4, 3), "int32")
    index = numpy.zeros((1, 4, 3, 3), "int32")

    def run(count, index, **options):
        pbs_mlir.sparse_attention(*tensors,
                                  (DeviceArray(count), DeviceArray(index)),
                                  out=out, **options)

    wrong = index.copy()
    wrong[0, 2, 1, 0] = 99
    check(pbs_mlir.InvalidDataError, "99 in row 7 of", run, count, wrong)
    check(pbs_mlir.InvalidDataError, "once, got 0 again in row 0", run,
          count + 1, index)
    # Without a check nothing is touched out of bounds.
    run(count, wrong, checked=False)
    get_driver().call("cuCtxSynchronize")


def test_bad_tensors():
    q, k, v = make(queries=100, keys=100)
    dq, dk, dv = upload("bfloat16", q, k, v)
    out = make_outputs(q, "bfloat16")[0]
    attention = pbs_mlir.dense_attention
    check(pbs_mlir.UnsupportedError, "float32", attention,
          *map(DeviceArray, (q, k, v)), out=out)
    check(pbs_mlir.PbsError, "96", attention,
          *upload("bfloat16", *make(queries=64, keys=64, dim=96)), out=out)
    check(INVALID, "'k'", attention, dq, k.astype("float16"), dv, out=out)
    check(INVALID, "out: expected", attention, dq, dk, dv)
    flat = numpy.zeros(q.size + 1, "float32")
    check(INVALID, "'q'.*aligned to 16", attention,
          DeviceArray(flat, "bfloat16", shape=q.shape, offset=1), dk, dv,
          out=out)
    odd = numpy.zeros((1, 4, 100, 65), "float32")
    check(INVALID, "'q'.*strides.*65", attention,
          DeviceArray(odd, "bfloat16", shape=q.shape,
                      strides=(26000, 6500, 65, 1)), dk, dv, out=out)


def test_blocks_say_when_and_where_they_ran():
    ir = """
    func.func @method(%q: tensor<?x4x?x64xf16>, %k: tensor<?x2x?x64xf16>,
                      %v: tensor<?x2x?x64xf16>) -> tensor<?x4x?x64xf16> {
      %o, %lse = pbs.permuted_attention %q, %k, %v
          {causal, segment = 256, select = #pbs.top_p<0.9>}
        : (tensor<?x4x?x64xf16>, tensor<?x2x?x64xf16>, tensor<?x2x?x64xf16>)
        -> (tensor<?x4x?x64xf16>, tensor<?x4x?xf32>)
      return %o : tensor<?x4x?x64xf16>
    }"""
    q, k, v = make(queries=300, keys=300)
    tensors = upload("float16", q, k, v)
    outputs = []
    for options in (None, "trace=1"):
        program = pbs_mlir.compile(
            ir, target=_attention._TARGETS[_library.CUDA], cache=False,
            pipeline_options="dense-below=0 " + (options or ""))
        outputs.append(make_outputs(q, "float16")[0])
        # What nobody writes shows.
        workspace = DeviceArray(numpy.full(
            program.workspace_size(*tensors) // 4, -1, "int32"))
        program(*tensors, out=outputs[-1:], workspace=workspace)
        words = workspace.numpy()
        traces = program.traces(*tensors)
        if options is None:
            assert traces == []
    numpy.testing.assert_array_equal(*(o.numpy() for o in outputs))
    kernels = [trace.kernel for trace in traces]
    assert len(set(kernels)) == len(kernels) >= 3, kernels
    assert any("attention" in kernel for kernel in kernels), kernels
    for trace in traces:
        assert trace.num_blocks > 0
        blocks = words.view("int64")[trace.offset // 8:][:3 * trace.num_blocks]
        begin, end, processor = blocks.reshape(-1, 3).T
        assert (begin < end).all()
        assert (processor >= 0).all() and (processor < 1024).all()


def test_programs_are_saved_and_loaded(tmp_path):
    ir = """
    func.func @dense(%q: tensor<?x4x?x64xf16>, %k: tensor<?x2x?x64xf16>,
                     %v: tensor<?x2x?x64xf16>) -> tensor<?x4x?x64xf16> {
      %o, %lse = pbs.attention %q, %k, %v {causal}
        : (tensor<?x4x?x64xf16>, tensor<?x2x?x64xf16>, tensor<?x2x?x64xf16>)
        -> (tensor<?x4x?x64xf16>, tensor<?x4x?xf32>)
      return %o : tensor<?x4x?x64xf16>
    }"""
    q, k, v = make(queries=40, keys=70)
    tensors = upload("float16", q, k, v)
    program = pbs_mlir.compile(ir, target="compute_90a", cache=False)
    assert program.device == "cuda"
    program.save(tmp_path / "dense.pbs")
    outputs = [make_outputs(q, "float16")[0] for _ in range(2)]
    program(*tensors, out=(outputs[0],))
    workspace = DeviceArray(
        numpy.zeros(program.workspace_size(*tensors) // 4, "int32"))
    pbs_mlir.load(tmp_path / "dense.pbs")(*tensors, out=(outputs[1],),
                                          workspace=workspace)
    numpy.testing.assert_array_equal(outputs[0].numpy(), outputs[1].numpy())
    check(INVALID, "workspace", program, *tensors,
          out=(outputs[0],), workspace=DeviceArray(numpy.zeros(4, "int32")))
