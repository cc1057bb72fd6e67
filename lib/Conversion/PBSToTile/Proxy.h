//===- Proxy.h - What kernels of proxy rows share ---------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_LIB_CONVERSION_PBSTOTILE_PROXY_H
#define PBS_LIB_CONVERSION_PBSTOTILE_PROXY_H

#include "KernelWriter.h"
#include <cmath>

namespace mlir::pbs {

/// Keys of a block, and the proxy rows of a head at most.
constexpr int64_t kTileRows = 128;

/// Which rows look at the keys, and how.
struct ProxyTask {
  template <typename OpT>
  ProxyTask(OpT op, int64_t segment)
      : query(op.getQuery().getType()), proxy(op.getProxy()),
        sharing(op.getSharing()), segment(segment),
        scale(op.getScale() ? op.getScale()->convertToDouble()
                            : 1 / std::sqrt(double(query.getShape().back()))) {
    if (Value rows = op.getProxies())
      proxies = getBuffer(rows);
  }

  /// Why there is no kernel for it.
  std::optional<std::string> refuse() const;
  int64_t getMaxRows() const { return proxy.getMaxRows(); }
  /// Whether the queries of a group are averaged before the softmax.
  bool averages() const { return sharing.getProxyHeads(2, 1) == 1; }

  RankedTensorType query;
  ProxyAttrInterface proxy;
  SharingAttrInterface sharing;
  int64_t segment;
  double scale;
  /// Where proxy rows lie one after the other; otherwise they are the last
  /// ones.
  std::optional<unsigned> proxies;
};

/// Writes products of proxy rows and keys.
class ProxyWriter {
public:
  /// `numStats` is the number of heads that have statistics; products are tiles
  /// of `scoreType`.
  ProxyWriter(KernelWriter &b, const ProxyTask &task, Value query, Value key,
              Value numStats, RankedTensorType scoreType);

  /// A tile of `size` keys.
  Value loadKeys(Value batch, Value head, Value first, int64_t size);
  /// `size` proxy rows of a query head from proxy row `first` on, zero where
  /// there are fewer.
  Value loadRows(Value batch, Value head, Value first, int64_t size);
  /// The offset of the exponents of 2 for a maximum.
  Value writeOffset(Value maxima);
  Value toFloat(Value integer);

  KernelWriter &b;
  const ProxyTask &task;
  /// `rows` has the proxy rows, from `firstRow` on.
  Value query, key, rows;
  /// Query rows, and the proxy rows among them.
  Value numQueries, numRows, firstRow;
  /// Key blocks of complete segments.
  Value keyBlocks;
  /// Query heads that are averaged.
  Value averaged;
  /// From products to exponents of 2.
  Value scales;
  RankedTensorType scoreType;

private:
  Value load(Value source, Value batch, Value head, Value first, int64_t size);
};

} // namespace mlir::pbs

#endif // PBS_LIB_CONVERSION_PBSTOTILE_PROXY_H
