# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Programs of instructions of warps and warp groups."""
from programs import Program


def make_warp():
    program = Program("warp")
    threads = 64
    body = """  mul.wide.u32 %d1, %me, 4;
  add.s64 %in, %in, %d1;
  add.s64 %out, %out, %d1;
  and.b32 %r9, %me, 31;
  ld.global.b32 %r1, [%in];
  and.b32 %r2, %r1, 7;
"""
    labels = []

    def add(text, *registers):
        nonlocal body
        body += "  " + text + ";\n"
        for register in registers:
            if register.startswith("%p"):
                body += f"  selp.b32 %r8, 1, 0, {register};\n"
                register = "%r8"
            body += f"  st.global.b32 [%out+{4 * threads * len(labels)}], " \
                    f"{register};\n"
            labels.append(text)

    full = "0xffffffff"
    for mode in ("up", "down", "bfly", "idx"):
        # Whole warps, and segments of 8 lanes.
        for distance, clamp in ((1, 31), (3, 31), (5, 0x181F), (2, 0x1800)):
            if mode == "up":
                clamp &= ~31
            add(f"shfl.sync.{mode}.b32 %r3|%p1, %r1, {distance}, {clamp}, "
                f"{full}", "%r3", "%p1")
    add(f"shfl.sync.idx.b32 %r3, %r1, %r2, 31, {full}", "%r3")
    body += "  setp.gt.s32 %p2, %r1, 0;\n  setp.ne.u32 %p3, %r9, 40;\n"
    for mode in ("all", "any", "uni"):
        add(f"vote.sync.{mode}.pred %p1, %p2, {full}", "%p1")
        add(f"vote.sync.{mode}.pred %p1, %p3, {full}", "%p1")
    add(f"vote.sync.ballot.b32 %r3, %p2, {full}", "%r3")
    for op in ("add.s32", "add.u32", "min.s32", "min.u32", "max.s32",
               "max.u32", "and.b32", "or.b32", "xor.b32"):
        add(f"redux.sync.{op} %r3, %r1, {full}", "%r3")
    add(f"match.any.sync.b32 %r3, %r2, {full}", "%r3")
    add(f"match.all.sync.b32 %r3|%p1, %r2, {full}", "%r3", "%p1")
    add(f"match.all.sync.b32 %r3|%p1, 7, {full}", "%r3", "%p1")
    add(f"elect.sync %r3|%p1, {full}", "%r3", "%p1")
    add("activemask.b32 %r3", "%r3")
    # Lanes 8 to 19 only, on a path of their own.
    body += """  mov.b32 %r4, -1;
  mov.b32 %r5, -1;
  mov.b32 %r6, -1;
  mov.b32 %r7, -1;
  add.s32 %r10, %r9, -8;
  setp.ge.u32 %p4, %r10, 12;
  @%p4 bra together;
  shfl.sync.bfly.b32 %r4, %r1, 1, 31, 0x000fff00;
  redux.sync.add.s32 %r5, %r1, 0x000fff00;
  vote.sync.ballot.b32 %r6, %p2, 0x000fff00;
  elect.sync %r7|%p5, 0x000fff00;
together:
  bar.warp.sync 0xffffffff;
"""
    for register in ("%r4", "%r5", "%r6", "%r7"):
        body += f"  st.global.b32 [%out+{4 * threads * len(labels)}], " \
                f"{register};\n"
        labels.append("lanes 8 to 19 " + register)
    program.kernel("warp", body, threads=threads,
                   words=threads * len(labels), labels=labels,
                   inputs=[{"kind": "integers", "words": threads, "seed": 9}])

    # One matrix of 8x8 16-bit elements for every 8 lanes' addresses.
    fill = """  mul.wide.u32 %d1, %me, 16;
  add.s64 %d2, %in, %d1;
  ld.global.v4.b32 {%r1, %r2, %r3, %r4}, [%d2];
  shl.b32 %r5, %me, 4;
  add.s32 %r6, %smem, %r5;
  st.shared.v4.b32 [%r6], {%r1, %r2, %r3, %r4};
  bar.sync 0;
  mul.lo.s32 %r7, %me, 11;
  and.b32 %r7, %r7, 31;
  shl.b32 %r7, %r7, 4;
  add.s32 %r7, %smem, %r7;
  mul.wide.u32 %d1, %me, 4;
  add.s64 %out, %out, %d1;
"""
    body, labels = fill, []
    for count in (1, 2, 4):
        for trans in ("", ".trans"):
            registers = [f"%r{10 + i}" for i in range(count)]
            text = (f"ldmatrix.sync.aligned.m8n8.x{count}{trans}.shared.b16 "
                    f"{{{', '.join(registers)}}}, [%r7]")
            body += f"  {text};\n"
            for register in registers:
                body += f"  st.global.b32 [%out+{128 * len(labels)}], " \
                        f"{register};\n"
                labels.append(text)
    inputs = [{"kind": "integers", "words": 128, "seed": 10}]
    program.kernel("ldmatrix", body, threads=32, words=32 * len(labels),
                   labels=labels, inputs=inputs, shared=512)
    body, labels = fill, []
    for count in (1, 2, 4):
        for trans in ("", ".trans"):
            registers = [f"%r{1 + i}" for i in range(count)]
            text = (f"stmatrix.sync.aligned.m8n8.x{count}{trans}.shared.b16 "
                    f"[%r7], {{{', '.join(registers)}}}")
            body += f"  bar.sync 0;\n  {text};\n  bar.sync 0;\n"
            body += "  ld.shared.v4.b32 {%r20, %r21, %r22, %r23}, [%r6];\n"
            for i in range(4):
                body += f"  st.global.b32 [%out+{128 * len(labels)}], " \
                        f"%r{20 + i};\n"
                labels.append(text)
    program.kernel("stmatrix", body, threads=32, words=32 * len(labels),
                   labels=labels, inputs=inputs, shared=512)
    return program


def make_mma():
    program = Program("mma")
    for kind in ("bf16", "f16"):
        for values, tolerance in (("whole", None), ("normal", 2.0**-20)):
            # A in 4 words, B in 2, C in 4.
            body = "  mul.wide.u32 %d1, %me, 40;\n  add.s64 %in, %in, %d1;\n"
            for i in range(6):
                body += f"  ld.global.b32 %r{1 + i}, [%in+{4 * i}];\n"
            for i in range(4):
                body += f"  ld.global.f32 %f{1 + i}, [%in+{24 + 4 * i}];\n"
            body += f"""  mma.sync.aligned.m16n8k16.row.col.f32.{kind}.{kind}.f32
    {{%f5, %f6, %f7, %f8}}, {{%r1, %r2, %r3, %r4}}, {{%r5, %r6}},
    {{%f1, %f2, %f3, %f4}};
  mma.sync.aligned.m16n8k8.row.col.f32.{kind}.{kind}.f32
    {{%f9, %f10, %f11, %f12}}, {{%r1, %r2}}, {{%r5}},
    {{%f1, %f2, %f3, %f4}};
  mul.wide.u32 %d1, %me, 32;
  add.s64 %out, %out, %d1;
"""
            for i in range(8):
                body += f"  st.global.f32 [%out+{4 * i}], %f{5 + i};\n"
            # Per lane 6 words of pairs and 4 floats.
            program.kernel(
                f"mma_{kind}_{values}", body, threads=32, words=32 * 8,
                inputs=[{"kind": "mma", "type": kind, "values": values,
                         "words": 320, "seed": 11}],
                tolerance=tolerance and {"kind": "f32", "relative": [0],
                                         "absolute": 40 * tolerance})
    return program


def descriptor_fields(leading, stride, swizzle):
    """Matrix descriptor without its address (PTX ISA, "Matrix Descriptor
    Format"): byte offsets over 16, swizzle 1 = 128, 2 = 64, 3 = 32 bytes."""
    kind = {0: 0, 128: 1, 64: 2, 32: 3}[swizzle]
    return (leading >> 4) << 16 | (stride >> 4) << 32 | kind << 62


def make_wgmma():
    """Shared memory holds small whole numbers, so that every order of summation
    gives the same bits: what is compared is which element goes where."""
    program = Program("wgmma")
    n = 32
    accumulators = [f"%f{1 + i}" for i in range(n // 2)]
    # 16 KiB of A and then of B, filled by 128 threads.
    fill = "  mul.wide.u32 %d1, %me, 16;\n  shl.b32 %r5, %me, 4;\n" \
           "  add.s64 %d2, %in, %d1;\n  add.s32 %r6, %smem, %r5;\n"
    for i in range(16):
        fill += f"  ld.global.v4.b32 {{%r1, %r2, %r3, %r4}}, [%d2+{2048 * i}];\n" \
                f"  st.shared.v4.b32 [%r6+{2048 * i}], {{%r1, %r2, %r3, %r4}};\n"
    fill += "  fence.proxy.async.shared::cta;\n  bar.sync 0;\n"
    # Addresses of A and B in units of 16 bytes.
    fill += """  and.b32 %r7, %smem, 262143;
  shr.u32 %r7, %r7, 4;
  add.s32 %r8, %r7, 1024;
"""
    finish = "  mul.wide.u32 %d1, %me, 4;\n  add.s64 %out, %out, %d1;\n"
    finish += "".join(f"  st.global.f32 [%out+{512 * i}], {register};\n"
                      for i, register in enumerate(accumulators))
    floats = "{" + ", ".join(accumulators) + "}"

    def add(name, kind, a, b, *, steps=1, a_step=2, b_step=2, scale_a=1,
            scale_b=1, registers=False, keep=False, values="whole"):
        """a, b: (leading, stride, swizzle, major); steps of 16 in K that
        advance the addresses by a_step and b_step times 16 bytes."""
        body = fill
        for register in accumulators:
            body += f"  mov.f32 {register}, 0f40400000;\n"
        if registers:
            for i in range(4):
                body += f"  ld.global.b32 %r{20 + i}, [%d2+{512 * i}];\n"
        body += "  wgmma.fence.sync.aligned;\n"
        for step in range(steps):
            for operand, base, which, advance in (("10", "7", a, a_step),
                                                  ("11", "8", b, b_step)):
                fields = descriptor_fields(*which[:3])
                body += f"  add.s32 %r9, %r{base}, {advance * step};\n" \
                        "  cvt.u64.u32 %d5, %r9;\n" \
                        f"  or.b64 %d{operand}, %d5, {fields};\n"
            scale_d = 1 if step or keep else 0
            left = "{%r20, %r21, %r22, %r23}" if registers else "%d10"
            body += f"  setp.ne.b32 %p1, {scale_d}, 0;\n" \
                    f"  wgmma.mma_async.sync.aligned.m64n{n}k16.f32.{kind}." \
                    f"{kind}\n    {floats},\n    {left}, %d11, %p1, " \
                    f"{scale_a}, {scale_b}"
            body += f", {b[3]};\n" if registers else f", {a[3]}, {b[3]};\n"
        body += "  wgmma.commit_group.sync.aligned;\n" \
                "  wgmma.wait_group.sync.aligned 0;\n" + finish
        program.kernel("wgmma_" + name, body, threads=128, words=128 * n // 2,
                       shared=32768,
                       inputs=[{"kind": "pairs", "type": kind, "words": 8192,
                                "seed": 12, "values": values}],
                       # Sums of up to 64 products of up to 4; the order and the
                       # rounding of a sum are not specified.
                       tolerance=None if values == "whole" else {
                           "kind": "f32", "relative": [0],
                           "absolute": 256 * 2.0**-22})

    # K-major: rows of the swizzle span, 8 rows make an atom.
    for swizzle, kind in ((128, "bf16"), (64, "f16"), (32, "bf16")):
        along = (16, 8 * swizzle, swizzle, 0)
        add(f"k{swizzle}_{kind}", kind, along, along,
            steps=swizzle // 32)
    # Without swizzle 8x8 cores of 128 bytes, adjacent ones in K `leading` apart.
    add("k0_bf16", "bf16", (128, 256, 0, 0), (128, 256, 0, 0))
    add("k0_apart", "bf16", (2048, 128, 0, 0), (1024, 128, 0, 0))
    # MN-major: rows of K, the span along M or N.
    for swizzle, kind in ((128, "f16"), (64, "bf16"), (32, "bf16")):
        size = 8 * swizzle
        add(f"mn{swizzle}_{kind}", kind, (2 * size, size, swizzle, 1),
            (2 * size, size, swizzle, 1), steps=2, a_step=16 * 4,
            b_step=16 * 4)
    add("mn0_bf16", "bf16", (128, 256, 0, 1), (128, 256, 0, 1))
    k128, mn128 = (16, 1024, 128, 0), (2048, 1024, 128, 1)
    add("k_mn", "bf16", k128, mn128)
    add("mn_k", "f16", mn128, k128)
    add("signs", "bf16", k128, k128, scale_a=-1, scale_b=1, keep=True)
    add("signs_b", "bf16", k128, k128, scale_a=-1, scale_b=-1, keep=True)
    add("normal_bf16", "bf16", k128, k128, steps=4, values="normal")
    add("normal_f16", "f16", k128, k128, steps=4, values="normal")
    add("registers_k", "bf16", k128, k128, registers=True, steps=4)
    add("registers_mn", "f16", k128, mn128, registers=True)
    return program
