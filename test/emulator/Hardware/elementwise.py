# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Programs of instructions that each lane executes by itself."""
from programs import Program


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
