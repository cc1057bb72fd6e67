# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes the PTX programs whose results on hardware are recorded, and their
manifest.

    python3 generate.py DIRECTORY

Every kernel is `name(in, out[, map])`: it reads 32-bit words at `in`, made from
a seed, and writes words at `out`. The instructions of an elementwise kernel
write consecutive runs of words, in the order of `labels`.
"""
import json
import os
import sys

HEADER = """//
// Made by generate.py; results on hardware are recorded.
//
.version 8.6
.target sm_90a
.address_size 64
"""

MANIFEST = []


class Program:
    """One .ptx file."""

    def __init__(self, name):
        self.name, self.text = name, HEADER

    def kernel(self, name, body, *, threads, words, inputs, labels=None,
               shared=0, tensor=None, tolerance=None, fill=0):
        """Adds a kernel whose body begins with %in, %out (global addresses),
        %me and, with `shared`, %smem (shared address)."""
        parameters = "\n  .param .u64 in,\n  .param .u64 out"
        start = """  ld.param.u64 %in, [in];
  ld.param.u64 %out, [out];
  cvta.to.global.u64 %in, %in;
  cvta.to.global.u64 %out, %out;
  mov.u32 %me, %tid.x;
"""
        if tensor:
            parameters += ",\n  .param .align 64 .b8 map[128]"
            start += "  mov.b64 %map, map;\n  cvta.param.u64 %map, %map;\n"
        declarations = """  .reg .pred %p<16>;
  .reg .b16 %h<16>;
  .reg .b32 %r<128>;
  .reg .f32 %f<128>;
  .reg .b64 %d<32>;
  .reg .b64 %in, %out, %map;
  .reg .b32 %me, %smem;
"""
        if shared:
            self.text += f"\n.shared .align 1024 .b8 {name}_smem[{shared}];\n"
            start += f"  mov.u32 %smem, {name}_smem;\n"
        self.text += (f"\n.visible .entry {name}({parameters}\n)\n"
                      f".maxntid {threads}, 1, 1\n{{\n{declarations}{start}"
                      f"{body}  ret;\n}}\n")
        entry = {"file": self.name + ".ptx", "kernel": name,
                 "threads": threads, "words": words, "inputs": inputs,
                 "fill": fill}
        if labels:
            entry["labels"] = labels
        if tensor:
            entry["tensor"] = tensor
        if tolerance:
            entry["tolerance"] = tolerance
        MANIFEST.append(entry)

    def write(self, directory):
        with open(os.path.join(directory, self.name + ".ptx"), "w",
                  encoding="ascii") as file:
            file.write(self.text)


#===----------------------------------------------------------------------===//
# Elementwise instructions
#===----------------------------------------------------------------------===//


def elementwise(program, name, lines, inputs, threads=256, tolerance=None):
    """A kernel that runs each line on words a, b, c of its own thread.

    In a line, {a}, {b}, {c} are 32-bit registers, {fa}, {fb}, {fc} the same as
    f32, {A}, {B}, {C} 64-bit (the word and its bitwise complement on top), and
    {n}, {N} are b with the lowest bit set, so that they are not 0. The result
    goes to {r}, {f}, {p} (written as 0 or 1), {h} (16 bits) or {R} (64
    bits, two runs of words).
    """
    body = """  mul.wide.u32 %d1, %me, 4;
  add.s64 %in, %in, %d1;
  add.s64 %out, %out, %d1;
"""
    for i, letter in enumerate("abc"):
        offset = 4 * threads * i
        body += f"""  ld.global.b32 %r{i + 1}, [%in+{offset}];
  mov.b32 %f{i + 1}, %r{i + 1};
  not.b32 %r{i + 11}, %r{i + 1};
  mov.b64 %d{i + 11}, {{%r{i + 1}, %r{i + 11}}};
"""
    body += "  or.b32 %r7, %r2, 1;\n  mov.b64 %d15, {%r7, %r12};\n"
    names = {"a": "%r1", "b": "%r2", "c": "%r3", "fa": "%f1", "fb": "%f2",
             "fc": "%f3", "A": "%d11", "B": "%d12", "C": "%d13", "r": "%r4",
             "f": "%f4", "p": "%p1", "h": "%h1", "R": "%d14", "ha": "%h2",
             "hb": "%h3", "n": "%r7", "N": "%d15"}
    labels = []
    runs = 0

    def store(register):
        nonlocal body, runs
        body += f"  st.global.b32 [%out+{4 * threads * runs}], {register};\n"
        runs += 1

    for line in lines:
        label = line
        if "{ha}" in line or "{hb}" in line:
            body += "  mov.b32 {%h2, %h4}, %r1;\n  mov.b32 {%h3, %h4}, %r2;\n"
        text = line
        for key, value in names.items():
            text = text.replace("{" + key + "}", value)
        body += "  " + text + ";\n"
        if "{R}" in line:
            body += "  mov.b64 {%r5, %r6}, %d14;\n"
            labels += [label + " low", label + " high"]
            store("%r5")
            store("%r6")
            continue
        labels.append(label)
        if "{f}" in line:
            body += "  mov.b32 %r4, %f4;\n"
        elif "{p}" in line:
            body += "  selp.b32 %r4, 1, 0, %p1;\n"
        elif "{h}" in line:
            body += "  cvt.u32.u16 %r4, %h1;\n"
        store("%r4")
    program.kernel(name, body, threads=threads, words=runs * threads,
                   inputs=inputs, labels=labels, tolerance=tolerance)


def make_integer():
    program = Program("integer")
    inputs = [{"kind": "integers", "words": 3 * 256, "seed": 1}]
    lines = []
    for op in ("add.s32", "sub.s32", "mul.lo.s32", "mul.hi.s32", "mul.hi.u32",
               "div.s32", "div.u32", "rem.s32", "rem.u32", "min.s32",
               "min.u32", "max.s32", "max.u32", "and.b32", "or.b32",
               "xor.b32", "shl.b32", "shr.s32", "shr.u32"):
        # What a division by zero gives is not specified.
        second = "n" if op[:3] in ("div", "rem") else "b"
        lines.append(f"{op} {{r}}, {{a}}, {{{second}}}")
    for op in ("neg.s32", "abs.s32", "not.b32", "popc.b32", "clz.b32",
               "brev.b32", "bfind.u32", "bfind.s32", "bfind.shiftamt.u32",
               "cvt.s32.s8", "cvt.u32.u8", "cvt.s32.s16", "cvt.u32.u16"):
        lines.append(f"{op} {{r}}, {{a}}")
    for op in ("mad.lo.s32", "mad.hi.s32", "mad.hi.u32", "sad.s32", "sad.u32",
               "shf.l.clamp.b32", "shf.l.wrap.b32", "shf.r.clamp.b32",
               "shf.r.wrap.b32"):
        lines.append(f"{op} {{r}}, {{a}}, {{b}}, {{c}}")
    for table in (0xE8, 0x96, 0x1B):
        lines.append(f"lop3.b32 {{r}}, {{a}}, {{b}}, {{c}}, {table}")
    for compare in ("eq.s32", "lt.s32", "le.u32", "gt.u32", "ge.s32",
                    "ne.u32"):
        lines.append(f"setp.{compare} {{p}}, {{a}}, {{b}}")
    lines += ["mul.wide.s32 {R}, {a}, {b}", "mul.wide.u32 {R}, {a}, {b}",
              "mad.wide.s32 {R}, {a}, {b}, {C}", "add.s64 {R}, {A}, {B}",
              "sub.s64 {R}, {A}, {B}", "mul.lo.s64 {R}, {A}, {B}",
              "mul.hi.u64 {R}, {A}, {B}", "shl.b64 {R}, {A}, {b}",
              "shr.s64 {R}, {A}, {b}", "shr.u64 {R}, {A}, {b}",
              "min.s64 {R}, {A}, {B}", "max.u64 {R}, {A}, {B}",
              "div.u64 {R}, {A}, {N}", "rem.s64 {R}, {A}, {N}",
              "cvt.s64.s32 {R}, {a}", "cvt.u64.u32 {R}, {a}"]
    elementwise(program, "arithmetic", lines, inputs)
    lines = []
    for kind in ("", ".f4e", ".b4e", ".rc8", ".ecl", ".ecr", ".rc16"):
        lines.append(f"prmt.b32{kind} {{r}}, {{a}}, {{b}}, {{c}}")
    for op in ("bfe.u32", "bfe.s32"):
        lines.append(f"{op} {{r}}, {{a}}, {{b}}, {{c}}")
    lines += ["bfi.b32 {r}, {a}, {b}, {c}, 7", "bfi.b32 {r}, {a}, {b}, 5, {c}",
              "bfi.b32 {r}, {a}, {b}, {c}, 255",
              "bfe.u32 {r}, {a}, 24, 16", "bfe.s32 {r}, {a}, 31, 0"]
    elementwise(program, "fields", lines,
                [{"kind": "fields", "words": 3 * 256, "seed": 2}])
    return program


def make_float():
    program = Program("float")
    inputs = [{"kind": "floats", "words": 3 * 512, "seed": 3}]
    lines = []
    for op in ("add", "sub", "mul"):
        for mode in (".rn", ".rz", ".rm", ".rp", ".rn.ftz", ".rn.sat"):
            lines.append(f"{op}{mode}.f32 {{f}}, {{fa}}, {{fb}}")
    for mode in (".rn", ".rz", ".rm", ".rp", ".rn.ftz", ".rn.ftz.sat"):
        lines.append(f"fma{mode}.f32 {{f}}, {{fa}}, {{fb}}, {{fc}}")
    for op in ("min", "max"):
        for mode in ("", ".ftz", ".NaN", ".ftz.NaN"):
            lines.append(f"{op}{mode}.f32 {{f}}, {{fa}}, {{fb}}")
    for op in ("neg.f32", "abs.f32", "neg.ftz.f32", "abs.ftz.f32",
               "rcp.rn.f32", "sqrt.rn.f32"):
        lines.append(f"{op} {{f}}, {{fa}}")
    lines += ["copysign.f32 {f}, {fa}, {fb}", "div.rn.f32 {f}, {fa}, {fb}"]
    for compare in ("eq", "ne", "lt", "le", "gt", "ge", "equ", "neu", "ltu",
                    "leu", "gtu", "geu", "num", "nan", "lt.ftz"):
        lines.append(f"setp.{compare}.f32 {{p}}, {{fa}}, {{fb}}")
    elementwise(program, "single", lines, inputs, threads=512)
    lines = []
    for kind in ("f16x2", "bf16x2"):
        for op in ("add.rn", "sub.rn", "mul.rn", "min", "max", "min.NaN",
                   "max.NaN"):
            lines.append(f"{op}.{kind} {{r}}, {{a}}, {{b}}")
        lines += [f"fma.rn.{kind} {{r}}, {{a}}, {{b}}, {{c}}",
                  f"fma.rn.relu.{kind} {{r}}, {{a}}, {{b}}, {{c}}",
                  f"neg.{kind} {{r}}, {{a}}", f"abs.{kind} {{r}}, {{a}}"]
    elementwise(program, "packed", lines,
                [{"kind": "halves", "words": 3 * 256, "seed": 4}])
    return program


def make_convert():
    program = Program("convert")
    lines = []
    for kind in ("f16x2", "bf16x2"):
        for mode in ("rn", "rz", "rn.relu", "rz.relu"):
            lines.append(f"cvt.{mode}.{kind}.f32 {{r}}, {{fa}}, {{fb}}")
    for kind in ("f16", "bf16"):
        for mode in ("rn", "rz"):
            lines.append(f"cvt.{mode}.{kind}.f32 {{h}}, {{fa}}")
        lines.append(f"cvt.f32.{kind} {{f}}, {{ha}}")
    for mode in ("rni", "rzi", "rmi", "rpi"):
        lines += [f"cvt.{mode}.s32.f32 {{r}}, {{fa}}",
                  f"cvt.{mode}.u32.f32 {{r}}, {{fa}}",
                  f"cvt.{mode}.f32.f32 {{f}}, {{fa}}"]
    lines += ["cvt.rzi.s64.f32 {R}, {fa}", "cvt.rni.ftz.s32.f32 {r}, {fa}",
              "cvt.sat.f32.f32 {f}, {fa}", "cvt.ftz.f32.f32 {f}, {fa}"]
    elementwise(program, "from_float", lines,
                [{"kind": "floats", "words": 3 * 512, "seed": 5}], threads=512)
    lines = []
    for mode in ("rn", "rz", "rm", "rp"):
        for kind in ("s32", "u32"):
            lines.append(f"cvt.{mode}.f32.{kind} {{f}}, {{a}}")
    lines += ["cvt.rn.f32.s64 {f}, {A}", "cvt.rn.f32.u64 {f}, {A}"]
    elementwise(program, "from_integer", lines,
                [{"kind": "integers", "words": 3 * 256, "seed": 6}])
    return program


def make_approximate():
    """Bounds are those of the PTX ISA, "Floating Point Instructions", on the
    exact result; two implementations may differ by twice as much."""
    program = Program("approximate")
    inputs = [{"kind": "floats", "words": 3 * 512, "seed": 7}]
    single = {
        "ex2.approx.f32": 2.0**-22, "ex2.approx.ftz.f32": 2.0**-22,
        "rcp.approx.f32": 2.0**-23, "rcp.approx.ftz.f32": 2.0**-23,
        "rsqrt.approx.f32": 2.0**-22.9, "rsqrt.approx.ftz.f32": 2.0**-22.9,
        "sqrt.approx.f32": 2.0**-23, "sqrt.approx.ftz.f32": 2.0**-23,
        "tanh.approx.f32": 2.0**-11}
    for name, op in (("bits", "floats"), ("usual", "usual")):
        elementwise(
            program, f"approximate_{name}",
            [f"{op} {{f}}, {{fa}}" for op in single],
            [dict(inputs[0], kind=op)], threads=512,
            tolerance={"kind": "f32", "relative": [2 * b for b in
                                                   single.values()]})
    # Relative error outside of (0.5, 2), absolute inside.
    elementwise(program, "logarithm",
                ["lg2.approx.f32 {f}, {fa}", "lg2.approx.ftz.f32 {f}, {fa}"],
                inputs, threads=512,
                tolerance={"kind": "f32", "relative": [2.0**-21, 2.0**-21],
                           "absolute": 2.0**-21})
    elementwise(program, "quotient",
                ["div.approx.f32 {f}, {fa}, {fb}",
                 "div.approx.ftz.f32 {f}, {fa}, {fb}",
                 "div.full.f32 {f}, {fa}, {fb}"],
                [dict(inputs[0], kind="usual")], threads=512,
                tolerance={"kind": "f32", "relative": [2.0**-21] * 3})
    elementwise(program, "packed_exponential",
                ["ex2.approx.ftz.bf16x2 {r}, {a}"],
                [{"kind": "halves", "words": 3 * 256, "seed": 8}],
                tolerance={"kind": "bf16x2", "relative": [2.0**-6]})
    elementwise(program, "packed_tangent",
                ["tanh.approx.bf16x2 {r}, {a}"],
                [{"kind": "halves", "words": 3 * 256, "seed": 8}],
                tolerance={"kind": "bf16x2", "relative": [2.0**-6]})
    return program


#===----------------------------------------------------------------------===//
# Warps
#===----------------------------------------------------------------------===//


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


#===----------------------------------------------------------------------===//
# Matrix products
#===----------------------------------------------------------------------===//


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


#===----------------------------------------------------------------------===//
# Copies
#===----------------------------------------------------------------------===//

WAIT = """  mbarrier.try_wait.parity.shared.b64 %p2, [%smem], 0;
  @!%p2 bra {label};
"""


def make_tensor_copies():
    program = Program("tensor_copies")
    types = {"f16": 2, "bf16": 2, "f32": 4, "s32": 4, "u8": 1}

    def coordinates(values):
        return "{" + ", ".join(str(v) for v in values) + "}"

    def load(name, kind, sizes, box, at, swizzle):
        """Loads one box and writes the shared memory out."""
        rank, bytes_ = len(sizes), types[kind]
        for extent in box:
            bytes_ *= extent
        body = f"""  setp.ne.u32 %p1, %me, 0;
  @%p1 bra wait;
  mbarrier.init.shared.b64 [%smem], 1;
  fence.mbarrier_init.release.cluster;
  mbarrier.arrive.expect_tx.shared::cta.b64 _, [%smem], {bytes_};
  add.s32 %r1, %smem, 1024;
  cp.async.bulk.tensor.{rank}d.shared::cta.global.tile.mbarrier::complete_tx::bytes
    [%r1], [%map, {coordinates(at)}], [%smem];
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
                                "words": count * types[kind] // 4,
                                "seed": 13}],
                       tensor={"base": "in", "type": kind, "sizes": sizes,
                               "box": box, "swizzle": swizzle})

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

    def store(name, operation, kind, sizes, box, at, swizzle, values):
        """Stores or reduces one box of shared memory into the output."""
        rank, bytes_ = len(sizes), types[kind]
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
    [%map, {coordinates(at)}], [%smem];
  cp.async.bulk.commit_group;
  cp.async.bulk.wait_group 0;
done:
"""
        count = 1
        for extent in sizes:
            count *= extent
        program.kernel(
            f"{name}", body, threads=128, words=count * types[kind] // 4,
            shared=max(4 * (words + 127) // 128 * 128, 1024),
            inputs=[{"kind": values, "type": kind,
                     "words": (words + 127) // 128 * 128, "seed": 14}],
            fill={"f32": 0x3F800000, "f16": 0x40003C00, "bf16": 0x40003F80,
                  "s32": 5}[kind],
            tensor={"base": "out", "type": kind, "sizes": sizes, "box": box,
                    "swizzle": swizzle})

    store("store_swizzle128", "store", "bf16", [72, 20], [64, 16], [40, 7],
          128, "integers")
    store("store_swizzle32", "store", "f32", [16, 8], [8, 8], [8, 2], 32,
          "integers")
    # A store whose box begins before the tensor, in either dimension, ends in
    # CUDA_ERROR_ILLEGAL_INSTRUCTION on an H100, unlike a load.
    store("store_three", "store", "f16", [32, 5, 4], [32, 4, 2], [0, 3, 1], 64,
          "integers")
    store("reduce_f32", "add", "f32", [16, 8], [8, 8], [12, 2], 0, "usual")
    store("reduce_f16", "add", "f16", [64, 8], [64, 8], [0, 1], 128, "pairs")
    store("reduce_bf16", "add", "bf16", [64, 8], [64, 8], [8, 0], 128, "pairs")
    for operation in ("add", "min", "max", "and", "or", "xor", "inc", "dec"):
        if operation in ("inc", "dec"):
            continue  # u32 only
        store("reduce_s32_" + operation, operation, "s32", [16, 8], [8, 8],
              [0, 0], 0, "integers")
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


def main():
    directory = sys.argv[1]
    os.makedirs(directory, exist_ok=True)
    for make in (make_integer, make_float, make_convert, make_approximate,
                 make_warp, make_mma, make_wgmma, make_tensor_copies,
                 make_copies):
        make().write(directory)
    with open(os.path.join(directory, "manifest.json"), "w",
              encoding="ascii") as file:
        file.write("[\n" + ",\n".join(json.dumps(m) for m in MANIFEST) +
                   "\n]\n")


if __name__ == "__main__":
    main()
