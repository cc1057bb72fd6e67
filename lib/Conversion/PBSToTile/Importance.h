//===- Importance.h - Importance of the keys of a segment -------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_LIB_CONVERSION_PBSTOTILE_IMPORTANCE_H
#define PBS_LIB_CONVERSION_PBSTOTILE_IMPORTANCE_H

#include "Proxy.h"

namespace mlir::pbs {

/// Writes the importance of keys, given the statistics of the proxy rows.
class ImportanceWriter {
public:
  /// `numHeads` is the number of permutations of a batch.
  ImportanceWriter(KernelWriter &b, const ProxyTask &task, Value query,
                   Value key, Value stats, Value numHeads);

  /// The importance of the keys of segment `segment` of a permutation: for each
  /// tile of keys a #tile.row. Keys that are in no complete segment have 0.
  SmallVector<Value> write(Value batch, Value head, Value segment);
  /// Keys of a tile.
  int64_t getTileKeys() const { return tileKeys; }
  /// The tiles of keys of the segment written last.
  ValueRange getKeys() const { return keys; }

private:
  /// The maximum and the sum of each proxy row of a tile.
  struct RowStats {
    Value max, sum;
  };
  /// A tile of proxy rows: the head of its statistics, its first row.
  struct ProxyTile {
    Value statsHead, first;
  };
  ProxyTile getProxyTile(Value head, Value number);
  RowStats readStats(Value batch, const ProxyTile &at);
  /// A value for each proxy row, 0 for those that do not exist, a #tile.col.
  Value writeColumn(Value values, const ProxyTile &at);
  /// The factors of the exponentials of each proxy row.
  Value writeFactor(const RowStats &stats, const ProxyTile &at);
  /// The sums of the probabilities of exponentials, a #tile.quad.
  Value writeSum(Value powers, Value factor, const ProxyTile &at);
  Value writeProduct(Value keys, Value rows, Value sum);
  /// The sums of probabilities of each tile of keys, #tile.quad.
  SmallVector<Value> writeSums(Value batch, const ProxyTile &at,
                               const RowStats &stats);

  KernelWriter &b;
  const ProxyTask &task;
  int64_t tileKeys, proxyTiles;
  ProxyWriter proxy;
  Value stats;
  SmallVector<Value> keys;
  /// Softmaxes of a permutation, permutations of a KV head.
  Value softmaxes, permutationsPerKey;
};

} // namespace mlir::pbs

#endif // PBS_LIB_CONVERSION_PBSTOTILE_IMPORTANCE_H
