/*===- pbs.h - The C interface of pbs-mlir ------------------------*- C -*-===*\
|*                                                                            *|
|* Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.      *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|* Permuted block-sparse attention (arXiv 2510.21270): compile a program,     *|
|* query it, run it. Every function that can fail returns a status and leaves *|
|* a message for the calling thread in pbs_last_error(). A program may be run *|
|* by several threads at once. Structures begin with their own size, so that  *|
|* later versions can add fields; set it with sizeof and zero the rest.       *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#ifndef PBS_RUNTIME_PBS_H
#define PBS_RUNTIME_PBS_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define PBS_API __attribute__((visibility("default")))
#else
#define PBS_API
#endif

/* With an underlying type an enumeration may hold any number in C++, so that a
 * wrong one of the caller is an error and not undefined. */
#ifdef __cplusplus
#define PBS_INT : int
#else
#define PBS_INT
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** What became of a call. */
typedef enum pbs_status PBS_INT {
  PBS_OK = 0,
  /** An argument is wrong: shape, stride, type, size, option. */
  PBS_INVALID_ARGUMENT = 1,
  /** This build, device or library cannot do what was asked. */
  PBS_UNSUPPORTED = 2,
  /** IR that does not parse, verify or compile. */
  PBS_COMPILE_ERROR = 3,
  /** Bytes that are not a bundle of this version, or are damaged. */
  PBS_BAD_BUNDLE = 4,
  PBS_OUT_OF_MEMORY = 5,
  /** The driver or the device reported an error. */
  PBS_DEVICE_ERROR = 6,
  /** A file or directory could not be read or written. */
  PBS_IO_ERROR = 7,
  /** Checked mode found bad contents of a tensor, e.g. a list index. */
  PBS_INVALID_DATA = 8
} pbs_status;

/** Element types. */
typedef enum pbs_dtype PBS_INT {
  PBS_F32 = 0,
  PBS_F16 = 1,
  PBS_BF16 = 2,
  PBS_I32 = 3
} pbs_dtype;

/** Where a tensor lives; the values are those of DLPack. */
typedef enum pbs_device PBS_INT { PBS_CPU = 1, PBS_CUDA = 2 } pbs_device;

/** A tensor of the caller. Never copied, never kept after the call. */
typedef struct pbs_tensor {
  /** First element; may be null if the tensor has no elements. */
  void *data;
  pbs_dtype dtype;
  pbs_device device;
  int32_t device_id;
  int32_t rank;
  const int64_t *shape;
  /** In elements; the last must be 1. Null: row-major. */
  const int64_t *strides;
} pbs_tensor;

typedef struct pbs_program *pbs_program_t;

/** Version of the library, e.g. "0.1.0". */
PBS_API const char *pbs_version(void);
/** Message of the last call of this thread that failed; never null. */
PBS_API const char *pbs_last_error(void);
/** Name of a status, e.g. "invalid argument". */
PBS_API const char *pbs_status_name(pbs_status status);

/*===----------------------------------------------------------------------===*\
|* Programs                                                                   *|
\*===----------------------------------------------------------------------===*/

/** Loads a program from the bytes of a bundle, which are not kept. */
PBS_API pbs_status pbs_program_load(const void *bytes, size_t size,
                                    pbs_program_t *program);
/** Loads a program from a bundle file. */
PBS_API pbs_status pbs_program_load_file(const char *path,
                                         pbs_program_t *program);
/** Writes the program as a bundle file, atomically. */
PBS_API pbs_status pbs_program_save(pbs_program_t program, const char *path);
/** Releases a program; null is allowed. No call may be running it. */
PBS_API void pbs_program_destroy(pbs_program_t program);

/** One argument of a program: inputs come first, then outputs. */
typedef struct pbs_argument_info {
  size_t struct_size;
  const char *name;
  int32_t is_output;
  pbs_dtype dtype;
  int32_t rank;
} pbs_argument_info;

/** Device that the program runs on. */
PBS_API pbs_device pbs_program_device(pbs_program_t program);
PBS_API size_t pbs_program_num_arguments(pbs_program_t program);
/** Describes argument `index`; strings live as long as the program. */
PBS_API pbs_status pbs_program_argument(pbs_program_t program, size_t index,
                                        pbs_argument_info *info);
/** Shape of output argument `index` for the given inputs; `shape` has room for
 * its rank. Checks the inputs as a run would, but for their data. */
PBS_API pbs_status pbs_program_output_shape(pbs_program_t program,
                                            const pbs_tensor *inputs,
                                            size_t num_inputs, size_t index,
                                            int64_t *shape);
/** Bytes of workspace that a run with the given inputs needs. CUDA: where an
 * output has no gaps between its elements and begins at a multiple of 256
 * bytes, it serves as memory before it is written, which is what this counts
 * on. Given all arguments, inputs and outputs, it answers for those. */
PBS_API pbs_status pbs_program_workspace_size(pbs_program_t program,
                                              const pbs_tensor *inputs,
                                              size_t num_inputs, size_t *bytes);
/** Which plan a run with the given inputs takes, by its name: that of the
 * program's function, or of an alternative for such shapes, such as
 * "attention_dense". Lives as long as the program. */
PBS_API pbs_status pbs_program_alternative(pbs_program_t program,
                                           const pbs_tensor *inputs,
                                           size_t num_inputs,
                                           const char **name);
/** When the blocks of a launch ran, as a run left it in its workspace: for each
 * block three 64-bit integers, when it began and when it ended (nanoseconds of
 * a clock that all multiprocessors share) and the number of its multiprocessor.
 */
typedef struct pbs_trace_info {
  size_t struct_size;
  /** The kernel; lives as long as the program. */
  const char *kernel;
  /** Of the first block in the workspace, in bytes. */
  size_t offset;
  size_t num_blocks;
} pbs_trace_info;

/** Number of launches of a run with the given inputs that leave a trace: 0
 * unless the program was compiled for a GPU with the pipeline option "trace=1".
 */
PBS_API pbs_status pbs_program_num_traces(pbs_program_t program,
                                          const pbs_tensor *inputs,
                                          size_t num_inputs, size_t *count);
/** Describes trace `index`, in the order of the launches, in the workspace that
 * the caller gives to a run with such inputs. */
PBS_API pbs_status pbs_program_trace(pbs_program_t program,
                                     const pbs_tensor *inputs,
                                     size_t num_inputs, size_t index,
                                     pbs_trace_info *info);
/** What the program is and how it came about, as text: plan, kernels, compile
 * times, cache. Lives as long as the program. */
PBS_API const char *pbs_program_report(pbs_program_t program);

typedef struct pbs_run_options {
  size_t struct_size;
  /** CUDA stream (CUstream); null is the default stream. */
  void *stream;
  /** Workspace in the memory of the program's device, aligned to 256 bytes, and
   * its size in bytes; null: the program keeps one of its own. Two runs at once
   * must not share one, which `checked` runs detect among themselves. */
  void *workspace;
  size_t workspace_size;
  /** CPU: threads to use at most; 0: PBS_NUM_THREADS, else the processors that
   * this process may use. */
  int32_t num_threads;
  /** Not 0: check the contents of lists and wait for the result. */
  int32_t checked;
} pbs_run_options;

/** Runs a program on `arguments`, all inputs and then all outputs. CPU programs
 * are done on return; CUDA programs are enqueued on the stream of the current
 * context. `options` may be null. */
PBS_API pbs_status pbs_program_run(pbs_program_t program,
                                   const pbs_tensor *arguments,
                                   size_t num_arguments,
                                   const pbs_run_options *options);

/** Where the sequences of packed tensors begin. A call of a program with packed
 * tensors gives for each sequence, bit for bit, what a call with that sequence
 * alone gives; each takes the plan that its own lengths choose.
 *
 * Dimension 2 of every tensor, its rows, holds the sequences one after the
 * other. Input 0 has the queries' rows and input 1 the keys'. A sequence has in
 * every other tensor as many rows as it would have alone, so that they begin
 * where those of the sequences before it end: as many as queries (output, LSE),
 * as keys (v, positions, importance), or as query blocks, the last of each
 * sequence rounded up (count, index, block list, scores). An output's other
 * dimensions are those of the sequence that needs most; what a shorter one does
 * not need stays as it was. Every other dimension is that of one sequence: with
 * a batch the offsets hold for each of its entries. */
typedef struct pbs_packing {
  size_t struct_size;
  size_t num_sequences;
  /** In the memory of the host, num_sequences + 1 each: 0, where the others
   * begin, and the number of rows. Equal neighbours: an empty sequence. */
  const int64_t *query_offsets;
  const int64_t *key_offsets;
} pbs_packing;

/** Shape of an output of pbs_program_run_packed; otherwise as
 * pbs_program_output_shape. */
PBS_API pbs_status pbs_program_packed_output_shape(
    pbs_program_t program, const pbs_tensor *inputs, size_t num_inputs,
    const pbs_packing *packing, size_t index, int64_t *shape);
/** Bytes of workspace that pbs_program_run_packed needs: as many as the
 * sequence that needs most, since one runs after the other. */
PBS_API pbs_status pbs_program_packed_workspace_size(pbs_program_t program,
                                                     const pbs_tensor *inputs,
                                                     size_t num_inputs,
                                                     const pbs_packing *packing,
                                                     size_t *bytes);
/** Runs a program on each sequence of packed tensors, in order; otherwise as
 * pbs_program_run, with one check of all shapes before the first runs. CUDA:
 * the launches of all of them are enqueued on the stream. `checked`: the lists
 * of a sequence are checked as it runs, so that those before a bad one have
 * their outputs and those after it do not run. For tensors of rank 3 and more;
 * not for PBS_ATTENTION_PACKED, whose offsets are on the device. */
PBS_API pbs_status pbs_program_run_packed(pbs_program_t program,
                                          const pbs_tensor *arguments,
                                          size_t num_arguments,
                                          const pbs_packing *packing,
                                          const pbs_run_options *options);

/*===----------------------------------------------------------------------===*\
|* Compilation (in libpbs; the bare runtime answers PBS_UNSUPPORTED)          *|
\*===----------------------------------------------------------------------===*/

typedef struct pbs_compile_options {
  size_t struct_size;
  /** "host" (default), a GPU chip such as "sm_90a", or a virtual architecture
   * such as "compute_90a": its code stays PTX, which the driver compiles when
   * it loads it. */
  const char *target;
  /** Function to compile; null: the only one. */
  const char *function;
  /** Not 0: neither read nor write the disk cache. */
  int32_t no_cache;
  /** Directory of the disk cache; null: PBS_CACHE_DIR, else XDG_CACHE_HOME or
   * ~/.cache, in "pbs-mlir". A directory named here or by PBS_CACHE_DIR must be
   * writable. */
  const char *cache_dir;
  /** Not 0: leave out the fusion passes. */
  int32_t no_fusion;
  /** ptxas to use for GPU targets; null: search. */
  const char *ptxas;
  /** Not 0: GPU code stays PTX, which the driver compiles when it loads it. */
  int32_t keep_ptx;
  /** Options of the pass pipeline of the target, as pbs-opt takes them, for
   * example "tile=true stages=2"; null: none. */
  const char *pipeline_options;
} pbs_compile_options;

/** Compiles a function of attention IR. */
PBS_API pbs_status pbs_program_compile(const char *ir, size_t length,
                                       const pbs_compile_options *options,
                                       pbs_program_t *program);

/** Which attention a configuration describes, and its inputs. */
typedef enum pbs_attention_kind PBS_INT {
  /** The whole method: q, k, v. */
  PBS_ATTENTION_PERMUTED = 0,
  /** A caller's block list: q, k, v, [positions i32 [B,Hkv,N],] count i32
   * [B,Hq,Mb], index i32 [B,Hq,Mb,L]. */
  PBS_ATTENTION_SPARSE = 1,
  /** Dense attention: q, k, v. */
  PBS_ATTENTION_DENSE = 2,
  /** Dense attention of sequences that lie one after the other: q, k, v of
   * batch size 1, query_offsets i32 [S+1], key_offsets i32 [S+1], where each
   * begins; on CUDA only. */
  PBS_ATTENTION_PACKED = 3
} pbs_attention_kind;

typedef enum pbs_stop_rule PBS_INT {
  PBS_TOP_P = 0,
  PBS_TOP_K = 1,
  PBS_REFERENCE_TOP_P = 2
} pbs_stop_rule;

typedef enum pbs_proxy PBS_INT {
  PBS_LAST_ROWS = 0,
  PBS_STRIDED_ROWS = 1,
  PBS_RANDOM_ROWS = 2
} pbs_proxy;

typedef enum pbs_sharing PBS_INT {
  PBS_SHARE_MEAN = 0,
  PBS_AVERAGE_QUERY = 1,
  PBS_PER_QUERY_HEAD = 2
} pbs_sharing;

/** Outputs besides the attention output, in the order of these bits; those that
 * a kind does not have are an error. Mb and Nb are the numbers of query and key
 * blocks, H the number of permutations. */
typedef enum pbs_output PBS_INT {
  /** f32 [B,Hq,M], natural logarithm. */
  PBS_OUTPUT_LSE = 1,
  /** f32 [B,H,N]. */
  PBS_OUTPUT_IMPORTANCE = 2,
  /** i32 [B,H,N], original position of each permuted key. */
  PBS_OUTPUT_POSITIONS = 4,
  /** f32 [B,Hq,Mb,Nb], -inf where a block is no candidate. */
  PBS_OUTPUT_SCORES = 8,
  /** i32 [B,Hq,Mb,ceil(Nb/32)], bit rows. */
  PBS_OUTPUT_BLOCK_LIST = 16,
  /** Permuted: leave out attention itself and its output. */
  PBS_OUTPUT_STAGES_ONLY = 32,
  /** f32 [B,Hq,1]: blocks on the list over blocks that could be on it, summed
   * over the query blocks of a head first. Causal, a key block could be on it
   * that holds a key which a row of the query block sees; otherwise any could.
   * 0 where none could. */
  PBS_OUTPUT_DENSITY = 64,
  /** f32 [B,Hq,1]: mean of the share of a query block's mass that its list
   * covers, over the query blocks of a head that have a candidate; 1 where none
   * has. The mass is the softmax of the scores of the candidates, what the
   * threshold of top_p is about, so that with top_p no share is below that.
   * Where a score is NaN and the softmax no number, candidates count alike. */
  PBS_OUTPUT_COVERED_MASS = 128
} pbs_output;

/** An attention for any batch size and any lengths. Zero takes the default of a
 * field where one is named. */
typedef struct pbs_attention_config {
  size_t struct_size;
  pbs_attention_kind kind;
  int32_t query_heads;
  int32_t kv_heads;
  int32_t head_dim;
  pbs_dtype dtype;
  int32_t causal;
  /** Factor of the scores; 0: 1/sqrt(head_dim). */
  double scale;
  /** Default 128. */
  int32_t query_block;
  /** Default 128. */
  int32_t key_block;
  /** Default 256; a multiple of key_block. */
  int32_t segment;
  /** Not 0: keys stay where they are. */
  int32_t unpermuted;
  pbs_stop_rule stop_rule;
  /** top_p: share of the mass; default 0.9. */
  double threshold;
  /** top_k: number of candidates. */
  int32_t count;
  pbs_proxy proxy;
  /** Default 128. */
  int32_t proxy_rows;
  int64_t proxy_seed;
  pbs_sharing sharing;
  /** Not 0: list all blocks of the own segments, as the published code does. */
  int32_t whole_own;
  /** Sparse: not 0 if the caller gives positions. */
  int32_t has_positions;
  /** Bits of pbs_output. */
  int32_t outputs;
  /** Permuted: with fewer keys a call computes dense attention; 0: as many as
   * pay on the target, -1: never. Only without outputs other than LSE. */
  int64_t dense_below;
  /** Sparse and causal: not 0 if the caller gives keys and values in the order
   * of positions, too, as the last two inputs. The list then speaks of the
   * blocks before the own segments of a query block only; of these a row sees
   * all visible keys. */
  int32_t has_own_keys;
} pbs_attention_config;

/** Compiles an attention. */
PBS_API pbs_status pbs_attention_create(const pbs_attention_config *config,
                                        const pbs_compile_options *options,
                                        pbs_program_t *program);
/** The IR that pbs_attention_create compiles; release it with pbs_free. */
PBS_API pbs_status pbs_attention_ir(const pbs_attention_config *config,
                                    char **ir);
PBS_API void pbs_free(void *memory);

#ifdef __cplusplus
}
#endif

#endif /* PBS_RUNTIME_PBS_H */
