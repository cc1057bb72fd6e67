# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Programs of asynchronous copies, atomics and barriers."""
import functools

from programs import Program

WAIT = """  mbarrier.try_wait.parity.shared.b64 %p2, [%smem], 0;
  @!%p2 bra {label};
"""


BYTES = {"f16": 2, "bf16": 2, "f32": 4, "s32": 4, "u8": 1}


def add_load(program, name, kind, sizes, box, at, swizzle, refused=False):
    """Loads one box and writes the shared memory out."""
    rank, bytes_ = len(sizes), BYTES[kind]
    for extent in box:
        bytes_ *= extent
    body = f"""  setp.ne.u32 %p1, %me, 0;
  @%p1 bra wait;
  mbarrier.init.shared.b64 [%smem], 1;
  fence.mbarrier_init.release.cluster;
  mbarrier.arrive.expect_tx.shared::cta.b64 _, [%smem], {bytes_};
  add.s32 %r1, %smem, 1024;
  cp.async.bulk.tensor.{rank}d.shared::cta.global.tile.mbarrier::complete_tx::bytes
    [%r1], [%map, {{{", ".join(map(str, at))}}}], [%smem];
wait:
  bar.sync 0;
again:
{WAIT.format(label="again")}  shl.b32 %r2, %me, 2;
  mul.wide.u32 %d1, %me, 4;
  add.s64 %out, %out, %d1;
  add.s32 %r2, %r2, %smem;
"""
    words = bytes_ // 4
    for first in range(0, words, 128):
        if words - first < 128:
            body += f"  setp.ge.u32 %p3, %me, {words - first};\n" \
                    "  @%p3 bra done;\n"
        body += f"  ld.shared.b32 %r3, [%r2+{1024 + 4 * first}];\n" \
                f"  st.global.b32 [%out+{4 * first}], %r3;\n"
    body += "done:\n"
    count = 1
    for extent in sizes:
        count *= extent
    program.kernel("load_" + name, body, threads=128, words=words,
                   shared=1024 + max(bytes_, 1024),
                   inputs=[{"kind": "integers",
                            "words": count * BYTES[kind] // 4,
                            "seed": 13}],
                   tensor={"base": "in", "type": kind, "sizes": sizes,
                           "box": box, "swizzle": swizzle},
                   refused=refused)


def add_store(program, name, operation, kind, sizes, box, at, swizzle, values,
              refused=False):
    """Stores or reduces one box of shared memory into the output."""
    rank, bytes_ = len(sizes), BYTES[kind]
    for extent in box:
        bytes_ *= extent
    words = bytes_ // 4
    body = """  shl.b32 %r2, %me, 2;
  mul.wide.u32 %d1, %me, 4;
  add.s64 %in, %in, %d1;
  add.s32 %r2, %r2, %smem;
"""
    for first in range(0, words, 128):
        body += f"  ld.global.b32 %r3, [%in+{4 * first}];\n" \
                f"  st.shared.b32 [%r2+{4 * first}], %r3;\n"
    op = "cp.async.bulk.tensor" if operation == "store" \
        else "cp.reduce.async.bulk.tensor"
    suffix = "" if operation == "store" else "." + operation
    body += f"""  fence.proxy.async.shared::cta;
  bar.sync 0;
  setp.ne.u32 %p1, %me, 0;
  @%p1 bra done;
  {op}.{rank}d.global.shared::cta{suffix}.tile.bulk_group
    [%map, {{{", ".join(map(str, at))}}}], [%smem];
  cp.async.bulk.commit_group;
  cp.async.bulk.wait_group 0;
done:
"""
    count = 1
    for extent in sizes:
        count *= extent
    program.kernel(
        f"{name}", body, threads=128, words=count * BYTES[kind] // 4,
        shared=max(4 * (words + 127) // 128 * 128, 1024),
        inputs=[{"kind": values, "type": kind,
                 "words": (words + 127) // 128 * 128, "seed": 14}],
        fill={"f32": 0x3F800000, "f16": 0x40003C00, "bf16": 0x40003F80,
              "s32": 5}[kind],
        tensor={"base": "out", "type": kind, "sizes": sizes, "box": box,
                "swizzle": swizzle},
        refused=refused)


def make_tensor_copies():
    program = Program("tensor_copies")
    load = functools.partial(add_load, program)
    store = functools.partial(add_store, program)
    load("plain", "f32", [16, 10], [8, 4], [4, 3], 0)
    load("swizzle128", "bf16", [64, 20], [64, 16], [0, 2], 128)
    load("swizzle64", "f16", [64, 20], [32, 16], [32, 1], 64)
    load("swizzle32", "s32", [16, 20], [8, 16], [4, 1], 32)
    load("past_the_end", "bf16", [72, 13], [64, 8], [40, 9], 128)
    load("before_the_begin", "f16", [64, 8], [64, 8], [-8, -3], 128)
    load("outside", "f32", [16, 8], [8, 4], [0, 8], 0)
    load("one", "f32", [64], [16], [56], 0)
    load("three", "f32", [8, 5, 4], [8, 4, 3], [0, 2, 2], 32)
    load("four", "bf16", [64, 7, 3, 2], [64, 4, 2, 2], [0, 5, 1, 1], 128)
    load("five", "u8", [16, 3, 3, 3, 3], [16, 2, 2, 2, 2], [0, 2, 1, 2, 0], 0)
    store("store_swizzle128", "store", "bf16", [72, 20], [64, 16], [40, 7],
          128, "integers")
    store("store_swizzle32", "store", "f32", [16, 8], [8, 8], [8, 2], 32,
          "integers")
    store("store_three", "store", "f16", [32, 5, 4], [32, 4, 2], [0, 3, 1], 64,
          "integers")
    store("reduce_f32", "add", "f32", [16, 8], [8, 8], [12, 2], 0, "usual")
    store("reduce_f16", "add", "f16", [64, 8], [64, 8], [0, 1], 128, "pairs")
    store("reduce_bf16", "add", "bf16", [64, 8], [64, 8], [8, 0], 128, "pairs")
    for operation in ("add", "min", "max", "and", "or", "xor"):
        store("reduce_s32_" + operation, operation, "s32", [16, 8], [8, 8],
              [0, 0], 0, "integers")
    return program


def make_refused():
    """What begins inside of 16 bytes, or a store before its tensor: the latter
    was seen to end in CUDA_ERROR_ILLEGAL_INSTRUCTION on an H100."""
    program = Program("refused")
    for name, at in (("misaligned", [4, 0]), ("odd", [1, 0]),
                     ("misaligned_before", [-4, 0])):
        add_load(program, name, "bf16", [64, 16], [32, 8], at, 64,
                 refused=True)
    for name, at in (("misaligned", [4, 0]), ("before", [-8, 0]),
                     ("above", [0, -1])):
        for operation in ("store", "add"):
            add_store(program, f"{operation}_{name}", operation, "f16",
                      [64, 16], [32, 8], at, 64, "pairs", refused=True)
    return program


def make_copies():
    """cp.async, bulk copies without a tensor map, atomics."""
    program = Program("copies")
    body = """  shl.b32 %r1, %me, 4;
  mul.wide.u32 %d1, %me, 16;
  add.s64 %d2, %in, %d1;
  add.s32 %r2, %smem, %r1;
  mov.b32 %r9, -1;
"""
    for i in range(6):
        body += f"  st.shared.v4.b32 [%r2+{512 * i}], {{%r9, %r9, %r9, %r9}};\n"
    body += """  bar.sync 0;
  and.b32 %r3, %me, 15;
  min.u32 %r4, %r3, 8;
  min.u32 %r5, %r3, 4;
  cp.async.cg.shared.global [%r2], [%d2], 16;
  cp.async.ca.shared.global [%r2+512], [%d2], 8;
  cp.async.ca.shared.global [%r2+1024], [%d2], 4;
  cp.async.commit_group;
  cp.async.cg.shared.global [%r2+1536], [%d2], 16, %r3;
  cp.async.ca.shared.global [%r2+2048], [%d2], 8, %r4;
  cp.async.ca.shared.global [%r2+2560], [%d2], 4, %r5;
  cp.async.commit_group;
  cp.async.wait_group 0;
  bar.sync 0;
  add.s64 %out, %out, %d1;
"""
    for i in range(6):
        body += f"  ld.shared.v4.b32 {{%r10, %r11, %r12, %r13}}, " \
                f"[%r2+{512 * i}];\n  st.global.v4.b32 [%out+{512 * i}], " \
                "{%r10, %r11, %r12, %r13};\n"
    program.kernel("cp_async", body, threads=32, words=128 * 6, shared=3072,
                   inputs=[{"kind": "integers", "words": 128, "seed": 15}])

    body = f"""  setp.ne.u32 %p1, %me, 0;
  @%p1 bra wait;
  mbarrier.init.shared.b64 [%smem], 1;
  fence.mbarrier_init.release.cluster;
  mbarrier.arrive.expect_tx.shared::cta.b64 _, [%smem], 256;
  add.s32 %r1, %smem, 16;
  cp.async.bulk.shared::cta.global.mbarrier::complete_tx::bytes
    [%r1], [%in], 256, [%smem];
again:
{WAIT.format(label="again")}  add.s32 %r1, %smem, 48;
  cp.async.bulk.global.shared::cta.bulk_group [%out], [%r1], 96;
  add.s64 %d1, %out, 128;
  cp.reduce.async.bulk.global.shared::cta.bulk_group.add.u32
    [%d1], [%r1], 64;
  cp.async.bulk.commit_group;
  cp.async.bulk.wait_group 0;
wait:
"""
    program.kernel("bulk", body, threads=32, words=64, shared=1024, fill=3,
                   inputs=[{"kind": "integers", "words": 64, "seed": 16}])

    # Every lane has a word of its own, and all share the last ones.
    operations = ["add.u32", "add.s32", "min.s32", "max.s32", "min.u32",
                  "max.u32", "and.b32", "or.b32", "xor.b32", "exch.b32",
                  "inc.u32", "dec.u32"]
    body = """  mul.wide.u32 %d1, %me, 4;
  add.s64 %d2, %in, %d1;
  ld.global.b32 %r1, [%d2];
  ld.global.b32 %r2, [%d2+128];
  mov.b32 %f1, %r1;
  add.s64 %d3, %out, %d1;
"""
    labels = []
    for i, operation in enumerate(operations):
        offset = 256 * i
        body += f"""  st.global.b32 [%d3+{offset}], %r2;
  atom.global.{operation} %r3, [%d3+{offset}], %r1;
  st.global.b32 [%d3+{offset + 128}], %r3;
"""
        labels += [operation, operation + " old"]
    first = 256 * len(operations)
    body += f"""  st.global.b32 [%d3+{first}], %r2;
  atom.global.cas.b32 %r3, [%d3+{first}], %r2, %r1;
  st.global.b32 [%d3+{first + 128}], %r3;
  st.global.b32 [%d3+{first + 256}], %r2;
  atom.global.cas.b32 %r3, [%d3+{first + 256}], %r1, 5;
  st.global.b32 [%d3+{first + 384}], %r3;
  st.global.b32 [%d3+{first + 512}], 0;
  and.b32 %r4, %me, 3;
  mul.wide.u32 %d4, %r4, 4;
  add.s64 %d4, %out, %d4;
  bar.sync 0;
  red.global.add.u32 [%d4+{first + 512}], %r1;
  red.global.xor.b32 [%d4+{first + 528}], %r1;
  red.global.max.s32 [%d4+{first + 544}], %r1;
  red.global.min.u32 [%d4+{first + 560}], %r1;
  st.shared.b32 [%smem], 0;
  st.shared.b32 [%smem+4], -1;
  bar.sync 0;
  atom.shared.add.u32 %r5, [%smem], %r1;
  atom.shared.min.u32 %r5, [%smem+4], %r1;
  bar.sync 0;
  ld.shared.b32 %r6, [%smem];
  ld.shared.b32 %r7, [%smem+4];
  st.global.b32 [%d3+{first + 640}], %r6;
  st.global.b32 [%d3+{first + 768}], %r7;
"""
    labels += ["cas same", "cas same old", "cas other", "cas other old",
               "shared by lanes", "shared memory add", "shared memory min"]
    program.kernel("atomics", body, threads=32, words=32 * len(labels),
                   labels=labels, shared=1024,
                   inputs=[{"kind": "integers", "words": 64, "seed": 17}])

    # What a barrier of two arrivals and 32 bytes says at each step.
    body = """  setp.ne.u32 %p1, %me, 0;
  @%p1 bra done;
  mbarrier.init.shared.b64 [%smem], 2;
"""
    steps = ["", "mbarrier.arrive.shared.b64 _, [%smem]",
             "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%smem], 32",
             "mbarrier.complete_tx.shared::cta.relaxed.cluster.b64 [%smem], 16",
             "mbarrier.complete_tx.shared::cta.relaxed.cluster.b64 [%smem], 16",
             "mbarrier.arrive.shared.b64 _, [%smem], 2",
             "mbarrier.arrive.shared.b64 _, [%smem]",
             "mbarrier.arrive.shared.b64 _, [%smem]"]
    for i, step in enumerate(steps):
        if step:
            body += f"  {step};\n"
        for parity in range(2):
            body += f"""  mbarrier.test_wait.parity.shared.b64 %p2, [%smem], {parity};
  selp.b32 %r1, 1, 0, %p2;
  st.global.b32 [%out+{8 * i + 4 * parity}], %r1;
"""
    body += "done:\n"
    program.kernel("mbarrier", body, threads=32, words=2 * len(steps),
                   shared=1024, labels=[s or "init" for s in steps],
                   inputs=[{"kind": "integers", "words": 1, "seed": 18}])
    return program
