# Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""PTX programs as text, and the manifest that says how to run them."""
import os

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
               shared=0, tensor=None, tolerance=None, fill=0, refused=False):
        """Adds a kernel whose body begins with %in, %out (global addresses),
        %me and, with `shared`, %smem (shared address). One that is `refused`
        ends in an error on hardware."""
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
        if refused:
            entry["refused"] = True
        MANIFEST.append(entry)

    def write(self, directory):
        with open(os.path.join(directory, self.name + ".ptx"), "w",
                  encoding="ascii") as file:
            file.write(self.text)
