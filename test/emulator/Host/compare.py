# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles operations of LLVM IR for PTX and for the host, and compares what the
emulator computes with what the host does, bit for bit.

    PBS_CUDA_LIBRARY=.../libpbs_emu.so python3 compare.py DIRECTORY

Operations whose results PTX and LLVM IR both define are taken, on inputs at the
edges of types and random ones. NaNs count as the same.
"""
import ctypes
import os
import pathlib
import random
import struct
import subprocess
import sys

NUM_INPUTS = 1024
EDGES = (0, 1, 2, 3, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF,
         0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFFFFF, 0x3F800000, 0x7F800000,
         0xFF800000, 0x7FC00000, 0x33800000, 0x47800000, 0x4F000000, 0xCF000000)


# LLVM's tools do not want a sanitizer that Python was started with.
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}


class Operations:
    """Lines of a function of %a, %b (i32) and %x, %y (i64), whose results are
    stored one behind the other."""

    def __init__(self):
        self.lines, self.declarations, self.results = [], set(), []

    def define(self, name, expression):
        self.lines.append(f"  {name} = {expression}")
        return name

    def add(self, type_, expression):
        """An operation whose result is compared."""
        name = self.define(f"%r{len(self.results)}", expression)
        self.results.append((type_, expression))
        index, value = len(self.results) - 1, name
        if type_ in ("float", "double"):
            bits = {"float": "i32", "double": "i64"}[type_]
            value = self.define(f"{name}.bits",
                                f"bitcast {type_} {name} to {bits}")
            type_ = bits
        if type_ != "i64":
            value = self.define(f"{name}.wide", f"zext {type_} {value} to i64")
        address = self.define(f"{name}.at",
                              f"getelementptr i64, PTR %out, i32 {index}")
        # Volatile, so that operations are not merged.
        self.lines.append(f"  store volatile i64 {value}, PTR {address}")
        return name

    def call(self, type_, function, arguments, suffix=None):
        suffix = suffix or {"float": "f32"}.get(type_, type_)
        types = ", ".join(a.split()[0] for a in arguments)
        self.declarations.add(
            f"declare {type_} @llvm.{function}.{suffix}({types})")
        return self.add(type_, f"call {type_} @llvm.{function}.{suffix}"
                               f"({', '.join(arguments)})")


def add_integers(ops, type_, a, b):
    bits = int(type_[1:])
    both, ta, tb = f"{type_} {a}, {b}", f"{type_} {a}", f"{type_} {b}"
    for op in ("add", "sub", "mul", "and", "or", "xor"):
        ops.add(type_, f"{op} {both}")
    # Divisors that are neither 0 nor -1.
    odd = ops.define(f"%odd.{type_}", f"or {tb}, 1")
    half = ops.define(f"%half.{type_}", f"lshr {type_} {odd}, 1")
    positive = ops.define(f"%positive.{type_}", f"or {type_} {half}, 1")
    for op, divisor in (("udiv", odd), ("urem", odd), ("sdiv", positive),
                        ("srem", positive)):
        for by in (divisor, 100, 16):
            ops.add(type_, f"{op} {ta}, {by}")
    count = ops.define(f"%count.{type_}", f"and {tb}, {bits - 1}")
    for op in ("shl", "lshr", "ashr"):
        ops.add(type_, f"{op} {ta}, {count}")
        ops.add(type_, f"{op} {ta}, 5")
    for function in ("ctpop", "bitreverse") + ("bswap",) * (bits > 8):
        ops.call(type_, function, [ta])
    for function in ("ctlz", "cttz", "abs"):
        ops.call(type_, function, [ta, "i1 false"])
    for function in ("fshl", "fshr"):
        ops.call(type_, function, [ta, tb, f"{type_} {count}"])
        ops.call(type_, function, [ta, ta, f"{type_} 7"])
    for function in ("umin", "umax", "smin", "smax", "uadd.sat", "sadd.sat",
                     "usub.sat", "ssub.sat"):
        ops.call(type_, function, [ta, tb])
    for compare in ("eq", "ne", "ult", "ule", "ugt", "uge", "slt", "sle",
                    "sgt", "sge"):
        test = ops.add("i1", f"icmp {compare} {both}")
        ops.add(type_, f"select i1 {test}, {ta}, {tb}")
        ops.add("i1", f"icmp {compare} {ta}, 17")
    for other in ("i8", "i16", "i32", "i64"):
        if int(other[1:]) > bits:
            ops.add(other, f"zext {ta} to {other}")
            ops.add(other, f"sext {ta} to {other}")
        elif int(other[1:]) < bits:
            ops.add(other, f"trunc {ta} to {other}")
    if bits < 64:
        wide = [ops.define(f"%wide.{v[1:]}", f"sext {type_} {v} to i64")
                for v in (a, b)]
        ops.add("i64", f"mul i64 {wide[0]}, {wide[1]}")
    field = ops.add(type_, f"and {ta}, 120")
    ops.add(type_, f"lshr {type_} {field}, 3")
    # Three-way logic.
    inner = ops.add(type_, f"and {both}")
    outer = ops.add(type_, f"xor {type_} {inner}, {count}")
    ops.add(type_, f"or {type_} {outer}, {a}")
    for float_ in ("float", "double"):
        ops.add(float_, f"sitofp {ta} to {float_}")
        ops.add(float_, f"uitofp {ta} to {float_}")


def add_floats(ops):
    pairs = {"float": ("%fa", "%fb"), "double": ("%da", "%db")}
    for name, bits in (("a", "i32 %a"), ("b", "i32 %b")):
        ops.define(f"%f{name}", f"bitcast {bits} to float")
    for name, bits in (("a", "i64 %x"), ("b", "i64 %y")):
        ops.define(f"%d{name}", f"bitcast {bits} to double")
    for type_, (a, b) in pairs.items():
        for op in ("fadd", "fsub", "fmul", "fdiv"):
            ops.add(type_, f"{op} {type_} {a}, {b}")
        for compare in ("oeq", "ogt", "oge", "olt", "ole", "one", "ord", "ueq",
                        "ugt", "uge", "ult", "ule", "une", "uno"):
            test = ops.add("i1", f"fcmp {compare} {type_} {a}, {b}")
            ops.add(type_, f"select i1 {test}, {type_} {a}, {type_} {b}")
        ops.add(type_, f"fneg {type_} {a}")
    for function in ("fabs", "floor", "ceil", "rint", "trunc", "sqrt"):
        ops.call("float", function, ["float %fa"])
    ops.call("float", "fma", ["float %fa", "float %fb", "float %fa"])
    ops.call("float", "copysign", ["float %fa", "float %fb"])
    for type_ in ("i32", "i64"):
        for function in ("fptosi.sat", "fptoui.sat"):
            ops.call(type_, function, ["float %fa"], suffix=f"{type_}.f32")
    ops.add("float", "fptrunc double %da to float")
    ops.add("double", "fpext float %fa to double")


def make_operations():
    ops = Operations()
    for name, bits, value in (("%ha", "i16", "i32 %a"), ("%hb", "i16", "i32 %b"),
                              ("%ca", "i8", "i32 %a"), ("%cb", "i8", "i64 %y")):
        ops.define(name, f"trunc {value} to {bits}")
    for type_, a, b in (("i8", "%ca", "%cb"), ("i16", "%ha", "%hb"),
                        ("i32", "%a", "%b"), ("i64", "%x", "%y")):
        add_integers(ops, type_, a, b)
    add_floats(ops)
    return ops


def make_inputs():
    rng = random.Random(5)

    def word():
        return rng.choice(EDGES) if rng.random() < 0.4 else rng.getrandbits(32)

    def long():
        kind = rng.random()
        if kind < 0.3:
            return rng.choice(EDGES)
        if kind < 0.5:
            return rng.choice(EDGES) << 32 | rng.choice(EDGES)
        if kind < 0.75:
            return struct.unpack("<Q", struct.pack(
                "<d", rng.uniform(-1e10, 1e10)))[0]
        return rng.getrandbits(64)

    return [(word(), word(), long(), long()) for _ in range(NUM_INPUTS)]


LOADS = "".join(f"""
  %{v}.at = getelementptr i64, PTR %in, i32 {i}
  %{v} = load i{32 if i < 2 else 64}, PTR %{v}.at""" for i, v in enumerate("abxy"))


def run_on_host(ops, inputs, directory):
    """The results of all inputs, one behind the other."""
    n, total = len(ops.results), len(ops.results) * len(inputs)
    words = ", ".join(f"i64 {v}" for values in inputs for v in values)
    path = directory / "host.ll"
    path.write_text("\n".join(sorted(ops.declarations)) + f"""
declare i64 @write(i32, ptr, i64)
@in = constant [{4 * len(inputs)} x i64] [{words}]
@out = global [{total} x i64] zeroinitializer
define void @compute(ptr %in, ptr %out) noinline {{{LOADS.replace("PTR", "ptr")}
""" + "\n".join(ops.lines).replace("PTR", "ptr") + f"""
  ret void
}}
define i32 @main() {{
  br label %loop
loop:
  %i = phi i32 [ 0, %0 ], [ %next, %loop ]
  %from = getelementptr [4 x i64], ptr @in, i32 %i
  %to = getelementptr [{n} x i64], ptr @out, i32 %i
  call void @compute(ptr %from, ptr %to)
  %next = add i32 %i, 1
  %more = icmp ult i32 %next, {len(inputs)}
  br i1 %more, label %loop, label %part
part:
  %sent = phi i64 [ 0, %loop ], [ %sum, %part ]
  %rest = sub i64 {8 * total}, %sent
  %at = getelementptr i8, ptr @out, i64 %sent
  %wrote = call i64 @write(i32 1, ptr %at, i64 %rest)
  %sum = add i64 %sent, %wrote
  %again = icmp ult i64 %sum, {8 * total}
  br i1 %again, label %part, label %done
done:
  ret i32 0
}}
""")
    output = subprocess.run(["lli", path], stdout=subprocess.PIPE, check=True,
                            env=ENVIRONMENT)
    return struct.unpack(f"<{total}Q", output.stdout)


class Driver:
    def __init__(self):
        self.library = ctypes.CDLL(os.environ["PBS_CUDA_LIBRARY"])
        context = ctypes.c_void_p()
        self.call("cuInit", 0)
        self.call("cuDevicePrimaryCtxRetain", ctypes.byref(context), 0)
        self.call("cuCtxSetCurrent", context)

    def call(self, name, *arguments):
        result = getattr(self.library, name)(*arguments)
        if result:
            text = ctypes.c_char_p()
            self.library.cuGetErrorString(result, ctypes.byref(text))
            sys.exit(f"{name}: {(text.value or b'').decode()}")


def run_on_emulator(ops, inputs, directory):
    n, total = len(ops.results), len(ops.results) * len(inputs)
    source, ptx = directory / "device.ll", directory / "device.ptx"
    pointer = "ptr addrspace(1)"
    source.write_text(
        'target triple = "nvptx64-nvidia-cuda"\n'
        "declare i32 @llvm.nvvm.read.ptx.sreg.tid.x()\n" +
        "\n".join(sorted(ops.declarations)) + f"""
define ptx_kernel void @compute({pointer} %inputs, {pointer} %outputs) {{
  %thread = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %in = getelementptr [4 x i64], {pointer} %inputs, i32 %thread
  %out = getelementptr [{n} x i64], {pointer} %outputs, i32 %thread""" +
        LOADS.replace("PTR", pointer) + "\n" +
        "\n".join(ops.lines).replace("PTR", pointer) + "\n  ret void\n}\n")
    subprocess.run(["llc", "-O3", "-mcpu=sm_90a", "-mattr=+ptx86", source, "-o",
                    ptx], check=True, env=ENVIRONMENT)
    driver = Driver()
    module, function = ctypes.c_void_p(), ctypes.c_void_p()
    driver.call("cuModuleLoadData", ctypes.byref(module),
                ptx.read_bytes() + b"\0")
    driver.call("cuModuleGetFunction", ctypes.byref(function), module,
                b"compute")
    data = b"".join(struct.pack("<4Q", *values) for values in inputs)
    addresses = [ctypes.c_uint64(), ctypes.c_uint64()]
    for address, size in zip(addresses, (len(data), 8 * total)):
        driver.call("cuMemAlloc_v2", ctypes.byref(address),
                    ctypes.c_size_t(size))
    driver.call("cuMemcpyHtoD_v2", addresses[0], data,
                ctypes.c_size_t(len(data)))
    parameters = (ctypes.c_void_p * 2)(*map(ctypes.addressof, addresses))
    driver.call("cuLaunchKernel", function, 1, 1, 1, len(inputs), 1, 1, 0, None,
                parameters, None)
    results = (ctypes.c_uint64 * total)()
    driver.call("cuMemcpyDtoH_v2", results, addresses[1],
                ctypes.c_size_t(8 * total))
    return results


def is_nan(type_, bits):
    return (type_ == "float" and bits & 0x7FFFFFFF > 0x7F800000 or
            type_ == "double" and bits & (2**63 - 1) > 0x7FF0000000000000)


def main():
    directory = pathlib.Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    ops, inputs = make_operations(), make_inputs()
    expected = run_on_host(ops, inputs, directory)
    got = run_on_emulator(ops, inputs, directory)
    wrong = {}
    for i, (want, have) in enumerate(zip(expected, got)):
        type_, expression = ops.results[i % len(ops.results)]
        if want != have and not (is_nan(type_, want) and is_nan(type_, have)):
            wrong.setdefault(expression, []).append(
                (inputs[i // len(ops.results)], want, have))
    for expression, cases in wrong.items():
        values, want, have = cases[0]
        print(f"{expression}: {len(cases)} of {len(inputs)} inputs, the first "
              f"{', '.join(map(hex, values))}: expected {want:#x}, got "
              f"{have:#x}")
    print(f"{len(ops.results) - len(wrong)} of {len(ops.results)} operations "
          f"give the same on {len(inputs)} inputs")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
